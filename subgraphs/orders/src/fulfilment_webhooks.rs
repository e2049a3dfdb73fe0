//! `/webhooks/fulfilment`: the warehouse registers parcels that it hands over to carriers. The body has the fields of
//! `ShipmentRegisterInput`; a repeated one changes nothing.

use std::str::FromStr;

use async_trait::async_trait;
use axum::Router;
use axum::http::HeaderMap;
use platform::config::Secret;
use platform::webhooks::{self, Applied, Webhook, WebhookError};
use serde::Deserialize;

use crate::State;
use crate::shipment_register::{RegisterError, Registered, register};
use crate::shipment_register_input::{Carrier, ShipmentLineInput, ShipmentRegisterInput, parse};

/// Who registered the parcels.
const WAREHOUSE: &str = "warehouse";

/// A body. Unknown fields are ignored.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Message {
    order_id: String,
    carrier: String,
    tracking_number: String,
    #[serde(default)]
    lines: Option<Vec<Line>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    order_item_id: String,
    quantity: i32,
}

impl Message {
    fn input(self) -> Result<ShipmentRegisterInput, WebhookError> {
        let carrier = Carrier::from_str(self.carrier.trim())
            .map_err(|_| WebhookError::Unreadable(format!("carrier {:?}", self.carrier)))?;
        let lines = self.lines.map(|lines| {
            let line = |line: Line| ShipmentLineInput {
                order_item_id: line.order_item_id.into(),
                quantity: line.quantity,
            };
            lines.into_iter().map(line).collect()
        });
        Ok(ShipmentRegisterInput {
            order_id: self.order_id.into(),
            carrier,
            tracking_number: self.tracking_number,
            lines,
        })
    }
}

struct FulfilmentWebhook {
    state: State,
    secrets: Vec<Secret>,
}

/// The endpoint; no route without a secret.
pub(crate) fn routes(state: State) -> Router {
    let secrets = state.fulfilment_webhook_secrets.clone();
    if secrets.is_empty() {
        return Router::new();
    }
    let webhook = FulfilmentWebhook { state, secrets };
    webhooks::route("/webhooks/fulfilment", webhook)
}

#[async_trait]
impl Webhook for FulfilmentWebhook {
    type Message = Message;

    fn provider(&self) -> &'static str {
        "fulfilment"
    }

    fn read(&self, headers: &HeaderMap, body: &[u8]) -> Result<Message, WebhookError> {
        let body = webhooks::signed_json(&self.secrets, headers, body)?;
        serde_json::from_value(body).map_err(|error| WebhookError::Unreadable(error.to_string()))
    }

    async fn apply(&self, message: Message) -> Result<Applied, WebhookError> {
        let parsed = parse(&message.input()?).map_err(refused)?;
        let now = self.state.clock.now();
        let failed = |error: &dyn std::fmt::Display| WebhookError::failed(error);
        let begun = self.state.database.begin().await;
        let transaction = begun.map_err(|error| failed(&error))?;
        match register(&transaction, &parsed, WAREHOUSE, now).await {
            Ok(registered) => {
                let committed = transaction.commit().await;
                committed.map_err(|error| failed(&error))?;
                Ok(match registered {
                    Registered::New(_) => Applied::Done,
                    Registered::Before(_) => Applied::Repeated,
                })
            }
            Err(RegisterError::Refused(errors)) => {
                transaction.rollback().await;
                Err(refused(errors))
            }
            Err(error) => Err(failed(&error)),
        }
    }
}

/// The first problem, which sending it again does not solve.
fn refused(errors: Vec<resolvers::user_error::InputError>) -> WebhookError {
    let Some(error) = errors.into_iter().next() else {
        return WebhookError::Failed("refused without a reason".to_owned());
    };
    WebhookError::Refused {
        code: error.code.as_str(),
        message: error.message,
    }
}
