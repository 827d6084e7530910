//! The compile errors that users will meet: each case must fail to compile with the message we want.
//!
//! `TRYBUILD=overwrite cargo test -p streams-tests --test ui` rewrites the `.stderr` files; read them before they are
//! committed, because their text is what a user sees.

#[test]
fn mistakes_are_compile_errors_with_a_remedy() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/fail_*.rs");
}
