//! State stores: a typed facade over cache, changelog and byte engine.

/// What a store is: name, kind, engine, layers, serdes. The builders of `Stores` make it.
#[derive(Debug)]
pub struct StoreSpec {
    name: String,
}

impl StoreSpec {
    /// The store's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}
