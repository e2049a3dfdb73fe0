//! One watcher of an order: snapshot, then every change by its number, without gap or repeat.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Context, Variables};
use chrono::{DateTime, Utc};
use entities::tracking::{change, shipment};
use futures::stream::{self, Stream, StreamExt};
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
use crate::carrier::Carrier;
use crate::events::{self, Change};
use crate::guest_link::GuestLinkError;
use crate::rechecks::are_live;
use crate::shipment::Shipment;
use crate::update::{TrackingUpdate, UpdatedParcel};
use crate::watchers::Watching;

/// Missed changes read at once.
const PAGE: u64 = 100;

/// Who watches.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Watcher {
    Customer(Uuid),
    /// By a link that is good until then.
    Guest {
        until: DateTime<Utc>,
    },
}

/// There are many, and they wait: what is rare takes no place in them.
pub(crate) struct Watch {
    state: Arc<State>,
    order: Uuid,
    subscription: Subscription,
    /// Number of the last change that was told; 0 before the first.
    last: i32,
    /// Read and not yet told.
    ready: VecDeque<TrackingUpdate>,
    /// Whether there may be more to read than is ready.
    behind: bool,
    watcher: Watcher,
    /// Whose parcels they are, and who carries them, as far as is known.
    customer: Option<Uuid>,
    carrier: Option<Carrier>,
    rechecks: watch::Receiver<()>,
    /// It was told why it is over.
    is_over: bool,
    watching: Watching,
}

/// What a watcher waits for.
enum Heard {
    Signal(Option<Signal>),
    Recheck,
}

impl Watch {
    /// Listens first and reads then, so that no change falls in between.
    pub(crate) async fn open(
        context: &Context<'_>,
        order: Uuid,
        watcher: Watcher,
        after: Option<i32>,
    ) -> ApiResult<Self> {
        let state = context.data_unchecked::<Arc<State>>();
        let subscription = state
            .pubsub
            .subscribe(&events::channel(order))
            .await
            .map_err(|error| {
                tracing::warn!(%error, "an order cannot be watched");
                ApiError::unavailable("Live tracking is not available at the moment")
            })?;
        let parcels = shipment::of_order(state.database.read(), order).await?;
        let customer = match watcher {
            Watcher::Customer(customer) => {
                let is_own = if parcels.is_empty() {
                    ask_orders(context, order).await?
                } else {
                    parcels.iter().all(|row| row.customer_id == customer)
                };
                if !is_own {
                    return Err(ApiError::forbidden("You can only track orders you own"));
                }
                Some(customer)
            }
            Watcher::Guest { .. } => parcels.first().map(|row| row.customer_id),
        };
        let mut watch = Self {
            watcher,
            customer,
            carrier: None,
            rechecks: state.rechecks.subscribe(),
            is_over: false,
            state: state.clone(),
            order,
            subscription,
            last: 0,
            ready: VecDeque::new(),
            behind: false,
            watching: state.watchers.watch(order),
        };
        watch.resume(parcels, after).await?;
        if !watch.is_live().await {
            // Not FEATURE_DISABLED, which would close a connection that may carry more than this.
            return Err(ApiError::forbidden(
                "Live updates are switched off for this order: ask now and then",
            ));
        }
        Ok(watch)
    }

