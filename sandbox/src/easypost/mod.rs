//! EasyPost's API, version 2: shipments and their labels, refunds, trackers, webhooks.

mod customs;
mod endpoint;
mod error;
mod label;
mod rate;
mod refund;
mod request;
mod shipment;
mod tracker;

use std::collections::{BTreeSet, HashMap};

use axum::Router;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, SecondsFormat, Utc};
use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::middleware::{basic, bearer};
use crate::provider::Provider;
use crate::sandbox::Sandbox;
use crate::world::World;

use error::EasyPostError;
pub(crate) use error::failure;
use refund::Refund;
use shipment::Shipment;
use tracker::Tracker;

/// EasyPost's state.
#[derive(Debug, Default)]
pub(crate) struct EasyPost {
    shipments: IndexMap<String, Shipment>,
    trackers: IndexMap<String, Tracker>,
    /// Ids of trackers, by tracking number.
    followed: HashMap<String, String>,
    refunds: IndexMap<String, Refund>,
    /// Refunds that have not been granted yet.
    due: BTreeSet<(DateTime<Utc>, String)>,
    /// Overrides the price of every rate, in cents.
    pub(crate) rate_override: Option<i64>,
}

impl EasyPost {
    pub(crate) fn next_due(&self) -> Option<DateTime<Utc>> {
        self.due.first().map(|(due, _)| *due)
    }
}

pub(crate) fn routes() -> Router<Sandbox> {
    Router::new()
        .merge(shipment::routes())
        .merge(tracker::routes())
        .merge(refund::routes())
        .merge(endpoint::routes())
        .merge(label::routes())
}

/// Accepts any key: as a Basic user without a password, as the SDKs send it, or as a bearer token.
pub(crate) fn authorize(headers: &HeaderMap) -> Result<(), Box<Response>> {
    let key = match basic(headers) {
        Some((user, _)) => Some(user),
        None => bearer(headers).map(str::to_owned),
    };
    match key {
        Some(key) if !key.is_empty() => Ok(()),
        _ => Err(Box::new(EasyPostError::Unauthorized.into_response())),
    }
}

impl World {
    /// Sends an object's event to its subscribers.
    fn emit_easypost_event(&mut self, event: &str, result: Value, previous: Value) {
        let id = self.ids.hex("evt");
        let now = time(self.now);
        let urls: Vec<_> = self
            .endpoints
            .of(Provider::Easypost, event)
            .into_iter()
            .map(|endpoint| endpoint.url)
            .collect();
        let body = json!({
            "id": id,
            "object": "Event",
            "mode": "test",
            "description": event,
            "previous_attributes": previous,
            "pending_urls": urls,
            "completed_urls": [],
            "created_at": now,
            "updated_at": now,
            "status": "pending",
            "result": result,
        });
        self.notify(Provider::Easypost, event, id, body.to_string().into_bytes());
    }
}

/// The requested page of a list, newest first.
#[derive(Debug, Default, Deserialize)]
struct Page {
    page_size: Option<usize>,
    before_id: Option<String>,
    after_id: Option<String>,
    tracking_code: Option<String>,
}

const PAGE_SIZE: usize = 20;
const LARGEST_PAGE: usize = 100;

impl Page {
    /// This page of a list given oldest first, and whether there is more.
    fn of<'a, T>(
        &self,
        all: &'a IndexMap<String, T>,
        wanted: impl Fn(&T) -> bool,
    ) -> (Vec<&'a T>, bool) {
        let size = self.page_size.unwrap_or(PAGE_SIZE).clamp(1, LARGEST_PAGE);
        let end = match &self.before_id {
            Some(id) => all.get_index_of(id).unwrap_or(0),
            None => all.len(),
        };
        let start = match &self.after_id {
            Some(id) => all.get_index_of(id).map_or(all.len(), |index| index + 1),
            None => 0,
        };
        let mut listed: Vec<_> = all
            .values()
            .take(end)
            .skip(start)
            .filter(|one| wanted(one))
            .collect();
        listed.reverse();
        let more = listed.len() > size;
        if self.after_id.is_some() && more {
            listed.drain(..listed.len() - size);
        }
        listed.truncate(size);
        (listed, more)
    }
}

/// EasyPost's time format.
fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// EasyPost's money format, from cents.
fn money(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}
