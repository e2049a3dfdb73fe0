//! A fault rule as in the control API: which calls it affects, how many, and how.

use platform::config::Duration;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::provider::Provider;

/// The definition of a rule. Without `next` or `probability` it always applies.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRule {
    provider: Option<Provider>,
    /// `GET`, `POST`, …
    method: Option<String>,
    /// A path, or a prefix followed by `*`.
    path: Option<String>,
    /// An event's name, or a prefix followed by `*`.
    event: Option<String>,
    /// Applies only to this many.
    next: Option<u32>,
    /// From 0 to 1.
    probability: Option<f64>,
    effect: Effect,
}

/// An active rule.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Rule {
    pub(crate) id: u64,
    provider: Option<Provider>,
    method: Option<String>,
    path: Option<String>,
    event: Option<String>,
    pub(crate) probability: Option<f64>,
    pub(super) remaining: Option<u32>,
    pub(crate) fired: u64,
    pub(super) effect: Effect,
}

/// Whether the fault strikes before or after the provider acts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Timing {
    #[default]
    Before,
    After,
}

/// The effect of a fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Effect {
    /// Responds with this status, and the provider's own error body unless another is given.
    Status {
        status: u16,
        /// The `Retry-After` header, in seconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<u32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<Value>,
        #[serde(default)]
        moment: Timing,
    },
    /// Delays the response.
    Delay {
        by: Duration,
        #[serde(default)]
        moment: Timing,
    },
    /// Never responds, and keeps the connection open.
    Hang {
        #[serde(default)]
        moment: Timing,
    },
    /// Breaks the connection after this many bytes of the body; by default after half of it.
    Truncate {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bytes: Option<usize>,
    },
    /// Sends the webhook this many times in total.
    Duplicate { times: u32 },
    /// Holds the webhook until this many have accumulated or `hold` has passed, then sends them in another order.
    Reorder {
        window: usize,
        #[serde(default = "default_hold")]
        hold: Duration,
    },
    /// Never sends the webhook.
    Drop,
}

fn default_hold() -> Duration {
    Duration::from_millis(500)
}

/// Why a rule is rejected.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RuleError {
    #[error("probability must be between 0 and 1")]
    Probability,
    #[error("{0} is not valid: an HTTP status must be between 200 and 599")]
    Status(u16),
    #[error("{0} concerns webhooks, which have an event and no method or path")]
    WebhookHasNoPath(&'static str),
    #[error("{0} concerns calls, which have a method and a path and no event")]
    CallHasNoEvent(&'static str),
    #[error("{0} requires a number above zero")]
    Zero(&'static str),
}

impl Effect {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Status { .. } => "status",
            Self::Delay { .. } => "delay",
            Self::Hang { .. } => "hang",
            Self::Truncate { .. } => "truncate",
            Self::Duplicate { .. } => "duplicate",
            Self::Reorder { .. } => "reorder",
            Self::Drop => "drop",
        }
    }

    pub(super) fn is_for_webhooks(&self) -> bool {
        matches!(
            self,
            Self::Duplicate { .. } | Self::Reorder { .. } | Self::Drop
        )
    }
}

impl Rule {
    pub(super) fn new(id: u64, new: NewRule) -> Result<Self, RuleError> {
        if new
            .probability
            .is_some_and(|probability| !(0.0..=1.0).contains(&probability))
        {
            return Err(RuleError::Probability);
        }
        let name = new.effect.name();
        if new.effect.is_for_webhooks() {
            if new.method.is_some() || new.path.is_some() {
                return Err(RuleError::WebhookHasNoPath(name));
            }
        } else if new.event.is_some() {
            return Err(RuleError::CallHasNoEvent(name));
        }
        match new.effect {
            Effect::Status { status, .. } if !(200..600).contains(&status) => {
                return Err(RuleError::Status(status));
            }
            Effect::Duplicate { times: 0 } | Effect::Reorder { window: 0, .. } => {
                return Err(RuleError::Zero(name));
            }
            _ => {}
        }
        Ok(Self {
            id,
            provider: new.provider,
            method: new.method,
            path: new.path,
            event: new.event,
            probability: new.probability,
            remaining: new.next,
            fired: 0,
            effect: new.effect,
        })
    }

