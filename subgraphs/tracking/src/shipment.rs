//! The GraphQL type `Shipment`.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};
use entities::tracking::{event, shipment as entity};
use resolvers::ApiResult;
use resolvers::id::IdKind;
use resolvers::scalars::DateTime;

use crate::State;
use crate::carrier::Carrier;
use crate::loaders::Loaders;
use crate::order::Order;
use crate::rules::staleness::is_stale;
use crate::tracking_status::TrackingStatus;

#[derive(Clone, Debug)]
pub(crate) struct Shipment {
    pub(crate) row: Arc<entity::Model>,
}

impl From<entity::Model> for Shipment {
    fn from(row: entity::Model) -> Self {
        Self { row: Arc::new(row) }
    }
}

impl Shipment {
    /// The most recently changed of several parcels.
    pub(crate) fn latest(rows: Vec<entity::Model>) -> Option<Self> {
        rows.into_iter()
            .max_by_key(|row| (row.sequence, row.last_update, row.id))
            .map(Self::from)
    }
}

/// A parcel on its way to the customer, or back with a return.
#[Object]
impl Shipment {
    async fn id(&self) -> ID {
        IdKind::Shipment.id(self.row.id)
    }

    /// Null for guests, whose link shows parcels but not the order.
    async fn order(&self, context: &Context<'_>) -> Option<ApiResult<Order>> {
        Order::of_owner(context, self.row.order_id, Some(self.row.customer_id)).transpose()
    }

    async fn carrier(&self) -> Carrier {
        self.row.carrier.into()
    }

    async fn tracking_number(&self) -> &str {
        &self.row.tracking_number
    }

    /// The carrier's own page about this parcel.
    async fn tracking_url(&self, context: &Context<'_>) -> Option<String> {
        let config = &context.data_unchecked::<State>().config;
        Some(
            config
                .carrier(self.row.carrier)
                .tracking_url(&self.row.tracking_number),
        )
    }

    async fn status(&self) -> TrackingStatus {
        self.row.status.into()
    }

    /// When the status was reached, by the carrier's clock.
    async fn last_update(&self) -> Option<DateTime> {
        self.row.last_update.map(DateTime)
    }

    /// Whether it was returned to its sender. It was then not delivered, and its status remains RETURNING. The sender
    /// of a return's parcel is the customer.
    async fn returned_to_sender(&self) -> bool {
        self.row.returned_to_sender
    }

    async fn estimated_delivery(&self) -> Option<DateTime> {
        self.row.estimated_delivery.map(DateTime)
    }

    /// Everything the carrier has reported, in the order it happened.
    async fn history(&self, context: &Context<'_>) -> ApiResult<Vec<TrackingEvent>> {
        let rows = context
            .data_unchecked::<Loaders>()
            .history
            .load_list(self.row.id)
            .await?;
        Ok(rows.into_iter().map(TrackingEvent::from).collect())
    }

    /// Whether the carrier has not answered for longer than its staleness limit.
    async fn stale(&self, context: &Context<'_>) -> bool {
        let state = context.data_unchecked::<State>();
        let last_answer = self.row.last_answered_at.unwrap_or(self.row.created_at);
        let limit = state.config.carrier(self.row.carrier).staleness_limit;
        is_stale(self.row.status, last_answer, state.clock.now(), limit)
    }
}

/// A tracking event of a parcel.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct TrackingEvent {
    status: TrackingStatus,
    location: Option<String>,
    /// When it happened: the carrier's time, or the time of the report if that is earlier.
    timestamp: DateTime,
    /// The carrier's own time, which may be in the future if its clock is wrong.
    carrier_time: DateTime,
    /// Whether UTC was assumed, because the carrier gave a local time at a place whose time zone is unknown.
    time_zone_assumed: bool,
}

impl From<event::Model> for TrackingEvent {
    fn from(row: event::Model) -> Self {
        Self {
            status: row.status.into(),
            location: row.location,
            timestamp: row.occurred_at.into(),
            carrier_time: row.carrier_time.into(),
            time_zone_assumed: row.zone_assumed,
        }
    }
}
