//! The source of one order subscription: a snapshot, then every change by number, without gaps or repeats.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Context, Variables};
use chrono::{DateTime, TimeDelta, Utc};
use entities::tracking::{change, shipment};
use futures::stream::{self, Stream, StreamExt};
use metrics::histogram;
use platform::backoff::Backoff;
use platform::pubsub::{Signal, Subscription};
use resolvers::client::Document;
use resolvers::error::ErrorCode;
use resolvers::id::IdKind;
use resolvers::{ApiError, ApiResult, access};
use serde::Deserialize;
use tokio::sync::watch;
use uuid::Uuid;

use crate::State;
use crate::entitlement_checks::live_updates_enabled;
use crate::events::{self, Change};
use crate::guest_link::GuestLinkError;
use crate::privacy;
use crate::rules::status::Carrier;
use crate::shipment::Shipment;
use crate::tracking_update::{TrackingUpdate, UpdatedParcel};
use crate::watch_registry::WatchGuard;

/// Missed changes read at once.
const BATCH_SIZE: u64 = 100;

/// The subscriber's identity.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Subscriber {
    Customer(Uuid),
    /// With a link that expires at this time.
    Guest {
        until: DateTime<Utc>,
    },
}

/// There are many of these, mostly idle, so rarely used state is kept elsewhere.
pub(crate) struct SubscriptionSource {
    state: Arc<State>,
    order: Uuid,
    subscription: Subscription,
    /// The number of the last change pushed to the client; 0 before the first.
    last: i32,
    /// Read, but not yet pushed to the client.
    pending: VecDeque<TrackingUpdate>,
    /// Whether the database may have changes that are not in `pending`.
    behind: bool,
    watcher: Subscriber,
    /// The owner of the order and the carrier of its parcels, if known.
    customer: Option<Uuid>,
    carrier: Option<Carrier>,
    entitlement_checks: watch::Receiver<()>,
    /// The client has received the error that ends the subscription.
    is_over: bool,
    guard: WatchGuard,
}

/// What wakes an idle subscription.
enum Wake {
    Signal(Option<Signal>),
    CheckEntitlement,
}

impl SubscriptionSource {
    /// Subscribes before reading, so that no change is missed in between.
    pub(crate) async fn open(
        context: &Context<'_>,
        order: Uuid,
        watcher: Subscriber,
        after: Option<i32>,
    ) -> ApiResult<Self> {
        let state = context.data_unchecked::<Arc<State>>();
        let subscription = state
            .pubsub
            .subscribe(&events::channel(order))
            .await
            .map_err(|error| {
                tracing::warn!(%error, "order subscription failed");
                ApiError::unavailable("Live tracking is not available at the moment")
            })?;
        let parcels = shipment::of_order(state.database.read(), order).await?;
        let customer = match watcher {
            Subscriber::Customer(customer) => {
                let is_own = if parcels.is_empty() {
                    is_own_order(context, order).await?
                } else {
                    parcels.iter().all(|row| row.customer_id == customer)
                };
                if !is_own {
                    return Err(ApiError::forbidden("You can only track orders you own"));
                }
                Some(customer)
            }
            Subscriber::Guest { .. } => {
                let first = parcels.first();
                privacy::check_link(state.database.read(), first).await?;
                first.map(|row| row.customer_id)
            }
        };
        let mut watch = Self {
            watcher,
            customer,
            carrier: None,
            entitlement_checks: state.entitlement_checks.subscribe(),
            is_over: false,
            state: state.clone(),
            order,
            subscription,
            last: 0,
            pending: VecDeque::new(),
            behind: false,
            guard: state.watchers.watch(order),
        };
        watch.resume(parcels, after).await?;
        if !watch.is_live().await {
            // Not FEATURE_DISABLED, which would close a connection that may carry other operations.
            return Err(ApiError::forbidden(
                "Live updates are switched off for this order: poll instead",
            ));
        }
        Ok(watch)
    }

    /// The subscription's updates, until the client leaves.
    pub(crate) fn updates(self) -> impl Stream<Item = ApiResult<TrackingUpdate>> {
        stream::unfold(self, |mut watch| async move {
            let update = watch.next().await?;
            Some((update, watch))
        })
    }

    async fn next(&mut self) -> Option<ApiResult<TrackingUpdate>> {
        loop {
            if self.is_over {
                return None;
            }
            if let Some(update) = self.pending.pop_front() {
                if self.pending.is_empty() {
                    // It stays idle for long: free the buffer.
                    self.pending = VecDeque::new();
                }
                return Some(Ok(update));
            }
            if self.behind {
                // Boxed, like the check below: rare and large, so that idle subscriptions do not reserve memory for it.
                Box::pin(self.catch_up()).await;
                continue;
            }
            let wake = tokio::select! {
                signal = self.subscription.next() => Wake::Signal(signal),
                Ok(()) = self.entitlement_checks.changed() => Wake::CheckEntitlement,
            };
            let signal = match wake {
                Wake::Signal(signal) => signal?,
                Wake::CheckEntitlement => {
                    if let Err(error) = Box::pin(self.check_entitlement()).await {
                        self.is_over = true;
                        return Some(Err(error));
                    }
                    continue;
                }
            };
            match signal {
                Signal::Message(message) => match serde_json::from_slice::<Change>(&message) {
                    Ok(change) => {
                        if let Some(published_at) = change.published_at {
                            let delay = self.state.clock.now() - published_at;
                            histogram!("vantage_tracking_delivery_seconds")
                                .record(delay.max(TimeDelta::zero()).as_seconds_f64());
                        }
                        self.on_change(change);
                    }
                    Err(error) => {
                        tracing::warn!(%error, order = %self.order, "change not readable");
                        self.behind = true;
                    }
                },
                Signal::Gap => self.behind = true,
            }
        }
    }