    pub(super) fn is_for_call(&self, provider: Provider, method: &str, path: &str) -> bool {
        self.provider.is_none_or(|wanted| wanted == provider)
            && (self.method.as_deref()).is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && (self.path.as_deref()).is_none_or(|wanted| matches(wanted, path))
    }

    pub(super) fn is_for_event(&self, provider: Provider, event: &str) -> bool {
        self.provider.is_none_or(|wanted| wanted == provider)
            && (self.event.as_deref()).is_none_or(|wanted| matches(wanted, event))
    }
}

/// Whether the text equals the pattern, or starts with its part before `*`.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        Some((start, end)) => {
            text.len() >= start.len() + end.len() && text.starts_with(start) && text.ends_with(end)
        }
        None => pattern == text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::faults::Faults;

    fn rule(json: Value) -> NewRule {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn next_n_hits_exactly_n_of_its_own_calls() {
        let mut faults = Faults::new(1);
        let effect = json!({"kind": "status", "status": 503});
        let new = rule(
            json!({"provider": "stripe", "method": "POST", "path": "/v1/refunds*", "next": 2, "effect": effect}),
        );
        faults.add(new).unwrap();
        let mut hits =
            |method: &str, path: &str| !faults.for_call(Provider::Stripe, method, path).is_empty();
        assert!(!hits("GET", "/v1/refunds"));
        assert!(!hits("POST", "/v1/payment_intents"));
        assert!(hits("POST", "/v1/refunds"));
        assert!(hits("POST", "/v1/refunds/re_1/cancel"));
        assert!(!hits("POST", "/v1/refunds"));
        assert!(
            faults
                .for_call(Provider::Easypost, "POST", "/v1/refunds")
                .is_empty()
        );
        assert_eq!(faults.list()[0].fired, 2);
    }

    #[test]
    fn probability_is_kept_and_follows_from_the_seed() {
        let hits = |seed| {
            let mut faults = Faults::new(seed);
            faults
                .add(rule(
                    json!({"probability": 0.25, "effect": {"kind": "hang"}}),
                ))
                .unwrap();
            (0..10_000)
                .map(|_| {
                    !faults
                        .for_call(Provider::Dhl, "GET", "/track/shipments")
                        .is_empty()
                })
                .collect::<Vec<_>>()
        };
        let hit = hits(1).iter().filter(|hit| **hit).count();
        assert!((2_300..2_700).contains(&hit), "{hit}");
        assert_eq!(hits(1), hits(1));
        assert_ne!(hits(1), hits(2));
    }

    #[test]
    fn rules_that_could_never_hit_are_refused() {
        let refused = |json| Faults::new(1).add(rule(json)).unwrap_err();
        assert_eq!(
            refused(json!({"probability": 1.5, "effect": {"kind": "drop"}})),
            RuleError::Probability
        );
        assert_eq!(
            refused(json!({"path": "/v2/*", "effect": {"kind": "duplicate", "times": 2}})),
            RuleError::WebhookHasNoPath("duplicate")
        );
        assert_eq!(
            refused(json!({"event": "tracker.*", "effect": {"kind": "truncate"}})),
            RuleError::CallHasNoEvent("truncate")
        );
        assert_eq!(
            refused(json!({"effect": {"kind": "status", "status": 99}})),
            RuleError::Status(99)
        );
        assert_eq!(
            refused(json!({"effect": {"kind": "reorder", "window": 0}})),
            RuleError::Zero("reorder")
        );
        let unknown = json!({"effect": {"kind": "hang", "for": "1s"}});
        assert!(serde_json::from_value::<NewRule>(unknown).is_err());
    }
}
