OPTIONS = ()
CASES = []
