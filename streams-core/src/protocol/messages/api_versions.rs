//! What a broker speaks: the first question on every connection.

use crate::protocol::codec::{field, message};
use crate::protocol::codes::ErrorCode;

message! {
    /// Asks which APIs and versions the broker has.
    pub struct ApiVersionsRequest {
        [3.., ignorable] client_software_name: String,
        [3.., ignorable] client_software_version: String,
    }

    /// The APIs, their versions and the features of the cluster.
    pub struct ApiVersionsResponse {
        [0..] error_code: ErrorCode,
        [0..] api_keys: Vec<ApiVersion>,
        [1.., ignorable] throttle_time_ms: i32,
        [3.., tag 0, ignorable] supported_features: Vec<SupportedFeatureKey>,
        [3.., tag 1, ignorable] finalized_features_epoch: i64 = -1,
        [3.., tag 2, ignorable] finalized_features: Vec<FinalizedFeatureKey>,
        [3.., tag 3, ignorable] zk_migration_ready: bool,
    }

    /// One of `api_keys` in [`ApiVersionsResponse`].
    pub struct ApiVersion {
        [0..] api_key: i16,
        [0..] min_version: i16,
        [0..] max_version: i16,
    }

    /// One of `supported_features` in [`ApiVersionsResponse`].
    pub struct SupportedFeatureKey {
        [3..] name: String,
        [3..] min_version: i16,
        [3..] max_version: i16,
    }

    /// One of `finalized_features` in [`ApiVersionsResponse`].
    pub struct FinalizedFeatureKey {
        [3..] name: String,
        [3..] max_version_level: i16,
        [3..] min_version_level: i16,
    }
}
