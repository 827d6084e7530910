//! ApiVersions: what this broker speaks. The first request of every connection.

use streams_core::protocol::messages::api_versions::{
    ApiVersion, ApiVersionsRequest, ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey,
};
use streams_core::protocol::{ApiKey, ErrorCode};

use super::SUPPORTED;
use crate::broker::Context;

/// Clients name their software from this version on.
const NAMED_SINCE: i16 = 3;

/// Features and their levels: clients read from them what they may use. `metadata.version` is that of Kafka 4.2.
/// Features whose lowest level is 0 are left out, because older clients refuse them.
const FEATURES: &[(&str, i16)] = &[("metadata.version", 29), ("group.version", 1)];

/// The features never change while the broker runs, so any epoch does.
const FEATURES_EPOCH: i64 = 0;

pub(super) fn handle(context: &Context, request: &ApiVersionsRequest) -> ApiVersionsResponse {
    let is_known = ApiKey::ApiVersions.versions().contains(&context.api_version);
    let is_named = is_name(&request.client_software_name) && is_name(&request.client_software_version);
    let error_code = match () {
        () if !is_known => ErrorCode::UNSUPPORTED_VERSION,
        () if context.api_version >= NAMED_SINCE && !is_named => ErrorCode::INVALID_REQUEST,
        () => ErrorCode::NONE,
    };
    let api_keys = SUPPORTED.iter().map(|api| {
        let versions = api.advertised_versions();
        ApiVersion { api_key: api.code(), min_version: *versions.start(), max_version: *versions.end() }
    });
    ApiVersionsResponse {
        error_code,
        api_keys: api_keys.collect(),
        supported_features: FEATURES
            .iter()
            .map(|(name, level)| SupportedFeatureKey { name: (*name).to_owned(), min_version: 1, max_version: *level })
            .collect(),
        finalized_features_epoch: FEATURES_EPOCH,
        finalized_features: FEATURES
            .iter()
            .map(|(name, level)| FinalizedFeatureKey {
                name: (*name).to_owned(),
                max_version_level: *level,
                min_version_level: *level,
            })
            .collect(),
        ..ApiVersionsResponse::default()
    }
}

/// Whether text is `[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?`.
fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_inner = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    matches!((bytes.first(), bytes.last()), (Some(first), Some(last))
        if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric())
        && bytes.iter().all(is_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("librdkafka", true)]
    #[case("2.0.2", true)]
    #[case("a", true)]
    #[case("", false)]
    #[case("-a", false)]
    #[case("a.", false)]
    #[case("a b", false)]
    fn software_names(#[case] text: &str, #[case] expected: bool) {
        assert_eq!(is_name(text), expected);
    }
}
