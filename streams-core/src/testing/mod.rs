//! `TopologyTestDriver`: a task without broker, port or sleep.
