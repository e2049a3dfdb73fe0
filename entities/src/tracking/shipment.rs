//! A parcel on its way to the customer, or back if it has a return.

mod customers;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::NullOrdering;
use sea_orm::{Condition, ExprTrait, IntoActiveModel, Order, QueryOrder, QuerySelect};

pub use self::customers::{delete_places, page_of_customer};
use crate::keys;
use crate::stored_enum::stored_enum;
use crate::tracking_number;

stored_enum! {
    /// The supported carriers.
    Carrier {
        Dhl = "dhl",
        Fedex = "fedex",
        Ups = "ups",
        Usps = "usps",
    }
}

stored_enum! {
    /// The status of a parcel, the same for all carriers.
    TrackingStatus {
        LabelCreated = "label_created",
        /// The carrier has it.
        Shipped = "shipped",
        InTransit = "in_transit",
        OutForDelivery = "out_for_delivery",
        /// Nobody was there; the carrier will try again or keep the parcel.
        DeliveryAttempted = "delivery_attempted",
        AvailableForPickup = "available_for_pickup",
        Delivered = "delivered",
        /// On its way back to the sender, or returned.
        Returning = "returning",
        /// Held up: damaged, lost, or at customs.
        Exception = "exception",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "shipments")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub order_id: Uuid,
    /// The return that the parcel belongs to; `None` for a parcel of the order itself.
    pub return_id: Option<Uuid>,
    pub customer_id: Uuid,
    pub carrier: Carrier,
    pub tracking_number: String,
    pub status: TrackingStatus,
    /// The location of the event that determined the status.
    pub location: Option<String>,
    /// The carrier's time of the event that determined the status.
    pub last_update: Option<DateTime<Utc>>,
    pub estimated_delivery: Option<DateTime<Utc>>,
    /// The number of the parcel's last change, counted over all parcels of its journey; 0 before the first.
    pub sequence: i32,
    /// Consecutive polls that the carrier answered with an error.
    pub consecutive_errors: i32,
    /// When the carrier was last polled.
    pub last_polled_at: Option<DateTime<Utc>>,
    /// When the carrier last reported this parcel.
    pub last_answered_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    /// Whether it was returned to its sender.
    pub returned_to_sender: bool,
    /// The time of the newest scan known to the carrier when it gave `estimated_delivery`.
    pub estimated_at: Option<DateTime<Utc>>,
    /// When support was alerted that delivery is overdue.
    pub overdue_at: Option<DateTime<Utc>>,
    /// When the warehouse registered it; `None` for a return's parcel, and for one that was sent without registration.
    pub registered_at: Option<DateTime<Utc>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// What numbers the parcel's changes: its return or its order.
    pub fn journey_id(&self) -> Uuid {
        self.return_id.unwrap_or(self.order_id)
    }
}

/// The customer's parcels, by id.
pub async fn of_customer(
    db: &impl ConnectionTrait,
    customer: Uuid,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, Model>, DbErr> {
    let rows = Entity::find()
        .filter(keys::one_of(db, Column::Id, ids))
        .filter(Column::CustomerId.eq(customer))
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// A single parcel, of any customer.
pub async fn by_id(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id).one(db).await
}

/// The customer's parcels of each order, oldest first, without those of returns. Ids are UUIDv7, so their order is
/// chronological.
pub async fn of_orders(
    db: &impl ConnectionTrait,
    customer: Uuid,
    orders: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Model>>, DbErr> {
    let rows = Entity::find()
        .filter(keys::one_of(db, Column::OrderId, orders))
        .filter(Column::ReturnId.is_null())
        .filter(keys::beside_keys(db, Column::CustomerId).eq(customer))
        // As the index has them, so that nothing is sorted.
        .order_by_asc(Column::OrderId)
        .order_by_asc(Column::Id)
        .all(db)
        .await?;
    let mut by_order: HashMap<Uuid, Vec<Model>> = HashMap::new();
    for row in rows {
        by_order.entry(row.order_id).or_default().push(row);
    }
    Ok(by_order)
}

/// The parcels of one order, of any customer, oldest first, without those of returns.
pub async fn of_order(db: &impl ConnectionTrait, order: Uuid) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::OrderId.eq(order))
        .filter(Column::ReturnId.is_null())
        .order_by_asc(Column::Id)
        .all(db)
        .await
}

