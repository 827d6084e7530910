//! Reading settings of topics, brokers and groups.

use crate::protocol::codec::{field, message};
use crate::protocol::codes::ErrorCode;

message! {
    /// Asks for settings.
    pub struct DescribeConfigsRequest {
        [0..] resources: Vec<DescribeConfigsResource>,
        [1..] include_synonyms: bool,
        [3..] include_documentation: bool,
    }

    /// One of `resources` in [`DescribeConfigsRequest`].
    pub struct DescribeConfigsResource {
        /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
        [0..] resource_type: i8,
        [0..] resource_name: String,
        /// Null is all of them.
        [0..] configuration_keys: Option<Vec<String>>,
    }

    /// The settings, one result per resource.
    pub struct DescribeConfigsResponse {
        [0..] throttle_time_ms: i32,
        [0..] results: Vec<DescribeConfigsResult>,
    }

    /// One of `results` in [`DescribeConfigsResponse`].
    pub struct DescribeConfigsResult {
        [0..] error_code: ErrorCode,
        [0..] error_message: Option<String>,
        [0..] resource_type: i8,
        [0..] resource_name: String,
        [0..] configs: Vec<DescribeConfigsResourceResult>,
    }

    /// One of `configs` in [`DescribeConfigsResult`].
    pub struct DescribeConfigsResourceResult {
        [0..] name: String,
        [0..] value: Option<String>,
        [0..] read_only: bool,
        [1.., ignorable] config_source: i8 = -1,
        [0..] is_sensitive: bool,
        [1.., ignorable] synonyms: Vec<DescribeConfigsSynonym>,
        [3.., ignorable] config_type: i8,
        [3.., ignorable] documentation: Option<String>,
    }

    /// One of `synonyms` in [`DescribeConfigsResourceResult`].
    pub struct DescribeConfigsSynonym {
        [1..] name: String,
        [1..] value: Option<String>,
        [1..] source: i8,
    }
}
