//! What a script must not do, given that every one of them runs under `pipefail`.

use crate::source::Source;

/// Readers that leave before their input has ended. The writer is then killed by SIGPIPE, if it is not quicker.
const EARLY_LEAVERS: [(&str, &str); 3] = [
    ("head", "`sed -n 1p` reads to the end"),
    ("grep -q", "`grep ... >/dev/null` reads to the end"),
    ("grep -m", "`grep ... | sed -n 1p` reads to the end"),
];

/// Pipes that fail now and then.
pub(crate) fn broken_pipes(source: &Source) -> Vec<String> {
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(source.text.lines()) {
        for reader in line.replace("||", ";").split('|').skip(1).map(str::trim_start) {
            for (early, instead) in EARLY_LEAVERS {
                if reader.starts_with(early) {
                    let path = &source.path;
                    findings.push(format!("{path}:{number}: `| {early}` may end the script with 141: {instead}"));
                }
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_leaves_early_is_found() {
        for (early, _) in EARLY_LEAVERS {
            let findings = broken_pipes(&Source::new("a.sh", &format!("set -e\nmake --version | {early} 1\n")));
            assert_eq!(findings.len(), 1, "{early}: {findings:?}");
            assert!(findings[0].starts_with("a.sh:2: "), "{findings:?}");
        }
        let fine = "grep -q a file || head file; make | sed -n 1p";
        assert_eq!(broken_pipes(&Source::new("a.sh", fine)), [""; 0]);
    }
}
