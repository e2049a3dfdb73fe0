//! A partner's subscription to webhooks, as written in the clients file.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, de};
use url::Url;

/// Longer ids would not fit where they are stored and logged.
const MAX_ID: usize = 40;

/// A webhook of a partner.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    /// Unique within the partner, and never used again.
    pub id: String,
    /// Where events are sent.
    pub url: Url,
    /// Types of events, such as `order.shipped`, or their beginnings, such as `order.*`. Empty: all that the partner's
    /// scopes allow.
    #[serde(default)]
    pub events: BTreeSet<String>,
    /// Whose events are sent.
    pub customers: Customers,
    /// Secrets that sign: several while one replaces another.
    pub secrets: Vec<SubscriptionSecret>,
}

/// Whose events a partner gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Customers {
    /// `all`.
    All,
    /// Those with these public ids.
    Some(BTreeSet<String>),
}

/// A secret, stored as the id that it is derived from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionSecret {
    pub id: String,
    /// When it stops signing; `None`: not yet decided.
    #[serde(default)]
    pub until: Option<DateTime<Utc>>,
}

/// Why a subscription cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubscriptionError {
    #[error("`{0}` is not an id of a webhook: write 1 to 40 letters, digits, `_` or `-`")]
    Id(String),
    #[error(
        "webhook `{0}` has the URL of no server: write https://host/path, without user, password and fragment"
    )]
    Url(String),
    #[error(
        "webhook `{0}` has no type of events like `{1}`: write `order.shipped`, `order.*` or `*`"
    )]
    Event(String, String),
    #[error("webhook `{0}` is for no customer: write `customers: all`, or list their ids")]
    NoCustomers(String),
    #[error("webhook `{0}` has no secrets, or two with the same id")]
    Secrets(String),
}

impl Subscription {
    /// Checks what can be checked without looking anything up.
    ///
    /// # Errors
    /// The first problem.
    pub fn check(&self) -> Result<(), SubscriptionError> {
        let id = &self.id;
        if !is_id(id) {
            return Err(SubscriptionError::Id(id.clone()));
        }
        let url = &self.url;
        let is_plain = matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none();
        if !is_plain {
            return Err(SubscriptionError::Url(id.clone()));
        }
        if let Some(event) = self.events.iter().find(|event| !is_event_pattern(event)) {
            return Err(SubscriptionError::Event(id.clone(), event.clone()));
        }
        if matches!(&self.customers, Customers::Some(ids) if ids.is_empty()) {
            return Err(SubscriptionError::NoCustomers(id.clone()));
        }
        let ids: BTreeSet<_> = self.secrets.iter().map(|secret| &secret.id).collect();
        let are_distinct = !ids.is_empty() && ids.len() == self.secrets.len();
        if !are_distinct || !ids.into_iter().all(|id| is_id(id)) {
            return Err(SubscriptionError::Secrets(id.clone()));
        }
        Ok(())
    }

    /// Whether it includes events of this type.
    pub fn includes(&self, event_type: &str) -> bool {
        self.events.is_empty()
            || self
                .events
                .iter()
                .any(|pattern| match pattern.strip_suffix('*') {
                    Some(beginning) => event_type.starts_with(beginning),
                    None => pattern == event_type,
                })
    }

    /// The ids of the secrets that sign now.
    pub fn active_secrets(&self, now: DateTime<Utc>) -> impl Iterator<Item = &str> {
        let active =
            move |secret: &&SubscriptionSecret| secret.until.is_none_or(|until| now < until);
        self.secrets
            .iter()
            .filter(active)
            .map(|secret| secret.id.as_str())
    }
}

fn is_id(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=MAX_ID).contains(&text.len()) && text.bytes().all(is_plain)
}

/// Whether a text has the form of a type of events, or of the beginning of some.
pub fn is_event_pattern(text: &str) -> bool {
    let beginning = text.strip_suffix(".*").unwrap_or(text);
    let is_name = |part: &str| {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        !part.is_empty() && part.bytes().all(is_plain)
    };
    text == "*" || beginning.split('.').all(is_name)
}

impl<'de> Deserialize<'de> for Customers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Word(String),
            Ids(BTreeSet<String>),
        }
        match Written::deserialize(deserializer)? {
            Written::Word(word) if word == "all" => Ok(Self::All),
            Written::Word(word) => Err(de::Error::custom(format!(
                "customers is `{word}`: write `all`, or a list of ids"
            ))),
            Written::Ids(ids) => Ok(Self::Some(ids)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn subscription(changes: serde_json::Value) -> Subscription {
        let mut written = json!({
            "id": "wh_1", "url": "https://acme.example/hooks", "customers": "all",
            "secrets": [{ "id": "s1" }],
        });
        for (key, value) in changes.as_object().unwrap() {
            written[key] = value.clone();
        }
        serde_json::from_value(written).unwrap()
    }

    #[test]
    fn what_could_never_work_is_refused() {
        assert_eq!(subscription(json!({})).check(), Ok(()));
        let check = |changes, expected: SubscriptionError| {
            assert_eq!(subscription(changes).check(), Err(expected));
        };
        let id = || "wh_1".to_owned();
        for bad in ["", "a b", "a/b", &"a".repeat(41)] {
            check(json!({ "id": bad }), SubscriptionError::Id(bad.to_owned()));
        }
        for url in [
            "ftp://acme.example/",
            "mailto:somebody@acme.example",
            "https://user@acme.example/",
            "https://:password@acme.example/",
            "https://acme.example/#part",
        ] {
            check(json!({ "url": url }), SubscriptionError::Url(id()));
        }
        for event in ["", "order.", "order*", "Order.*", "order.*.x", "**"] {
            let expected = SubscriptionError::Event(id(), event.to_owned());
            check(json!({ "events": [event] }), expected);
        }
        check(
            json!({ "customers": [] }),
            SubscriptionError::NoCustomers(id()),
        );
        check(json!({ "secrets": [] }), SubscriptionError::Secrets(id()));
        let twice = json!({ "secrets": [{ "id": "s" }, { "id": "s" }] });
        check(twice, SubscriptionError::Secrets(id()));
        let word =
            json!({ "id": "w", "url": "https://a.example", "customers": "some", "secrets": [] });
        let error = serde_json::from_value::<Subscription>(word).unwrap_err();
        assert!(error.to_string().contains("write `all`"), "{error}");
    }

    #[test]
    fn patterns_include_types_and_whole_groups_only() {
        let check = |events: &[&str], event_type: &str, expected: bool| {
            let subscription = subscription(json!({ "events": events }));
            assert_eq!(
                subscription.includes(event_type),
                expected,
                "{events:?} {event_type}"
            );
        };
        check(&[], "order.shipped", true);
        check(&["*"], "order.shipped", true);
        check(&["order.*"], "order.shipped", true);
        check(&["return.*", "order.shipped"], "order.shipped", true);
        check(&["order.ship"], "order.shipped", false);
        check(&["order.*"], "orders.shipped", false);
    }

    #[test]
    fn a_secret_signs_until_its_time() {
        let until: DateTime<Utc> = "2026-01-02T00:00:00Z".parse().unwrap();
        let subscription = subscription(json!({
            "secrets": [{ "id": "old", "until": until }, { "id": "new" }],
        }));
        let active = |seconds| {
            let now = until + chrono::TimeDelta::seconds(seconds);
            subscription
                .active_secrets(now)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(active(-1), ["old", "new"]);
        assert_eq!(active(0), ["new"]);
    }
}
