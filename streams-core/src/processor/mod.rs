//! The hot path: borrowed records pushed through typed edges.
