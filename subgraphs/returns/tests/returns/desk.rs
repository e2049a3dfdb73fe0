//! A running domain: its providers, its jobs, and EasyPost's webhooks with carriers' scans.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use chrono::{DateTime, TimeDelta, Utc};
use entities::returns::customer_return;
use futures::future::join_all;
use platform::bus::InProcessBus;
use platform::clock::Clock;
use platform::config::Secret;
use platform::tables::task;
use platform::testing::{PATIENCE, hmac_sha256, until};
use platform::workers::WorkerContext;
use resolvers::id::IdKind;
use returns::rules::status::ReturnStatus;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use uuid::Uuid;

use crate::fake_orders::FakeOrder;
use crate::fixture::{CUSTOMER, Fixture, StoredReturn, fixtures_with, monitor, stored};
use crate::providers::{Providers, tracking};

const SECRET: &str = "whsec_easypost";

/// A fixture with its own providers, on the system clock.
pub(crate) struct Desk {
    pub fixture: Fixture,
    pub providers: Providers,
    app: Router,
    jobs: Option<JoinHandle<()>>,
}

/// A desk for each database, with these orders.
pub(crate) async fn desks(orders: &[FakeOrder]) -> Vec<Desk> {
    desks_at(orders, &Clock::system()).await
}

pub(crate) async fn desks_at(orders: &[FakeOrder], clock: &Clock) -> Vec<Desk> {
    let mut providers = Vec::new();
    // One more than there are databases does no harm.
    for _ in 0..2 {
        providers.push(Providers::start().await);
    }
    let mut left = providers.clone().into_iter();
    let left = std::sync::Mutex::new(&mut left);
    let fixtures = fixtures_with(
        orders,
        || clock.clone(),
        |state| {
            let own = left.lock().unwrap().next().unwrap();
            state.stripe = Some(own.stripe(clock));
            state.easypost = Some(own.easypost(clock));
            state.easypost_webhook_secret = Some(Secret::new(SECRET));
        },
    )
    .await;
    fixtures
        .into_iter()
        .zip(providers)
        .map(|(fixture, providers)| Desk {
            app: returns::routes(fixture.state.clone()),
            fixture,
            providers,
            jobs: None,
        })
        .collect()
}

impl Desk {
    /// Advances the clock until the condition holds, while no task is worked on: its claim would end.
    pub(crate) async fn pass_until(
        &self,
        clock: &Clock,
        what: &str,
        mut holds: impl AsyncFnMut() -> bool,
    ) {
        let claimed = task::Column::ClaimedUntil;
        until(what, async || {
            let is_reached = holds().await;
            let under_way = task::Entity::find().filter(claimed.gt(clock.now()));
            let under_way = under_way.count(self.fixture.scratch.database.read()).await;
            if !is_reached && under_way.unwrap() == 0 {
                clock.advance(TimeDelta::seconds(3));
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            is_reached
        })
        .await;
    }

    /// Starts the background work.
    pub(crate) fn work(&mut self) {
        let state = &self.fixture.state;
        let bus = std::sync::Arc::new(InProcessBus::new());
        let stop = CancellationToken::new();
        let context = WorkerContext::new(&state.database, bus, state.clock.clone(), stop);
        let jobs = returns::workers::jobs(state, &context);
        self.jobs = Some(tokio::spawn(async move {
            join_all(jobs.into_iter().map(|mut job| job.run())).await;
        }));
    }

    /// Aborts the background work, wherever it is.
    pub(crate) async fn cut(&mut self) {
        if let Some(jobs) = self.jobs.take() {
            jobs.abort();
            assert!(jobs.await.is_err());
            // A client's rate limit and breaker state ends with its process.
            let state = &mut self.fixture.state;
            state.easypost = Some(self.providers.easypost(&state.clock));
            state.stripe = Some(self.providers.stripe(&state.clock));
        }
    }

    pub(crate) async fn row(&self, id: Uuid) -> customer_return::Model {
        self.fixture.row(id).await
    }

    /// Waits until the return satisfies the condition.
    pub(crate) async fn until(
        &self,
        id: Uuid,
        is: impl Fn(&customer_return::Model) -> bool,
    ) -> customer_return::Model {
        let mut last = self.row(id).await;
        let waiting = async {
            while !is(&last) {
                tokio::time::sleep(Duration::from_millis(5)).await;
                last = self.row(id).await;
            }
        };
        let name = self.fixture.scratch.name;
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(waited.is_ok(), "{name}: it stayed {last:#?}");
        last
    }

    pub(crate) async fn until_status(
        &self,
        id: Uuid,
        status: ReturnStatus,
    ) -> customer_return::Model {
        self.until(id, |row| row.status == status).await
    }

    /// Types and data of all events, in order.
    pub(crate) async fn published(&self) -> Vec<(String, Value)> {
        self.fixture.published().await
    }

    /// How often an event of this type was published.
    pub(crate) async fn count(&self, event_type: &str) -> usize {
        let published = self.published().await;
        let of_type = published.iter().filter(|(name, _)| name == event_type);
        of_type.count()
    }

    /// POSTs an event as EasyPost would.
    pub(crate) async fn hook(&self, event: &Value) -> StatusCode {
        let body = event.to_string();
        let signature = sign(SECRET, &body);
        self.post(Some(&signature), body).await
    }

    pub(crate) async fn post(&self, signature: Option<&str>, body: String) -> StatusCode {
        let mut request = Request::post("/webhooks/easypost");
        if let Some(signature) = signature {
            request = request.header("X-Hmac-Signature", signature);
        }
        let request = request.body(Body::from(body)).unwrap();
        self.app.clone().oneshot(request).await.unwrap().status()
    }

    /// GETs a link's target.
    pub(crate) async fn follow(&self, url: &str) -> (StatusCode, Vec<u8>) {
        let path = url.strip_prefix("http://shop.test").unwrap();
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = self.app.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20)
            .await
            .unwrap();
        (status, body.to_vec())
    }

    pub(crate) async fn stop(mut self) {
        self.cut().await;
        self.fixture.scratch.drop().await;
    }
}

pub(crate) fn sign(secret: &str, body: &str) -> String {
    let hex = hmac_sha256(secret, &[body.as_bytes()]);
    format!("hmac-sha256-hex={hex}")
}

/// EasyPost's event for a parcel with these scans, the newest last.
pub(crate) fn event(id: &str, tracking_code: &str, scans: &[(&str, DateTime<Utc>)]) -> Value {
    let (status, at) = scans.last().unwrap();
    let details: Vec<_> = scans
        .iter()
        .map(|(status, at)| json!({"object": "TrackingDetail", "status": status, "datetime": at}))
        .collect();
    json!({
        "id": id, "object": "Event", "description": "tracker.updated",
        "result": {
            "object": "Tracker", "tracking_code": tracking_code, "status": status,
            "updated_at": at, "tracking_details": details,
        },
    })
}

/// A return with an order of its own, whose label was created and not scanned yet.
pub(crate) fn labelled(number: u32) -> (FakeOrder, StoredReturn) {
    let mut order = crate::fixture::monitor_order();
    order.id = Uuid::from_u128(5_000 + u128::from(number));
    order.items = vec![monitor()];
    let mut made = stored(
        9_000 + u128::from(number),
        CUSTOMER,
        order.id,
        monitor().id,
        1,
    );
    made.events.clear();
    made.row.label_generated_at = Some(Utc::now());
    made.row.tracking_number = Some(tracking(number as usize));
    (order, made)
}

pub(crate) fn public(id: Uuid) -> String {
    IdKind::Return.format(id)
}
