//! Stream threads that step tasks: poll, process, punctuate, commit.
