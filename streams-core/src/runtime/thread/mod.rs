//! One stream thread.

mod pacing;
