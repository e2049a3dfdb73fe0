//! Shipments: rated when created, labelled when bought.

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::customs;
use super::error::EasyPostError;
use super::label::Label;
use super::rate::{Rate, Route};
use super::request::{
    address_lines, check_format, check_label_options, filled, object, place, read, weight,
};
use super::{Page, time};
use crate::middleware::text;
use crate::parcels::{Carrier, Parcel, Scenario};
use crate::sandbox::Sandbox;
use crate::world::World;

pub(super) fn routes() -> Router<Sandbox> {
    Router::new()
        .route("/v2/shipments", get(list).post(create))
        .route("/v2/shipments/{id}", get(retrieve))
        .route("/v2/shipments/{id}/buy", post(buy))
        .route("/v2/shipments/{id}/rerate", post(rerate))
        .route("/v2/shipments/{id}/label", get(label))
        .route("/v2/shipments/{id}/refund", post(refund))
}

#[derive(Clone, Debug)]
pub(super) struct Shipment {
    pub(super) id: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    from: Value,
    to: Value,
    parcel: Value,
    ounces: i64,
    options: Value,
    reference: Option<String>,
    is_return: bool,
    customs: Option<Value>,
    route: Route,
    /// Why carriers offer no rates.
    problems: Vec<String>,
    rates: Vec<Rate>,
    pub(super) bought: Option<Bought>,
}

