//! Firebase Cloud Messaging: push messages, and the topics that devices subscribe to.

mod access_token;
mod messages;
#[cfg(test)]
mod tests;
mod topics;

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use self::access_token::AccessToken;
pub use self::access_token::ServiceAccountError;
pub use self::messages::{PushError, PushMessage};
pub use self::topics::{MAX_TOKENS, TopicOutcome, TopicSubscription};
use crate::clock::Clock;
use crate::config::Secret;
use crate::http::{ClientError, HttpClient, Policy, Rate};

/// The host of messages at Google, whose topics are at another host.
const MESSAGES_HOST: &str = "fcm.googleapis.com";
const TOPICS_HOST: &str = "iid.googleapis.com";

/// How often topics may be changed: Google limits a project to some 500 requests a second.
const TOPIC_CALLS: Rate = Rate {
    count: 400,
    per: Duration::from_secs(1),
    burst: 50,
};

/// Calls Firebase Cloud Messaging. Clones share connections and the access token.
#[derive(Clone, Debug)]
pub struct Fcm(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    messages: HttpClient,
    topics: HttpClient,
    access: AccessToken,
}

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum FcmConfigError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    ServiceAccount(#[from] ServiceAccountError),
}

impl Fcm {
    /// `base` is the API's address without a path: `https://fcm.googleapis.com`. Topics are then at Google's other host;
    /// at any other address they are at the same. `key` is a service account's key file, or an access token.
    pub fn new(base: &Url, key: &Secret, clock: Clock) -> Result<Self, FcmConfigError> {
        let policy = Policy {
            rate: Some(TOPIC_CALLS),
            ..Policy::default()
        };
        let messages = HttpClient::new("fcm", base.clone(), Policy::default(), clock.clone())?;
        let topics = HttpClient::new("fcm_topics", topics_base(base), policy, clock.clone())?;
        let access = AccessToken::new(key, clock)?;
        Ok(Self(Arc::new(Inner {
            messages,
            topics,
            access,
        })))
    }
}

fn topics_base(base: &Url) -> Url {
    let mut topics = base.clone();
    if base.host_str() == Some(MESSAGES_HOST) {
        // A host name is a valid host of an http URL.
        let _ = topics.set_host(Some(TOPICS_HOST));
    }
    topics
}
