//! Operators of the DSL through the test driver: one module per family.

mod dsl {
    mod aggregate;
    mod caching;
    mod process;
    mod repartition;
    mod script;
    mod stateless;
    mod stream_table;
    mod table;
    mod table_table;
    mod windows;
}
