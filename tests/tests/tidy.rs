//! Checks the tree itself: the rules of STYLE.md that no compiler lint knows, and the module rules of ARCHITECTURE.md.
//!
//! Each rule is a pure function from [`Source`]s to findings (`path:line: what is wrong and what to do`), with a test
//! beside it that plants a violation. The tests here run the rules over the files of the checkout. Nothing is fixed or
//! written, and nothing outside the checkout is read.
//!
//! | rule | where |
//! |---|---|
//! | files of 700 lines, functions of 70, a module doc first | `tidy/shape.rs` |
//! | which module may import which, which file may touch the outside world | `tidy/modules.rs`, `tidy/ambient.rs` |
//! | every row of bad input has a test | `tidy/rows.rs` |
//! | scripts without pipes that fail now and then | `tidy/shell.rs` |
//! | unfinished marks, silenced lints, machine paths | `tidy/words.rs` |

#[path = "tidy/ambient.rs"]
mod ambient;
#[path = "tidy/modules.rs"]
mod modules;
#[path = "tidy/paths.rs"]
mod paths;
#[path = "tidy/rows.rs"]
mod rows;
#[path = "tidy/shape.rs"]
mod shape;
#[path = "tidy/shell.rs"]
mod shell;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/words.rs"]
mod words;

use std::sync::LazyLock;

use source::Source;

/// Which test proves which row of bad input.
const BAD_INPUTS: &str = "tests/tests/bad_inputs/README.md";

/// Functions longer than a screen: the file, the function, and why it is better so. An entry that is no longer needed
/// is a finding.
const LONG_FUNCTIONS: &[(&str, &str, &str)] = &[];

#[test]
fn files_fit_in_700_lines() {
    expect_none(checkout().iter().filter(|source| source.is_rust()).flat_map(shape::long_file));
}

#[test]
fn functions_fit_on_a_screen() {
    let sources = checkout();
    expect_none(shape::long_functions(sources, LONG_FUNCTIONS));
}

#[test]
fn every_file_says_what_it_is_for() {
    expect_none(checkout().iter().filter(|source| source.is_rust()).flat_map(shape::no_module_doc));
}

#[test]
fn modules_import_what_architecture_allows() {
    let sources = checkout();
    let rules = modules::Rules::parse(fenced_block(sources, "module-rules")).expect("the module-rules block parses");
    expect_none(modules::forbidden_imports(sources, &rules));
}

#[test]
fn every_rule_is_about_a_file() {
    let sources = checkout();
    let rules = modules::Rules::parse(fenced_block(sources, "module-rules")).expect("the module-rules block parses");
    expect_none(modules::stale_rows(sources, &rules));
    let rules = ambient::parse(fenced_block(sources, "driver-rules")).expect("the driver-rules block parses");
    expect_none(ambient::stale_drivers(sources, &rules));
}

#[test]
fn only_drivers_touch_the_outside_world() {
    let sources = checkout();
    let rules = ambient::parse(fenced_block(sources, "driver-rules")).expect("the driver-rules block parses");
    expect_none(ambient::outside_drivers(sources, &rules));
}

#[test]
fn nothing_unfinished_and_nothing_silenced() {
    expect_none(checkout().iter().filter(|source| source.is_rust()).flat_map(words::unfinished_or_silenced));
}

#[test]
fn no_path_of_anybodys_machine() {
    expect_none(checkout().iter().flat_map(words::machine_paths));
}

#[test]
fn no_pipe_whose_reader_leaves_early() {
    expect_none(checkout().iter().filter(|source| source.is_shell()).flat_map(shell::broken_pipes));
}

#[test]
fn every_row_of_bad_input_has_its_test() {
    let sources = checkout();
    let table = sources.iter().find(|source| source.path == BAD_INPUTS).expect("the table of bad input exists");
    expect_none(rows::unproven(table, sources));
}

/// Every text file of the checkout, read once for all tests.
///
/// # Panics
/// When a file cannot be read, or when the walk missed what must be there.
fn checkout() -> &'static [Source] {
    static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(|| {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate lies in the checkout");
        source::read_tree(root).expect("the checkout can be read")
    });
    assert!(SOURCES.iter().any(|source| source.path == "streams-core/src/lib.rs"), "the walk missed streams-core");
    &SOURCES
}

/// The lines of the block of ARCHITECTURE.md that opens with ```` ```NAME ````.
fn fenced_block<'a>(sources: &'a [Source], name: &str) -> &'a str {
    let document = sources.iter().find(|source| source.path == "ARCHITECTURE.md").expect("ARCHITECTURE.md exists");
    let (_, rest) = document
        .text
        .split_once(&format!("\n```{name}\n"))
        .unwrap_or_else(|| panic!("ARCHITECTURE.md has no block ```{name}"));
    rest.split_once("\n```").expect("the block is closed").0
}

fn expect_none(findings: impl IntoIterator<Item = String>) {
    let findings: Vec<String> = findings.into_iter().collect();
    assert!(findings.is_empty(), "{} finding(s), see STYLE.md:\n{}\n", findings.len(), findings.join("\n"));
}
