//! A Kafka client: transports, producer, consumer and admin as state machines without threads.
