//! Records calls for tests and inspection, without credentials and card numbers.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use platform::card_number;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::provider::Provider;

/// Maximum number of recorded calls; the oldest are dropped first.
const KEPT: usize = 10_000;

/// One request to a provider.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Call {
    pub(crate) id: u64,
    pub(crate) at: DateTime<Utc>,
    pub(crate) provider: Provider,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) idempotency_key: Option<String>,
    /// JSON, or the raw text if it is not JSON.
    pub(crate) body: Value,
    /// `None`: not answered, or not yet.
    pub(crate) status: Option<u16>,
    /// The kinds of faults it met.
    pub(crate) faults: Vec<&'static str>,
}

/// Selects calls; unset fields match all.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallFilter {
    provider: Option<Provider>,
    method: Option<String>,
    path: Option<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Calls {
    kept: VecDeque<Call>,
    counted: u64,
}

impl Calls {
    /// Records a call and returns its number.
    pub(crate) fn begin(&mut self, mut call: Call) -> u64 {
        self.counted += 1;
        call.id = self.counted;
        // Tracking numbers have as many digits as card numbers, and are not secret.
        if call.provider == Provider::Stripe {
            hide_cards(&mut call);
        }
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(call);
        self.counted
    }

    pub(crate) fn record_response(&mut self, id: u64, status: u16) {
        // The newest are last, and most calls are answered soon.
        if let Some(call) = self.kept.iter_mut().rev().find(|call| call.id == id) {
            call.status = Some(status);
        }
    }

    pub(crate) fn list(&self, filter: &CallFilter) -> Vec<Call> {
        self.kept
            .iter()
            .filter(|call| filter.provider.is_none_or(|wanted| wanted == call.provider))
            .filter(|call| {
                let wanted = filter.method.as_deref();
                wanted.is_none_or(|wanted| wanted.eq_ignore_ascii_case(&call.method))
            })
            .filter(|call| {
                let wanted = filter.path.as_deref();
                wanted.is_none_or(|wanted| crate::faults::matches(wanted, &call.path))
            })
            .cloned()
            .collect()
    }

    pub(crate) fn clear(&mut self) {
        self.kept.clear();
    }
}

fn hide_cards(call: &mut Call) {
    let texts = [&mut call.query, &mut call.idempotency_key];
    for text in texts.into_iter().flatten().chain([&mut call.path]) {
        *text = card_number::hide(text).into_owned();
    }
    hide_in(&mut call.body);
}

fn hide_in(value: &mut Value) {
    match value {
        Value::String(text) => *text = card_number::hide(text).into_owned(),
        Value::Number(number) if card_number::contains(&number.to_string()) => *value = "…".into(),
        Value::Array(items) => items.iter_mut().for_each(hide_in),
        Value::Object(fields) => fields.values_mut().for_each(hide_in),
        _ => {}
    }
}
