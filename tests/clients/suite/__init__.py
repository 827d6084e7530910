"""Unmodified Kafka clients against a broker: one table of named cases per client."""
