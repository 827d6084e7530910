//! Operators of the DSL through the test driver: one module per family.

mod dsl {
    mod aggregate;
}
