//! The GraphQL type `Shipment`.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};
use entities::tracking::{event, shipment as entity, shipment_line};
use resolvers::id::IdKind;
use resolvers::scalars::DateTime;
use resolvers::{ApiResult, access};

use crate::State;
use crate::carrier::Carrier;
use crate::loaders::Loaders;
use crate::order::Order;
use crate::order_item::OrderItem;
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

/// A parcel on its way to the customer, or back with a return. Visible to the customer, and to anyone with a signed link to
/// it.
#[Object]
impl Shipment {
    /// Globally unique id: `shp_` followed by 26 characters.
    async fn id(&self) -> ID {
        IdKind::Shipment.id(self.row.id)
    }

    /// The order that the parcel belongs to; null for guests, whose link shows parcels but not the order.
    async fn order(&self, context: &Context<'_>) -> Option<ApiResult<Order>> {
        Order::of_owner(context, self.row.order_id, Some(self.row.customer_id)).transpose()
    }

    /// The company that transports the parcel.
    async fn carrier(&self) -> Carrier {
        self.row.carrier.into()
    }

    /// The carrier's number for the parcel.
    async fn tracking_number(&self) -> &str {
        &self.row.tracking_number
    }

    /// The URL of the carrier's own page about the parcel.
    async fn tracking_url(&self, context: &Context<'_>) -> Option<String> {
        let config = &context.data_unchecked::<State>().config;
        Some(
            config
                .carrier(self.row.carrier)
                .tracking_url(&self.row.tracking_number),
        )
    }

    /// The parcel's progress, from everything that the carrier has reported.
    async fn status(&self) -> TrackingStatus {
        self.row.status.into()
    }

    /// When the parcel reached its status, by the carrier's clock; null before the first report.
    async fn last_update(&self) -> Option<DateTime> {
        self.row.last_update.map(DateTime)
    }

    /// Whether the parcel is back at its sender. Its status remains RETURNING, because it was not delivered. The sender of a
    /// return's parcel is the customer.
    async fn returned_to_sender(&self) -> bool {
        self.row.returned_to_sender
    }

    /// When the carrier expects to deliver the parcel; null if it has not said.
    async fn estimated_delivery(&self) -> Option<DateTime> {
        self.row.estimated_delivery.map(DateTime)
    }

    /// Everything that the carrier has reported, by the time it happened, oldest first.
    async fn history(&self, context: &Context<'_>) -> ApiResult<Vec<TrackingEvent>> {
        let rows = context
            .data_unchecked::<Loaders>()
            .history
            .load_list(self.row.id)
            .await?;
        Ok(rows.into_iter().map(TrackingEvent::from).collect())
    }

    /// What is in the parcel; empty for a return's parcel, and if the warehouse has not said.
    async fn lines(&self, context: &Context<'_>) -> ApiResult<Vec<ShipmentLine>> {
        let loaders = context.data_unchecked::<Loaders>();
        let rows = loaders.lines.load_list(self.row.id).await?;
        // Guests see what their link shows, but nothing of the order.
        let is_own = access::visitor(context)? == Some(self.row.customer_id);
        let line = |row: shipment_line::Model| ShipmentLine {
            order_item: is_own.then(|| OrderItem {
                id: IdKind::OrderItem.id(row.order_item_id),
            }),
            quantity: row.quantity,
        };
        Ok(rows.into_iter().map(line).collect())
    }

    /// Whether the status may be outdated, because the parcel is on its way and its carrier has not answered for longer than
    /// usual.
    async fn stale(&self, context: &Context<'_>) -> bool {
        let state = context.data_unchecked::<State>();
        let last_answer = self.row.last_answered_at.unwrap_or(self.row.created_at);
        let limit = state.config.carrier(self.row.carrier).staleness_limit;
        is_stale(self.row.status, last_answer, state.clock.now(), limit)
    }
}

/// Units of a line of the order in a parcel.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct ShipmentLine {
    /// The line of the order; null for guests.
    order_item: Option<OrderItem>,
    /// How many units of it are in the parcel.
    quantity: i32,
}

/// Something that a carrier has reported about a parcel.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct TrackingEvent {
    /// What the carrier reported.
    status: TrackingStatus,
    /// Where it happened, in the carrier's words, such as "Warehouse, Chicago IL"; null if it has not said.
    location: Option<String>,
    /// When it happened: the carrier's time, or that of the report if it is earlier.
    timestamp: DateTime,
    /// The carrier's own time, which is in the future if its clock is wrong.
    carrier_time: DateTime,
    /// Whether UTC was assumed, because the carrier gave the local time of a place whose time zone is unknown.
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
