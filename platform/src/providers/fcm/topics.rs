//! Subscribes devices to topics by the Instance ID service's batch requests.

use serde::Deserialize;
use serde_json::json;

use super::Fcm;
use crate::config::Secret;
use crate::http::{Call, HttpError, Request};

/// The most tokens of one request.
pub const MAX_TOKENS: usize = 1_000;

/// What devices do with a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicSubscription {
    Subscribe,
    Unsubscribe,
}

/// What became of one token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopicOutcome {
    Done,
    /// FCM does not know the token: the app was uninstalled, or the token was replaced.
    UnknownToken,
    /// Repeating it gives the same answer: the token belongs to another project, or the device has too many topics.
    Refused(String),
    /// FCM failed, or asks to try again later.
    Failed(String),
}

impl TopicOutcome {
    /// Of the code in a result; `None` is success.
    fn new(code: Option<String>) -> Self {
        match code {
            None => Self::Done,
            Some(code) => match code.as_str() {
                "NOT_FOUND" => Self::UnknownToken,
                "INVALID_ARGUMENT" | "TOO_MANY_TOPICS" => Self::Refused(code),
                // INTERNAL and RESOURCE_EXHAUSTED; of others nothing is known.
                _ => Self::Failed(code),
            },
        }
    }
}

#[derive(Deserialize)]
struct Body {
    results: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    error: Option<String>,
}

impl Fcm {
    /// Subscribes or unsubscribes at most [`MAX_TOKENS`] tokens, and returns the outcome of each, in their order. Safe to
    /// repeat.
    pub async fn change_topic(
        &self,
        topic: &str,
        subscription: TopicSubscription,
        tokens: &[String],
    ) -> Result<Vec<TopicOutcome>, HttpError> {
        let (operation, path) = match subscription {
            TopicSubscription::Subscribe => ("subscribe", "v1:batchAdd"),
            TopicSubscription::Unsubscribe => ("unsubscribe", "v1:batchRemove"),
        };
        let body = json!({"to": format!("/topics/{topic}"), "registration_tokens": tokens});
        let request = |token: &Secret| {
            Request::post(operation, &["iid", path])
                .bearer(token)
                // Without it, the service expects one of its former keys.
                .header("access_token_auth", "true")
                .json(&body)
                .idempotent()
        };
        let answer = self.0.access.send(&self.0.topics, request).await?;
        let Body { results } = answer.json()?;
        if results.len() != tokens.len() {
            return Err(HttpError::Malformed {
                call: Call {
                    provider: "fcm_topics",
                    operation,
                },
                what: format!("{} results for {} tokens", results.len(), tokens.len()),
                in_doubt: true,
            });
        }
        Ok(results
            .into_iter()
            .map(|entry| TopicOutcome::new(entry.error))
            .collect())
    }
}
