//! Request parameters: read one by one; remaining ones are rejected, as by Stripe.

use axum::extract::{FromRequest, Request};
use serde_json::{Map, Value};

use super::error::StripeError;
use crate::form;
use crate::middleware::MAX_BODY_BYTES;

/// The parameters of query and body combined.
#[derive(Debug)]
pub(super) struct Params(Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for Params {
    type Rejection = StripeError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, StripeError> {
        let mut params = form::parse(request.uri().query().unwrap_or_default().as_bytes());
        let body = axum::body::to_bytes(request.into_body(), MAX_BODY_BYTES).await;
        let body = body.map_err(|_| {
            StripeError::invalid("parameter_invalid", "body", "The body could not be read.")
        })?;
        params.extend(form::parse(&body));
        Ok(Self(params))
    }
}

impl Params {
    pub(super) fn text(&mut self, name: &'static str) -> Result<Option<String>, StripeError> {
        match self.0.shift_remove(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(StripeError::invalid(
                "parameter_invalid_string",
                name,
                format!("Invalid string: {name}"),
            )),
        }
    }

    pub(super) fn required(&mut self, name: &'static str) -> Result<String, StripeError> {
        self.text(name)?.ok_or(StripeError::Missing(name))
    }

    /// A positive whole number of minor units.
    pub(super) fn amount(&mut self, name: &'static str) -> Result<Option<i64>, StripeError> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let amount: i64 = text.parse().map_err(|_| {
            StripeError::invalid(
                "parameter_invalid_integer",
                name,
                format!("Invalid integer: {text}"),
            )
        })?;
        if !(1..=99_999_999).contains(&amount) {
            let (code, message) = if amount < 1 {
                (
                    "parameter_invalid_integer",
                    "This value must be greater than or equal to 1.",
                )
            } else {
                (
                    "amount_too_large",
                    "Amount must be no more than $999,999.99",
                )
            };
            return Err(StripeError::invalid(code, name, message));
        }
        Ok(Some(amount))
    }

    pub(super) fn flag(&mut self, name: &'static str) -> Result<bool, StripeError> {
        match self.text(name)?.as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(StripeError::invalid(
                "parameter_invalid_boolean",
                name,
                format!("Invalid boolean: {other}"),
            )),
        }
    }

    /// One of these values.
    pub(super) fn choice(
        &mut self,
        name: &'static str,
        words: &[&'static str],
    ) -> Result<Option<&'static str>, StripeError> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let chosen = words.iter().find(|word| **word == text);
        chosen.map(|word| Some(*word)).ok_or_else(|| {
            let message = format!("Invalid {name}: must be one of {}", words.join(", "));
            StripeError::invalid("parameter_invalid", name, message)
        })
    }

    /// A map or list as sent.
    pub(super) fn nested(&mut self, name: &'static str) -> Option<Value> {
        self.0.shift_remove(name)
    }

    /// String values by name; empty if missing.
    pub(super) fn metadata(&mut self) -> Result<Value, StripeError> {
        match self.nested("metadata") {
            None => Ok(Value::Object(Map::new())),
            Some(Value::Object(map)) if map.values().all(Value::is_string) => {
                Ok(Value::Object(map))
            }
            // `metadata=` clears it.
            Some(Value::String(text)) if text.is_empty() => Ok(Value::Object(Map::new())),
            Some(_) => Err(StripeError::invalid(
                "parameter_invalid",
                "metadata",
                "Metadata values must be strings.",
            )),
        }
    }

    /// A list of strings.
    pub(super) fn texts(&mut self, name: &'static str) -> Vec<String> {
        match self.nested(name) {
            Some(Value::Array(list)) => list
                .into_iter()
                .filter_map(|item| item.as_str().map(str::to_owned))
                .collect(),
            Some(Value::String(text)) => vec![text],
            _ => Vec::new(),
        }
    }

    /// Rejects parameters that were not read. `known` are Stripe's parameters that the sandbox ignores.
    pub(super) fn finish(self, known: &[&str]) -> Result<(), StripeError> {
        let left = self.0.keys().find(|name| !known.contains(&name.as_str()));
        left.map_or(Ok(()), |name| Err(StripeError::Unknown(name.clone())))
    }
}
