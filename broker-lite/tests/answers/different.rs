//! Where broker-lite answers something else than Apache Kafka, on purpose.

/// A difference in one answer.
pub(crate) struct Different {
    pub(crate) case: &'static str,
    pub(crate) label: &'static str,
    /// What Apache Kafka has in its answer.
    pub(crate) kafka: &'static str,
    /// What broker-lite has in its place.
    pub(crate) here: &'static str,
    /// A reason that a user would accept.
    pub(crate) why: &'static str,
}

#[rustfmt::skip]
pub(crate) const DIFFERENT: &[Different] = &[
    Different { case: "produce-records", label: "a codec that does not exist, v9", kafka: "UNKNOWN_SERVER_ERROR", here: "UNSUPPORTED_COMPRESSION_TYPE", why: "the code says what is wrong" },
    Different { case: "produce-records", label: "stamped by the client without need, v9", kafka: "NONE, base_offset: 0", here: "INVALID_TIMESTAMP, base_offset: -1", why: "Kafka refuses a batch that claims the broker's time only where the topic wants that time" },
    Different { case: "produce-records", label: "stamped by the client, v9", kafka: "[BatchIndexAndErrorMessage { batch_index: 0, batch_index_error_message: .. }, BatchIndexAndErrorMessage { batch_index: 1, batch_index_error_message: .. }]", here: "[]", why: "the batch is at fault and not its records" },
    Different { case: "produce-sequences", label: "first batch again, v9", kafka: "log_append_time_ms: 1700000000000", here: "log_append_time_ms: -1", why: "a repetition is answered like the first time: the topic has its producers' times" },
    Different { case: "produce-sequences", label: "next batch again, v9", kafka: "log_append_time_ms: 1700000000000", here: "log_append_time_ms: -1", why: "a repetition is answered like the first time: the topic has its producers' times" },
    Different { case: "produce-sequences", label: "a batch again, in time, v9", kafka: "log_append_time_ms: 1700000000000", here: "log_append_time_ms: -1", why: "a repetition is answered like the first time: the topic has its producers' times" },
    Different { case: "produce-sequences", label: "a batch again after records were deleted, v9", kafka: "log_append_time_ms: 1700000000000", here: "log_append_time_ms: -1", why: "a repetition is answered like the first time: the topic has its producers' times" },
    Different { case: "fetch", label: "what the broker compresses, v12", kafka: "0-0@0 gzip", here: "0-0@0 none", why: "batches stay as their producer made them, whatever `compression.type` says" },
    Different { case: "list-offsets", label: "-3 after records were deleted, v11", kafka: "offset: 2", here: "offset: 6", why: "a deleted record is not found" },
    Different { case: "list-offsets", label: "-3, committed only, v7", kafka: "offset: 2", here: "offset: 6", why: "a deleted record is not found" },
    Different { case: "list-offsets", label: "-3 after all were deleted, v11", kafka: "timestamp: 300, offset: 2, leader_epoch: 0", here: "timestamp: -1, offset: -1, leader_epoch: -1", why: "a deleted record is not found" },
    Different { case: "create-topics", label: "1 partitions of 2 replicas, v7", kafka: "nil, error_code: INVALID_REPLICATION_FACTOR, error_message: .., topic_config_error_code: NONE, num_partitions: -1, replication_factor: -1", here: "ffffffff-ffff-ffff-ffff-ffffffffffff, error_code: NONE, error_message: .., topic_config_error_code: NONE, num_partitions: 1, replication_factor: 1", why: "`clamp_replication_factor`: many programs ask for three replicas" },
    Different { case: "create-topics-configs", label: "min.cleanable.dirty.ratio = `NaN`", kafka: "NONE", here: "INVALID_CONFIG", why: "it is no ratio" },
    Different { case: "create-topics-configs", label: "segment.bytes = `1048575`", kafka: "INVALID_CONFIG", here: "NONE", why: "small segments let tests roll" },
    Different { case: "create-topics-configs", label: "message.format.version = `2.8`", kafka: "INVALID_CONFIG", here: "NONE", why: "older tools still send what Kafka 4 removed" },
    Different { case: "configs-of-topics", label: "the topic of positions", kafka: "104857600", here: "16777216", why: "one node compacts small segments sooner" },
    Different { case: "configs-of-brokers", label: "offsets.topic.num.partitions", kafka: "Some(\"4\")", here: "Some(\"1\")", why: "more would only spread what one node writes" },
];
