//! Trackers: EasyPost's view of a parcel with any carrier.

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::EasyPostError;
use super::request::read;
use super::{Page, time};
use crate::carriers::{Writer, oddities};
use crate::parcels::{Carrier, Parcel, Place, Scan, Status};
use crate::sandbox::Sandbox;
use crate::world::World;

pub(super) fn routes() -> Router<Sandbox> {
    Router::new()
        .route("/v2/trackers", get(list).post(create))
        .route("/v2/trackers/{id}", get(retrieve))
}

#[derive(Clone, Debug)]
pub(super) struct Tracker {
    id: String,
    code: String,
    carrier: Carrier,
    shipment: Option<String>,
    ounces: Option<i64>,
    created_at: DateTime<Utc>,
}

#[derive(Debug, Deserialize)]
struct Create {
    tracker: Option<NewTracker>,
}

#[derive(Debug, Deserialize)]
struct NewTracker {
    tracking_code: Option<String>,
    carrier: Option<String>,
}

async fn create(
    State(sandbox): State<Sandbox>,
    body: Bytes,
) -> Result<impl IntoResponse, EasyPostError> {
    let asked: Create = read(&body)?;
    let new = asked.tracker.ok_or(EasyPostError::Missing("tracker"))?;
    let code = new
        .tracking_code
        .ok_or(EasyPostError::Missing("tracking_code"))?;
    let carrier = match new.carrier {
        Some(name) => Carrier::from_easypost_name(&name),
        None => test_carrier(&code).or_else(|| Carrier::of(&code)),
    };
    let carrier = carrier.ok_or_else(|| {
        EasyPostError::invalid(
            "TRACKER.CREATE.ERROR",
            "Couldn't determine the carrier of this tracking code.",
        )
    })?;
    sandbox.world(|world| {
        if world.parcels.get(&code).is_none() {
            let now = world.now;
            if let Some(parcel) = test_parcel(&code, carrier, now) {
                world.parcels.put(parcel);
            } else if world.parcels.of_carrier(carrier, &code, now).is_none() {
                return Err(EasyPostError::invalid(
                    "TRACKER.CREATE.ERROR",
                    "The tracking code is not one of this carrier.",
                ));
            }
        }
        let tracker = world.track(code, carrier, None, None);
        let found = world.easypost.trackers.get(&tracker);
        let tracker = found.map(|tracker| tracker.json(world));
        Ok((StatusCode::CREATED, Json(tracker)))
    })
}

async fn retrieve(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
) -> Result<Json<Value>, EasyPostError> {
    sandbox.world(|world| {
        let found = world.easypost.trackers.get(&id);
        let tracker = found.ok_or(EasyPostError::NotFound)?;
        Ok(Json(tracker.json(world)))
    })
}

async fn list(State(sandbox): State<Sandbox>, Query(page): Query<Page>) -> Json<Value> {
    sandbox.world(|world| {
        let wanted = page.tracking_code.as_ref();
        let (trackers, more) = page.of(&world.easypost.trackers, |tracker| {
            wanted.is_none_or(|code| *code == tracker.code)
        });
        let trackers: Vec<_> = trackers.iter().map(|tracker| tracker.json(world)).collect();
        Json(json!({"trackers": trackers, "has_more": more}))
    })
}

impl World {
    /// Starts tracking a parcel and sends the event. Returns the tracker's id; an existing one is kept.
    pub(crate) fn track(
        &mut self,
        code: String,
        carrier: Carrier,
        shipment: Option<String>,
        ounces: Option<i64>,
    ) -> String {
        if let Some(id) = self.easypost.followed.get(&code) {
            return id.clone();
        }
        let tracker = Tracker {
            id: self.ids.hex("trk"),
            code,
            carrier,
            shipment,
            ounces,
            created_at: self.now,
        };
        let id = tracker.id.clone();
        let json = tracker.json(self);
        self.easypost
            .followed
            .insert(tracker.code.clone(), id.clone());
        self.easypost.trackers.insert(id.clone(), tracker);
        self.emit_easypost_event("tracker.created", json, json!({}));
        id
    }

    /// Notifies subscribers that this parcel has moved.
    pub(crate) fn notify_trackers(&mut self, number: &str) {
        let id = self.easypost.followed.get(number);
        let Some(tracker) = id.and_then(|id| self.easypost.trackers.get(id)) else {
            return;
        };
        let told = tracker.json(self);
        let told = match self.parcels.get(number) {
            Some(parcel) => {
                let event = json!({"result": told});
                oddities::apply(&self.config, Writer::Easypost, parcel, event)["result"].take()
            }
            None => told,
        };
        let scans = self.parcels.get(number).map_or(&[][..], Parcel::scans);
        let previous = match scans {
            [.., before, _] => json!({"status": status(before.status).0}),
            _ => json!({}),
        };
        self.emit_easypost_event("tracker.updated", told, previous);
    }
}