/// The customer's newest parcel of each return.
pub async fn of_returns(
    db: &impl ConnectionTrait,
    customer: Uuid,
    returns: &[Uuid],
) -> Result<HashMap<Uuid, Model>, DbErr> {
    let rows = Entity::find()
        .filter(keys::one_of(db, Column::ReturnId, returns))
        .filter(keys::beside_keys(db, Column::CustomerId).eq(customer))
        .order_by_asc(Column::Id)
        .all(db)
        .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| row.return_id.map(|id| (id, row)))
        .collect())
}

/// Locks all parcels of a journey until the transaction ends, so that its changes wait for each other.
pub async fn lock_journey(
    db: &impl ConnectionTrait,
    order: Uuid,
    return_id: Option<Uuid>,
) -> Result<Vec<Model>, DbErr> {
    let journey = match return_id {
        Some(id) => Column::ReturnId.eq(id),
        None => Column::ReturnId.is_null(),
    };
    Entity::find()
        .filter(Column::OrderId.eq(order))
        .filter(journey)
        .order_by_asc(Column::Id)
        .lock_exclusive()
        .all(db)
        .await
}

/// Parcels of orders in one of these statuses, the ones polled longest ago first; optionally only those that were sent
/// without registration.
pub async fn outward_least_recently_polled(
    db: &impl ConnectionTrait,
    statuses: &[TrackingStatus],
    only_unregistered: bool,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut found = Entity::find()
        .filter(Column::Status.is_in(statuses.iter().copied()))
        .filter(Column::ReturnId.is_null());
    if only_unregistered {
        found = found.filter(Column::RegisteredAt.is_null());
    }
    found
        .order_by_with_nulls(Column::LastPolledAt, Order::Asc, NullOrdering::First)
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// The parcels of these orders that are in one of these statuses and were sent without registration.
pub async fn of_orders_in(
    db: &impl ConnectionTrait,
    orders: &[Uuid],
    statuses: &[TrackingStatus],
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(keys::one_of(db, Column::OrderId, orders))
        .filter(Column::ReturnId.is_null())
        .filter(Column::RegisteredAt.is_null())
        .filter(
            keys::unindexed(Column::Status).is_in(statuses.iter().map(|status| status.as_str())),
        )
        .order_by_asc(Column::Id)
        .all(db)
        .await
}

/// The customer's parcels of orders in one of these statuses.
pub async fn outward_of_customer_in(
    db: &impl ConnectionTrait,
    customer: Uuid,
    statuses: &[TrackingStatus],
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::Status.is_in(statuses.iter().copied()))
        .filter(Column::ReturnId.is_null())
        .filter(Column::CustomerId.eq(customer))
        .order_by_asc(Column::Id)
        .all(db)
        .await
}

/// Marks a known parcel as registered by the warehouse.
pub async fn mark_registered(
    db: &impl ConnectionTrait,
    id: Uuid,
    at: DateTime<Utc>,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::RegisteredAt, Expr::value(at))
        .filter(Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(())
}

/// Inserts a new parcel.
pub async fn insert(db: &impl ConnectionTrait, row: Model) -> Result<(), DbErr> {
    Entity::insert(row.into_active_model())
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// The carrier's parcel with this number, of any customer.
pub async fn by_number(
    db: &impl ConnectionTrait,
    carrier: Carrier,
    number: &str,
) -> Result<Option<Model>, DbErr> {
    Entity::find()
        .filter(Column::Carrier.eq(carrier))
        .filter(Column::TrackingNumber.is_in(tracking_number::spellings(number)))
        .one(db)
        .await
}

/// The only parcel with this number among these carriers, of any customer; `None` if there are several.
pub async fn by_number_alone(
    db: &impl ConnectionTrait,
    carriers: &[Carrier],
    number: &str,
) -> Result<Option<Model>, DbErr> {
    let mut found = Entity::find()
        .filter(Column::Carrier.is_in(carriers.iter().copied()))
        .filter(Column::TrackingNumber.is_in(tracking_number::spellings(number)))
        .limit(2)
        .all(db)
        .await?;
    Ok(found.pop().filter(|_| found.is_empty()))
}

/// When an undelivered parcel is due to be polled.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    /// It was last polled before then.
    pub polled_before: DateTime<Utc>,
    /// It was created after then.
    pub created_after: DateTime<Utc>,
}

