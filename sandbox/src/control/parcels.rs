//! Loads, shows and moves parcels.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use chrono::Duration;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Body, ControlError, OneOrMore};
use crate::carriers::Oddity;
use crate::parcels::{Carrier, ExistingParcel, Parcel, Place, Scenario, Status};
use crate::sandbox::Sandbox;
use crate::world::World;

pub(super) async fn load_parcels(
    State(sandbox): State<Sandbox>,
    Body(parcels): Body<OneOrMore<ExistingParcel>>,
) -> StatusCode {
    sandbox.load_parcels(parcels.list());
    StatusCode::NO_CONTENT
}

pub(super) async fn parcel(
    State(sandbox): State<Sandbox>,
    Path(number): Path<String>,
) -> Result<Json<Value>, ControlError> {
    let told = sandbox.world(|world| world.parcels.get(&number).map(parcel_json));
    told.map(Json).ok_or_else(|| not_found(&number))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scan {
    kind: ScanKind,
    #[serde(default)]
    location: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ScanKind {
    Pickup,
    Delivered,
    Exception,
}

pub(super) async fn scan(
    State(sandbox): State<Sandbox>,
    Path(number): Path<String>,
    Body(scan): Body<Scan>,
) -> Result<Json<Value>, ControlError> {
    let place = scan.location.as_deref().map(Place::parse);
    move_parcel(&sandbox, &number, |parcel, world| match scan.kind {
        ScanKind::Pickup => parcel.hand_over(place, world.hour, world.now),
        ScanKind::Delivered => {
            let place = place.unwrap_or_else(|| parcel.to.clone());
            parcel.record_scan(Status::Delivered, place, world.now);
        }
        ScanKind::Exception => {
            let place = place.unwrap_or_else(|| parcel.last().place.clone());
            parcel.record_scan(Status::Exception, place, world.now);
        }
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewStatus {
    status: Status,
    #[serde(default)]
    location: Option<String>,
}

pub(super) async fn status(
    State(sandbox): State<Sandbox>,
    Path(number): Path<String>,
    Body(new): Body<NewStatus>,
) -> Result<Json<Value>, ControlError> {
    let place = new.location.as_deref().map(Place::parse);
    move_parcel(&sandbox, &number, |parcel, world| {
        let place = place.unwrap_or_else(|| parcel.last().place.clone());
        parcel.record_scan(new.status, place, world.now);
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewScenario {
    scenario: Scenario,
    /// The destination; by default the existing one.
    #[serde(default)]
    to: Option<String>,
}

/// Hands the parcel over with this scenario.
pub(super) async fn scenario(
    State(sandbox): State<Sandbox>,
    Path(number): Path<String>,
    Body(new): Body<NewScenario>,
) -> Result<Json<Value>, ControlError> {
    move_parcel(&sandbox, &number, |parcel, world| {
        if let Some(to) = new.to.as_deref() {
            parcel.to = Place::parse(to);
        }
        parcel.set_scenario(new.scenario);
        parcel.hand_over(None, world.hour, world.now);
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewOddities {
    /// `null` for those determined by the seed.
    oddities: Option<Vec<Oddity>>,
}

/// Sets the oddities of responses about this parcel. Nobody is notified, because nothing moved.
pub(super) async fn set_oddities(
    State(sandbox): State<Sandbox>,
    Path(number): Path<String>,
    Body(new): Body<NewOddities>,
) -> Result<Json<Value>, ControlError> {
    sandbox.world(|world| {
        ensure_parcel(world, &number)?;
        let told = world.parcels.change(&number, |parcel| {
            parcel.oddities = new.oddities;
            parcel_json(parcel)
        });
        told.map(Json).ok_or_else(|| not_found(&number))
    })
}

/// The parameters of a movement.
struct Moment {
    now: chrono::DateTime<chrono::Utc>,
    /// How long an hour of a journey takes.
    hour: Duration,
}

/// Moves a known or possible parcel and notifies its subscribers.
fn move_parcel(
    sandbox: &Sandbox,
    number: &str,
    change: impl FnOnce(&mut Parcel, &Moment),
) -> Result<Json<Value>, ControlError> {
    sandbox.world(|world| {
        let moment = Moment {
            now: world.now,
            hour: Duration::from_std(world.config.pace.get()).unwrap_or_default(),
        };
        ensure_parcel(world, number)?;
        let told = world.parcels.change(number, |parcel| {
            change(parcel, &moment);
            parcel_json(parcel)
        });
        world.notify_movement(number);
        told.map(Json).ok_or_else(|| not_found(number))
    })
}

/// Any number in a carrier's format is a parcel. EasyPost tracks USPS parcels.
fn ensure_parcel(world: &mut World, number: &str) -> Result<(), ControlError> {
    let now = world.now;
    let carrier = match world.parcels.get(number) {
        Some(parcel) => parcel.carrier,
        None => {
            let carrier = Carrier::of(number).ok_or_else(|| not_found(number))?;
            world.parcels.of_carrier(carrier, number, now);
            carrier
        }
    };
    if carrier == Carrier::Usps {
        world.track(number.to_owned(), carrier, None, None);
    }
    Ok(())
}

fn not_found(number: &str) -> ControlError {
    ControlError(
        StatusCode::NOT_FOUND,
        format!("no carrier here has a tracking number like {number}"),
    )
}

fn parcel_json(parcel: &Parcel) -> Value {
    let scans: Vec<_> = parcel
        .scans()
        .iter()
        .map(|scan| json!({"status": scan.status, "location": scan.place.to_string(), "at": scan.at}))
        .collect();
    json!({
        "tracking_number": parcel.number,
        "carrier": parcel.carrier,
        "status": parcel.last().status,
        "scans": scans,
    })
}