    /// Fails if the link has expired or live updates were switched off.
    async fn check_entitlement(&mut self) -> ApiResult<()> {
        // A new label has no change of its own, but is pushed nevertheless.
        self.behind |= self.carrier.is_none();
        if let Subscriber::Guest { until } = self.watcher
            && self.state.clock.now() >= until
        {
            return Err(GuestLinkError::Expired.into());
        }
        if self.is_live().await {
            return Ok(());
        }
        Err(ApiError::new(
            ErrorCode::FeatureDisabled,
            "Live updates have been switched off for this order: poll instead",
        ))
    }

    async fn is_live(&self) -> bool {
        let customer = self.customer.unwrap_or(self.order);
        live_updates_enabled(&self.state.flags, customer, self.carrier).await
    }

    /// Pushes the next change; ignores one that was already pushed, and reads missing ones first.
    fn on_change(&mut self, change: Change) {
        if change.sequence > self.last + 1 {
            self.behind = true;
        } else if change.sequence > self.last
            && let Err(error) = self.push_change(change)
        {
            tracing::error!(?error, order = %self.order, "change not pushable");
            self.behind = true;
        }
    }

    fn push_change(&mut self, change: Change) -> ApiResult<()> {
        let sequence = change.sequence;
        let shipment = Shipment::from(change.into_shipment());
        self.push(sequence, false, shipment);
        Ok(())
    }

    fn push(&mut self, sequence: i32, snapshot: bool, shipment: Shipment) {
        if self.carrier.is_none() {
            self.carrier = Some(shipment.row.carrier);
            self.guard.set_carrier(shipment.row.carrier);
            self.customer = Some(shipment.row.customer_id);
        }
        self.last = sequence;
        self.pending.push_back(TrackingUpdate {
            sequence,
            snapshot,
            order: self.order,
            parcel: UpdatedParcel::Some(shipment),
        });
    }

    /// Resumes after the last change the client has seen, or starts with the snapshot if that is unknown.
    async fn resume(&mut self, parcels: Vec<shipment::Model>, after: Option<i32>) -> ApiResult<()> {
        let newest = parcels.iter().map(|row| row.sequence).max();
        let Some((after, newest)) = after.zip(newest) else {
            return self.push_snapshot(parcels);
        };
        let missed = change::after(self.state.database.read(), self.order, after, 1).await?;
        let is_known = match missed.first() {
            Some(next) => next.sequence == after + 1,
            None => after == newest,
        };
        // The snapshot also determines the carrier; then it is discarded.
        self.push_snapshot(parcels)?;
        if is_known {
            self.pending.clear();
            self.last = after;
            self.behind = after < newest;
        }
        Ok(())
    }

    /// Pushes the snapshot.
    fn push_snapshot(&mut self, parcels: Vec<shipment::Model>) -> ApiResult<()> {
        if let Some(shipment) = Shipment::latest(parcels) {
            self.push(shipment.row.sequence, true, shipment);
        } else {
            self.pending.push_back(TrackingUpdate {
                sequence: 0,
                snapshot: true,
                order: self.order,
                parcel: UpdatedParcel::None {
                    asked_at: self.state.clock.now(),
                    customer: self.customer,
                },
            });
        }
        Ok(())
    }

    /// Reads missed changes, and retries while the database does not answer.
    async fn catch_up(&mut self) {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        while let Err(error) = self.load_missed().await {
            let wait = backoff.next_wait();
            tracing::warn!(?error, ?wait, order = %self.order, "missed changes not readable");
            tokio::time::sleep(wait).await;
        }
    }

    async fn load_missed(&mut self) -> ApiResult<()> {
        let db = self.state.database.read();
        if self.carrier.is_none() {
            let parcels = shipment::of_order(db, self.order).await?;
            self.behind = false;
            return if parcels.is_empty() {
                Ok(())
            } else {
                self.push_snapshot(parcels)
            };
        }
        let missed = change::after(db, self.order, self.last, BATCH_SIZE).await?;
        self.behind = missed.len() as u64 == BATCH_SIZE;
        for row in missed {
            let pushed = serde_json::from_value(row.change)
                .map_err(ApiError::internal)
                .and_then(|change| self.push_change(change));
            if let Err(error) = pushed {
                // It will never be readable; waiting for it would block all that follow.
                tracing::error!(?error, order = %self.order, "missed change not readable, skipped");
                self.last = row.sequence;
            }
        }
        Ok(())
    }
}

static OWN_ORDER: Document = Document::new(
    "query($representations: [_Any!]!) {
    _entities(representations: $representations) { ... on Order { id } }
}",
);

#[derive(Deserialize)]
struct Answer {
    _entities: Vec<Option<Found>>,
}

#[derive(Deserialize)]
struct Found {
    id: String,
}

/// Whether the orders domain shows this order to the caller.
async fn is_own_order(context: &Context<'_>, order: Uuid) -> ApiResult<bool> {
    let id = IdKind::Order.format(order);
    let representation = serde_json::json!({ "__typename": "Order", "id": id });
    let variables =
        Variables::from_json(serde_json::json!({ "representations": [representation] }));
    let answer: Answer = context
        .data_unchecked::<State>()
        .orders
        .query(access::caller(context)?, &OWN_ORDER, variables)
        .await?;
    Ok(answer
        ._entities
        .into_iter()
        .flatten()
        .any(|found| found.id == id))
}