impl Tracker {
    pub(super) fn json(&self, world: &World) -> Value {
        let parcel = world.parcels.get(&self.code);
        let scans = parcel.map_or(&[][..], Parcel::scans);
        let (status, detail, _) = scans
            .last()
            .map_or(("unknown", "unknown", ""), |scan| status(scan.status));
        let details: Vec<_> = scans
            .iter()
            .map(|scan| detail_json(self.carrier, scan))
            .collect();
        let updated = scans
            .last()
            .map_or(self.created_at, |scan| scan.at.max(self.created_at));
        // Always a float: EasyPost writes weights that way, and its SDKs verify signatures over it.
        #[expect(clippy::cast_precision_loss, reason = "at most 2,400")]
        let weight = self.ounces.map(|ounces| ounces as f64);
        json!({
            "id": self.id,
            "object": "Tracker",
            "mode": "test",
            "tracking_code": self.code,
            "status": status,
            "status_detail": detail,
            "created_at": time(self.created_at),
            "updated_at": time(updated),
            "signed_by": null,
            "weight": weight,
            "est_delivery_date": parcel.and_then(|parcel| parcel.estimated_delivery).map(time),
            "shipment_id": self.shipment,
            "carrier": self.carrier.easypost_name(),
            "tracking_details": details,
            "carrier_detail": parcel.map(|parcel| json!({
                "object": "CarrierDetail",
                "service": null,
                "container_type": null,
                "est_delivery_date_local": null,
                "est_delivery_time_local": null,
                "origin_location": parcel.from.town(),
                "destination_location": parcel.to.town(),
            })),
            "finalized": matches!(status, "delivered" | "return_to_sender" | "cancelled"),
            "is_return": false,
            "public_url": format!("https://track.easypost.com/{}", self.id),
            "fees": [],
        })
    }
}

fn detail_json(carrier: Carrier, scan: &Scan) -> Value {
    let (status, detail, message) = status(scan.status);
    json!({
        "object": "TrackingDetail",
        "message": message,
        "description": "",
        "status": status,
        "status_detail": detail,
        "datetime": time(scan.at),
        "source": carrier.easypost_name(),
        "carrier_code": "",
        "tracking_location": {
            "object": "TrackingLocation",
            "city": scan.place.city.to_uppercase(),
            "state": scan.place.state,
            "country": null,
            "zip": null,
        },
    })
}

/// EasyPost's status, its detail, and a carrier's description.
fn status(status: Status) -> (&'static str, &'static str, &'static str) {
    match status {
        Status::LabelCreated => (
            "pre_transit",
            "label_created",
            "Pre-Shipment, package awaiting acceptance",
        ),
        Status::Shipped => (
            "in_transit",
            "received_at_origin_facility",
            "Accepted at origin facility",
        ),
        Status::InTransit => ("in_transit", "arrived_at_facility", "Arrived at facility"),
        Status::OutForDelivery => ("out_for_delivery", "out_for_delivery", "Out for delivery"),
        Status::DeliveryAttempted => (
            "in_transit",
            "delivery_exception",
            "Delivery attempted, no access to delivery location",
        ),
        Status::AvailableForPickup => (
            "available_for_pickup",
            "arrived_at_pickup_location",
            "Available for pickup",
        ),
        Status::Delivered => ("delivered", "arrived_at_destination", "Delivered"),
        Status::Returning => ("return_to_sender", "return", "Returned to sender"),
        Status::Exception => ("failure", "transit_exception", "Delivery exception"),
    }
}

/// EasyPost's test codes: parcels that always exist.
const TEST_CODES: [(&str, Status); 6] = [
    ("EZ1000000001", Status::LabelCreated),
    ("EZ2000000002", Status::InTransit),
    ("EZ3000000003", Status::OutForDelivery),
    ("EZ4000000004", Status::Delivered),
    ("EZ5000000005", Status::Returning),
    ("EZ6000000006", Status::Exception),
];

fn test_carrier(code: &str) -> Option<Carrier> {
    TEST_CODES
        .iter()
        .any(|(known, _)| *known == code)
        .then_some(Carrier::Usps)
}

fn test_parcel(code: &str, carrier: Carrier, now: DateTime<Utc>) -> Option<Parcel> {
    let (_, status) = TEST_CODES.into_iter().find(|(known, _)| *known == code)?;
    let place = Place::new("", "Charleston", "SC");
    let mut parcel = Parcel::labelled(
        carrier,
        code.to_owned(),
        Place::new("", "Houston", "TX"),
        place.clone(),
        crate::parcels::Scenario::Manual,
        now,
    );
    if status != Status::LabelCreated {
        parcel.record_scan(status, place, now);
    }
    Some(parcel)
}
