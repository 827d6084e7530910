//! Settings under Kafka's names, typed, with their defaults and reasons.
