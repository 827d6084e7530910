//! The typed `KStream`/`KTable` DSL.
