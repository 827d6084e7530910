//! State stores: a typed facade over cache, changelog and byte engine.
