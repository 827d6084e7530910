//! Operators without state: one virtual call, one closure, no allocation.

mod branch;
mod filter;
mod flat_map;
mod map;
mod merge;
mod peek;
mod print;

pub(crate) use branch::{branch, Predicates};
pub(crate) use filter::{drop_null_keys, filter};
pub(crate) use flat_map::{flat_map, flat_map_values};
pub(crate) use map::{map, map_values, select_key};
pub(crate) use merge::pass_through;
pub(crate) use peek::{foreach, peek};
pub(crate) use print::print;
