//! Windows: what they are, and which of them a timestamp falls into.
