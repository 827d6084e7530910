//! The text of a topology, byte for byte as Kafka Streams' `Topology.describe().toString()` prints it.