/// The carrier's due parcels, the ones polled longest ago first; optionally only those of these orders.
pub async fn due(
    db: &impl ConnectionTrait,
    carrier: Carrier,
    due: Due,
    orders: Option<&[Uuid]>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let found = Entity::find().filter(is_due(due));
    let found = match orders {
        // Found by the orders: of the carrier's parcels, all that are under way would be read.
        Some(orders) => found
            .filter(keys::unindexed(Column::Carrier).eq(carrier.as_str()))
            .filter(keys::one_of(db, Column::OrderId, orders))
            .filter(Column::ReturnId.is_null()),
        None => found.filter(Column::Carrier.eq(carrier)),
    };
    found
        .order_by_with_nulls(Column::LastPolledAt, Order::Asc, NullOrdering::First)
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// Marks those of these parcels that are still due as polled now, and returns them.
pub async fn claim(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
    due: Due,
    now: DateTime<Utc>,
) -> Result<Vec<Model>, DbErr> {
    let claimed = Entity::find()
        .filter(keys::one_of(db, Column::Id, ids))
        .filter(is_due(due))
        .order_by_with_nulls(Column::LastPolledAt, Order::Asc, NullOrdering::First)
        .all(db)
        .await?;
    if claimed.is_empty() {
        return Ok(claimed);
    }
    Entity::update_many()
        .col_expr(Column::LastPolledAt, Expr::value(now))
        .filter(Column::Id.is_in(claimed.iter().map(|row| row.id)))
        .exec(db)
        .await?;
    Ok(claimed)
}

fn is_due(due: Due) -> Condition {
    Condition::all()
        .add(is_under_way())
        .add(Column::CreatedAt.gt(due.created_after))
        .add(
            Condition::any()
                .add(Column::LastPolledAt.is_null())
                .add(Column::LastPolledAt.lte(due.polled_before)),
        )
}

/// Neither the customer nor the sender has it.
fn is_under_way() -> Condition {
    Condition::all()
        .add(Column::Status.ne(TrackingStatus::Delivered))
        // A status unknown to this version would fail the whole statement. By the index on the status, SQLite would read
        // all parcels.
        .add(
            keys::unindexed(Column::Status)
                .is_in(TrackingStatus::ALL.iter().map(|status| status.as_str())),
        )
        .add(Column::ReturnedToSender.eq(false))
}

/// Locks, until the transaction ends, parcels older than this that never arrived and were not flagged yet. A return's
/// unused label does not count.
pub async fn overdue(
    db: &impl ConnectionTrait,
    created_before: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(is_under_way())
        .filter(
            Condition::any()
                .add(Column::ReturnId.is_null())
                .add(Column::Status.ne("label_created")),
        )
        .filter(Column::CreatedAt.lte(created_before))
        .filter(Column::OverdueAt.is_null())
        .order_by_asc(Column::CreatedAt)
        .limit(limit)
        .lock_exclusive()
        .all(db)
        .await
}

/// Marks these parcels as flagged.
pub async fn mark_overdue(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::OverdueAt, Expr::value(now))
        .filter(keys::one_of(db, Column::Id, ids))
        .exec(db)
        .await?;
    Ok(())
}

/// Records that the carrier answered without news.
pub async fn answered(
    db: &impl ConnectionTrait,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::LastAnsweredAt, Expr::value(now))
        .col_expr(Column::ConsecutiveErrors, Expr::value(0))
        .filter(Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(())
}

/// Records an error response from the carrier, and returns how many there were in a row.
pub async fn record_failure(db: &impl ConnectionTrait, id: Uuid) -> Result<i32, DbErr> {
    Entity::update_many()
        .col_expr(
            Column::ConsecutiveErrors,
            Expr::col(Column::ConsecutiveErrors).add(1),
        )
        .filter(Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(by_id(db, id).await?.map_or(0, |row| row.consecutive_errors))
}

/// Updates everything that tracking changes: all columns except those that identify the parcel.
pub async fn update(db: &impl ConnectionTrait, row: Model) -> Result<(), DbErr> {
    let mut row = row.into_active_model();
    for column in [
        Column::Status,
        Column::Location,
        Column::LastUpdate,
        Column::EstimatedDelivery,
        Column::Sequence,
        Column::ConsecutiveErrors,
        Column::LastPolledAt,
        Column::LastAnsweredAt,
        Column::CreatedAt,
        Column::ReturnedToSender,
        Column::EstimatedAt,
    ] {
        row.reset(column);
    }
    Entity::update(row).exec_without_returning(db).await?;
    Ok(())
}
