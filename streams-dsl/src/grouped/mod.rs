//! Streams that are grouped by key, before they are aggregated.
