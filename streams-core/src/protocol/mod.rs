//! The Kafka wire protocol: requests, responses and record batches as bytes, nothing else.
