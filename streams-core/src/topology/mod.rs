//! The closed, validated, describable plan, and its wiring into a live graph.