/// The parts of a bought shipment.
#[derive(Clone, Debug)]
pub(super) struct Bought {
    rate: Rate,
    pub(super) label: Label,
    pub(super) tracking_code: String,
    pub(super) tracker: String,
    pub(super) refund: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Create {
    shipment: Option<NewShipment>,
}

#[derive(Debug, Deserialize)]
struct NewShipment {
    from_address: Option<Map<String, Value>>,
    to_address: Option<Map<String, Value>>,
    parcel: Option<Map<String, Value>>,
    #[serde(default)]
    options: Map<String, Value>,
    #[serde(default)]
    reference: Option<String>,
    #[serde(default)]
    is_return: bool,
    #[serde(default)]
    customs_info: Option<Value>,
}

async fn create(
    State(sandbox): State<Sandbox>,
    body: Bytes,
) -> Result<impl IntoResponse, EasyPostError> {
    let asked: Create = read(&body)?;
    let new = asked.shipment.ok_or(EasyPostError::Missing("shipment"))?;
    let from = new
        .from_address
        .ok_or(EasyPostError::Missing("from_address"))?;
    let to = new.to_address.ok_or(EasyPostError::Missing("to_address"))?;
    let parcel = new.parcel.ok_or(EasyPostError::Missing("parcel"))?;
    for (address, field) in [(&from, "from_address"), (&to, "to_address")] {
        if filled(address, "street1").is_none() || filled(address, "city").is_none() {
            return Err(EasyPostError::invalid(
                "SHIPMENT.INVALID_PARAMS",
                format!("{field} needs a street and a city."),
            ));
        }
    }
    // A return goes the other way than the addresses say.
    let (from, to) = match new.is_return {
        true => (to, from),
        false => (from, to),
    };
    let country = |address| filled(address, "country").unwrap_or("US").to_uppercase();
    let route = Route {
        from: country(&from),
        to: country(&to),
    };
    let problems = match route.is_international() {
        true => customs::problems(new.customs_info.as_ref(), [&from, &to]),
        false => Vec::new(),
    };
    check_label_options(&new.options)?;
    let ounces = weight(&parcel)?;
    let shipment = sandbox.world(|world| {
        let now = world.now;
        let rates = match problems.is_empty() {
            true => world.rates(ounces, &route),
            false => Vec::new(),
        };
        let shipment = Shipment {
            id: world.ids.hex("shp"),
            created_at: now,
            updated_at: now,
            from: object(world, "adr", "Address", from),
            to: object(world, "adr", "Address", to),
            parcel: object(world, "prcl", "Parcel", parcel),
            ounces,
            options: Value::Object(new.options),
            reference: new.reference,
            is_return: new.is_return,
            customs: new.customs_info,
            route,
            problems,
            rates,
            bought: None,
        };
        let json = shipment.json(world);
        world
            .easypost
            .shipments
            .insert(shipment.id.clone(), shipment);
        json
    });
    Ok((StatusCode::CREATED, Json(shipment)))
}

#[derive(Debug, Deserialize)]
struct Buy {
    rate: Option<BuyRate>,
}

#[derive(Debug, Deserialize)]
struct BuyRate {
    id: String,
}

async fn buy(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, EasyPostError> {
    let asked: Buy = read(&body)?;
    let rate = asked.rate.ok_or(EasyPostError::Missing("rate"))?.id;
    let host = text(&headers, "host").unwrap_or("localhost").to_owned();
    sandbox.world(|world| {
        let found = world.easypost.shipments.get(&id);
        let mut shipment = found.cloned().ok_or(EasyPostError::NotFound)?;
        if shipment.bought.is_some() {
            return Err(EasyPostError::invalid(
                "SHIPMENT.POSTAGE.EXISTS",
                "Postage already exists for this shipment.",
            ));
        }
        let rate = shipment.rates.iter().find(|one| one.id == rate).cloned();
        let rate = rate.ok_or_else(|| {
            EasyPostError::invalid(
                "SHIPMENT.POSTAGE.FAILURE",
                "The rate does not belong to this shipment.",
            )
        })?;
        let tracking_code = world.new_tracking_code(rate.carrier);
        let parcel = Parcel::labelled(
            rate.carrier,
            tracking_code.clone(),
            place(&shipment.from),
            place(&shipment.to),
            Scenario::Manual,
            world.now,
        );
        world.parcels.put(parcel);
        let tracker = world.track(
            tracking_code.clone(),
            rate.carrier,
            Some(id.clone()),
            Some(shipment.ounces),
        );
        let label = Label::new(
            world.ids.hex("pl"),
            format!("http://{host}/labels/{id}.pdf"),
            world.now,
        );
        shipment.bought = Some(Bought {
            rate,
            label,
            tracking_code,
            tracker,
            refund: None,
        });
        shipment.updated_at = world.now;
        let json = shipment.json(world);
        world.easypost.shipments.insert(id, shipment);
        Ok(Json(json))
    })
}

async fn rerate(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
) -> Result<Json<Value>, EasyPostError> {
    sandbox.world(|world| {
        let found = world.easypost.shipments.get(&id);
        let found = found.ok_or(EasyPostError::NotFound)?;
        let (ounces, route) = (found.ounces, found.route.clone());
        let rates = match found.problems.is_empty() {
            true => world.rates(ounces, &route),
            false => Vec::new(),
        };
        if let Some(shipment) = world.easypost.shipments.get_mut(&id) {
            shipment.rates = rates;
            shipment.updated_at = world.now;
        }
        Ok(Json(world.shipment_json(&id)))
    })
}

async fn retrieve(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
) -> Result<Json<Value>, EasyPostError> {
    sandbox.world(|world| {
        if world.easypost.shipments.contains_key(&id) {
            Ok(Json(world.shipment_json(&id)))
        } else {
            Err(EasyPostError::NotFound)
        }
    })
}

async fn list(State(sandbox): State<Sandbox>, Query(page): Query<Page>) -> Json<Value> {
    sandbox.world(|world| {
        let (shipments, more) = page.of(&world.easypost.shipments, |_| true);
        let shipments: Vec<_> = shipments
            .into_iter()
            .map(|shipment| shipment.json(world))
            .collect();
        Json(json!({"shipments": shipments, "has_more": more}))
    })
}

#[derive(Debug, Deserialize)]
struct LabelFormat {
    file_format: Option<String>,
}

/// Converts the label, which is always a PDF already.
async fn label(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    Query(asked): Query<LabelFormat>,
) -> Result<Json<Value>, EasyPostError> {
    let format = asked
        .file_format
        .ok_or(EasyPostError::Missing("file_format"))?;
    check_format(&format)?;
    sandbox.world(|world| {
        let found = world.easypost.shipments.get(&id);
        let shipment = found.ok_or(EasyPostError::NotFound)?;
        if shipment.bought.is_none() {
            return Err(EasyPostError::invalid(
                "SHIPMENT.LABEL.UNAVAILABLE",
                "The shipment has no postage label.",
            ));
        }
        Ok(Json(shipment.json(world)))
    })
}

async fn refund(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
) -> Result<Json<Value>, EasyPostError> {
    sandbox.world(|world| {
        let found = world.easypost.shipments.get(&id);
        let shipment = found.ok_or(EasyPostError::NotFound)?;
        let Some(bought) = &shipment.bought else {
            return Err(EasyPostError::invalid(
                "SHIPMENT.REFUND.UNAVAILABLE",
                "Refund request unavailable. The shipment has no postage.",
            ));
        };
        let (code, carrier) = (bought.tracking_code.clone(), bought.rate.carrier);
        world.refund_label(&code, carrier)?;
        Ok(Json(world.shipment_json(&id)))
    })
}

impl World {
    fn shipment_json(&self, id: &str) -> Value {
        self.easypost
            .shipments
            .get(id)
            .map_or(Value::Null, |shipment| shipment.json(self))
    }

    /// An unused number in the carrier's format.
    fn new_tracking_code(&mut self, carrier: Carrier) -> String {
        loop {
            let code = match carrier {
                Carrier::Usps => format!("92055900362970{}", self.ids.digits(8)),
                Carrier::Ups => format!("1Z999AA1{}", self.ids.digits(10)),
                Carrier::Fedex => format!("7946{}", self.ids.digits(8)),
                Carrier::Dhl => format!("JD0146{}", self.ids.digits(10)),
            };
            if self.parcels.get(&code).is_none() {
                return code;
            }
        }
    }
}

impl Shipment {
    pub(super) fn bought_code(&self) -> Option<&str> {
        self.bought
            .as_ref()
            .map(|bought| bought.tracking_code.as_str())
    }

    /// The text on the label.
    pub(super) fn label_lines(&self) -> Vec<String> {
        let Some(bought) = &self.bought else {
            return Vec::new();
        };
        let mut lines = vec![
            format!(
                "{} {}",
                bought.rate.carrier.easypost_name(),
                bought.rate.service
            ),
            String::new(),
            "FROM".to_owned(),
        ];
        lines.extend(address_lines(&self.from));
        lines.extend([String::new(), "SHIP TO".to_owned()]);
        lines.extend(address_lines(&self.to));
        lines.extend([
            String::new(),
            format!("{} oz", self.ounces),
            "TRACKING #".to_owned(),
            bought.tracking_code.clone(),
        ]);
        lines.extend(self.reference.clone());
        lines
    }

    fn json(&self, world: &World) -> Value {
        let rates: Vec<_> = self
            .rates
            .iter()
            .map(|rate| rate.json(&self.id, self.created_at))
            .collect();
        let messages: Vec<_> = self
            .problems
            .iter()
            .map(|problem| json!({"carrier": "UPS", "type": "rate_error", "message": problem}))
            .collect();
        let bought = self.bought.as_ref();
        let tracker = bought.and_then(|bought| world.easypost.trackers.get(&bought.tracker));
        let tracker = tracker.map(|tracker| tracker.json(world));
        let refund = bought
            .and_then(|bought| bought.refund.as_ref())
            .and_then(|refund| world.easypost.refunds.get(refund));
        json!({
            "id": self.id,
            "object": "Shipment",
            "mode": "test",
            "created_at": time(self.created_at),
            "updated_at": time(self.updated_at),
            "reference": self.reference,
            "is_return": self.is_return,
            "status": tracker.as_ref().map_or(json!("unknown"), |tracker| tracker["status"].clone()),
            "from_address": self.from,
            "to_address": self.to,
            "return_address": self.from,
            "buyer_address": self.to,
            "parcel": self.parcel,
            "options": self.options,
            "rates": rates,
            "selected_rate": bought.map(|bought| bought.rate.json(&self.id, self.created_at)),
            "postage_label": bought.map(|bought| bought.label.json()),
            "tracking_code": bought.map(|bought| &bought.tracking_code),
            "tracker": tracker,
            "refund_status": refund.map(|refund| refund.status()),
            "insurance": null,
            "customs_info": self.customs,
            "scan_form": null,
            "batch_id": null,
            "batch_status": null,
            "batch_message": null,
            "usps_zone": 4,
            "messages": messages,
            "forms": [],
            "fees": [],
        })
    }
}
