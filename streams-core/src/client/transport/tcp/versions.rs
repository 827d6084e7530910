//! Which version of each API a connection uses: the highest that both sides have.

use crate::error::{Error, ErrorKind, Result};
use crate::protocol::messages::api_versions::ApiVersionsResponse;
use crate::protocol::{ApiKey, ErrorCode};

/// What the broker at the other end speaks.
#[derive(Debug)]
pub(super) struct Versions {
    broker: Vec<(i16, i16, i16)>,
}

/// What to do after the answer to ApiVersions.
#[derive(Debug)]
pub(super) enum Negotiation {
    Done(Versions),
    /// The broker does not have the version that was asked in; ask in this one.
    AskAgain(i16),
}

impl Versions {
    /// Reads the answer to a question in `asked`. A broker that does not have that version answers in version 0 and
    /// says which it has (KIP-511).
    pub(super) fn negotiate(asked: i16, response: &ApiVersionsResponse) -> Result<Negotiation> {
        let broker = response.api_keys.iter().map(|api| (api.api_key, api.min_version, api.max_version)).collect();
        let versions = Self { broker };
        match response.error_code {
            code if code.is_none() => Ok(Negotiation::Done(versions)),
            ErrorCode::UNSUPPORTED_VERSION if asked > 0 => {
                let best = versions.of(ApiKey::ApiVersions).unwrap_or(0).min(asked - 1);
                Ok(Negotiation::AskAgain(best))
            }
            code => {
                Err(Error::new(ErrorKind::Refused, format!("ask which versions it speaks: the broker answers {code}")))
            }
        }
    }

    /// The version to use for an API.
    pub(super) fn of(&self, api: ApiKey) -> Result<i16> {
        let ours = api.versions();
        let Some((_, min, max)) = self.broker.iter().find(|(key, _, _)| *key == api.code()) else {
            return Err(Error::new(ErrorKind::Refused, format!("the broker does not speak {api}")));
        };
        let best = (*max).min(*ours.end());
        if best >= *min && best >= *ours.start() {
            return Ok(best);
        }
        let message = format!(
            "the broker speaks {api} from v{min} to v{max}, this client from v{} to v{}",
            ours.start(),
            ours.end()
        );
        Err(Error::new(ErrorKind::Refused, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::messages::api_versions::ApiVersion;

    fn answer(error_code: ErrorCode, keys: &[(ApiKey, i16, i16)]) -> ApiVersionsResponse {
        let key = |(api, min_version, max_version): &(ApiKey, i16, i16)| ApiVersion {
            api_key: api.code(),
            min_version: *min_version,
            max_version: *max_version,
        };
        ApiVersionsResponse { error_code, api_keys: keys.iter().map(key).collect(), ..Default::default() }
    }

    #[test]
    fn both_sides_highest_version_is_used() {
        let keys = [(ApiKey::Fetch, 4, 99), (ApiKey::Produce, 0, 9), (ApiKey::Metadata, 50, 60)];
        let Ok(Negotiation::Done(versions)) = Versions::negotiate(4, &answer(ErrorCode::NONE, &keys)) else {
            panic!("is done");
        };
        assert_eq!(versions.of(ApiKey::Fetch).expect("common"), *ApiKey::Fetch.versions().end());
        assert_eq!(versions.of(ApiKey::Produce).expect("common"), 9);
        let message = versions.of(ApiKey::Metadata).expect_err("none in common").to_string();
        assert!(message.contains("from v50 to v60, this client from v0 to v"), "{message}");
        let message = versions.of(ApiKey::CreateTopics).expect_err("not spoken").to_string();
        assert_eq!(message, "the broker does not speak CreateTopics");
    }

    #[test]
    fn an_older_broker_is_asked_again_in_a_version_it_has() {
        for (keys, again) in [(&[(ApiKey::ApiVersions, 0, 2)][..], 2), (&[(ApiKey::ApiVersions, 0, 9)], 3), (&[], 0)] {
            match Versions::negotiate(4, &answer(ErrorCode::UNSUPPORTED_VERSION, keys)) {
                Ok(Negotiation::AskAgain(version)) => assert_eq!(version, again),
                other => panic!("{other:?}"),
            }
        }
        Versions::negotiate(0, &answer(ErrorCode::UNSUPPORTED_VERSION, &[])).expect_err("there is no lower one");
    }
}