    /// What the watcher is told, until it leaves.
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
            if let Some(update) = self.ready.pop_front() {
                if self.ready.is_empty() {
                    // It waits for long, with nothing to keep room for.
                    self.ready = VecDeque::new();
                }
                return Some(Ok(update));
            }
            if self.behind {
                // Like the recheck below: seldom, and large, so it takes no place while nothing happens.
                Box::pin(self.catch_up()).await;
                continue;
            }
            let heard = tokio::select! {
                signal = self.subscription.next() => Heard::Signal(signal),
                Ok(()) = self.rechecks.changed() => Heard::Recheck,
            };
            let signal = match heard {
                Heard::Signal(signal) => signal?,
                Heard::Recheck => {
                    if let Err(error) = Box::pin(self.recheck()).await {
                        self.is_over = true;
                        return Some(Err(error));
                    }
                    continue;
                }
            };
            match signal {
                Signal::Message(message) => match serde_json::from_slice::<Change>(&message) {
                    Ok(change) => self.hear(change),
                    Err(error) => {
                        tracing::warn!(%error, order = %self.order, "a change cannot be read");
                        self.behind = true;
                    }
                },
                Signal::Gap => self.behind = true,
            }
        }
    }

    /// Whether it may go on.
    async fn recheck(&mut self) -> ApiResult<()> {
        // A label that was printed meanwhile is no change, and is told of nevertheless.
        self.behind |= self.carrier.is_none();
        if let Watcher::Guest { until } = self.watcher
            && self.state.clock.now() >= until
        {
            return Err(GuestLinkError::Expired.into());
        }
        if self.is_live().await {
            return Ok(());
        }
        Err(ApiError::new(
            ErrorCode::FeatureDisabled,
            "Live updates have been switched off for this order: ask now and then",
        ))
    }

    async fn is_live(&self) -> bool {
        let customer = self.customer.unwrap_or(self.order);
        are_live(&self.state.flags, customer, self.carrier).await
    }

    /// Tells the next change, ignores one that was told, and reads what is missing before others.
    fn hear(&mut self, change: Change) {
        if change.sequence > self.last + 1 {
            self.behind = true;
        } else if change.sequence > self.last
            && let Err(error) = self.tell(change)
        {
            tracing::error!(?error, order = %self.order, "a change cannot be told");
            self.behind = true;
        }
    }

    fn tell(&mut self, change: Change) -> ApiResult<()> {
        let sequence = change.sequence;
        let shipment = Shipment::try_from(change.into_shipment())?;
        self.push(sequence, false, shipment);
        Ok(())
    }

    fn push(&mut self, sequence: i32, snapshot: bool, shipment: Shipment) {
        if self.carrier.is_none() {
            self.carrier = Some(shipment.carrier);
            self.watching.carried_by(shipment.carrier);
            self.customer = Some(shipment.row.customer_id);
        }
        self.last = sequence;
        self.ready.push_back(TrackingUpdate {
            sequence,
            snapshot,
            order: self.order,
            parcel: UpdatedParcel::Some(shipment),
        });
    }

    /// What came after the last change that the watcher has seen, or the snapshot if that is not known.
    async fn resume(&mut self, parcels: Vec<shipment::Model>, after: Option<i32>) -> ApiResult<()> {
        let newest = parcels.iter().map(|row| row.sequence).max();
        let Some((after, newest)) = after.zip(newest) else {
            return self.begin(parcels);
        };
        let missed = change::after(self.state.database.read(), self.order, after, 1).await?;
        let is_known = match missed.first() {
            Some(next) => next.sequence == after + 1,
            None => after == newest,
        };
        // The snapshot also says who carries it; then it is taken back.
        self.begin(parcels)?;
        if is_known {
            self.ready.clear();
            self.last = after;
            self.behind = after < newest;
        }
        Ok(())
    }

    /// The snapshot.
    fn begin(&mut self, parcels: Vec<shipment::Model>) -> ApiResult<()> {
        if let Some(shipment) = Shipment::latest(parcels)? {
            self.push(shipment.row.sequence, true, shipment);
        } else {
            self.ready.push_back(TrackingUpdate {
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

    /// Reads what is missing; while the database does not answer, tries again.
    async fn catch_up(&mut self) {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        while let Err(error) = self.read().await {
            let wait = backoff.next_wait();
            tracing::warn!(?error, ?wait, order = %self.order, "missed changes cannot be read");
            tokio::time::sleep(wait).await;
        }
    }

    async fn read(&mut self) -> ApiResult<()> {
        let db = self.state.database.read();
        if self.carrier.is_none() {
            let parcels = shipment::of_order(db, self.order).await?;
            self.behind = false;
            return if parcels.is_empty() {
                Ok(())
            } else {
                self.begin(parcels)
            };
        }
        let missed = change::after(db, self.order, self.last, PAGE).await?;
        self.behind = missed.len() as u64 == PAGE;
        for row in missed {
            let told = serde_json::from_value(row.change)
                .map_err(ApiError::internal)
                .and_then(|change| self.tell(change));
            if let Err(error) = told {
                // It will never be readable here; waiting for it would keep back all that follow.
                tracing::error!(?error, order = %self.order, "a missed change cannot be told");
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
async fn ask_orders(context: &Context<'_>, order: Uuid) -> ApiResult<bool> {
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
