//! The suite that every byte engine passes.
