//! The retail pipeline: its rules by the test driver, and the program as a process.

mod retail {
    mod conservation;
    mod data;
    mod harness;
    mod lines;
    mod prices;
    mod process;
    mod reorders;
}
