//! Refunds of unused labels: requested at once, granted a little later.

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use chrono::{DateTime, Duration, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::EasyPostError;
use super::request::read;
use super::{Page, time};
use crate::parcels::{Carrier, Parcel};
use crate::sandbox::Sandbox;
use crate::world::World;

pub(super) fn routes() -> Router<Sandbox> {
    Router::new()
        .route("/v2/refunds", get(list).post(create))
        .route("/v2/refunds/{id}", get(retrieve))
}

#[derive(Clone, Debug)]
pub(super) struct Refund {
    id: String,
    code: String,
    carrier: Carrier,
    shipment: String,
    created_at: DateTime<Utc>,
    /// Whether the carrier has granted it.
    settled: bool,
}

#[derive(Debug, Deserialize)]
struct Create {
    refund: Option<NewRefund>,
}

#[derive(Debug, Deserialize)]
struct NewRefund {
    carrier: Option<String>,
    tracking_codes: Option<Codes>,
}

/// A list, or comma-separated text.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Codes {
    List(Vec<String>),
    Text(String),
}

async fn create(
    State(sandbox): State<Sandbox>,
    body: Bytes,
) -> Result<impl IntoResponse, EasyPostError> {
    let asked: Create = read(&body)?;
    let new = asked.refund.ok_or(EasyPostError::Missing("refund"))?;
    let carrier = new.carrier.ok_or(EasyPostError::Missing("carrier"))?;
    let carrier = Carrier::from_easypost_name(&carrier).ok_or_else(|| {
        EasyPostError::invalid("REFUND.CARRIER.UNKNOWN", "The carrier is unknown.")
    })?;
    let codes = match new
        .tracking_codes
        .ok_or(EasyPostError::Missing("tracking_codes"))?
    {
        Codes::List(codes) => codes,
        Codes::Text(text) => text.split(',').map(|code| code.trim().to_owned()).collect(),
    };
    sandbox.world(|world| {
        let refunds = codes
            .iter()
            .map(|code| world.refund_label(code, carrier))
            .collect::<Result<Vec<_>, _>>()?;
        Ok((StatusCode::CREATED, Json(refunds)))
    })
}

async fn retrieve(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
) -> Result<Json<Value>, EasyPostError> {
    sandbox.world(|world| {
        let refund = world.easypost.refunds.get(&id);
        Ok(Json(refund.ok_or(EasyPostError::NotFound)?.json()))
    })
}

async fn list(State(sandbox): State<Sandbox>, Query(page): Query<Page>) -> Json<Value> {
    sandbox.world(|world| {
        let (refunds, more) = page.of(&world.easypost.refunds, |_| true);
        let refunds: Vec<_> = refunds.into_iter().map(Refund::json).collect();
        Json(json!({"refunds": refunds, "has_more": more}))
    })
}

impl World {
    /// Requests a refund of an unused label from the carrier. Repeating it changes nothing.
    pub(super) fn refund_label(
        &mut self,
        code: &str,
        carrier: Carrier,
    ) -> Result<Value, EasyPostError> {
        let shipment = self
            .easypost
            .shipments
            .values()
            .find(|shipment| shipment.bought_code() == Some(code))
            .ok_or_else(|| {
                EasyPostError::invalid("REFUND.CREATE.ERROR", "No shipment has this tracking code.")
            })?;
        let id = shipment.id.clone();
        let known = (shipment.bought.as_ref()).and_then(|bought| bought.refund.as_ref());
        if let Some(refund) = known.and_then(|id| self.easypost.refunds.get(id)) {
            return Ok(refund.json());
        }
        if self.parcels.get(code).is_some_and(Parcel::was_handed_over) {
            return Err(EasyPostError::invalid(
                "SHIPMENT.REFUND.UNAVAILABLE",
                "Refund request unavailable. The label has been used.",
            ));
        }
        let settle = Duration::from_std(self.config.settle.get()).unwrap_or_default();
        let due = self.now + settle;
        let refund = Refund {
            id: self.ids.hex("rfnd"),
            code: code.to_owned(),
            carrier,
            shipment: id.clone(),
            created_at: self.now,
            settled: false,
        };
        let json = refund.json();
        if let Some(shipment) = self.easypost.shipments.get_mut(&id)
            && let Some(bought) = &mut shipment.bought
        {
            bought.refund = Some(refund.id.clone());
        }
        self.easypost.due.insert((due, refund.id.clone()));
        self.easypost.refunds.insert(refund.id.clone(), refund);
        Ok(json)
    }

    /// Grants the refunds that are due.
    pub(crate) fn settle_label_refunds(&mut self) {
        while self.easypost.next_due().is_some_and(|due| due <= self.now) {
            let Some((_, id)) = self.easypost.due.pop_first() else {
                return;
            };
            if let Some(refund) = self.easypost.refunds.get_mut(&id) {
                refund.settled = true;
                let refund = refund.json();
                self.emit_easypost_event(
                    "refund.successful",
                    refund,
                    json!({"status": "submitted"}),
                );
            }
        }
    }
}

impl Refund {
    pub(super) fn status(&self) -> &'static str {
        if self.settled {
            "refunded"
        } else {
            "submitted"
        }
    }

    fn json(&self) -> Value {
        json!({
            "id": self.id,
            "object": "Refund",
            "mode": "test",
            "created_at": time(self.created_at),
            "updated_at": time(self.created_at),
            "tracking_code": self.code,
            "confirmation_number": null,
            "status": self.status(),
            "carrier": self.carrier.easypost_name(),
            "shipment_id": self.shipment,
        })
    }
}
