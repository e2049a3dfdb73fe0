//! A parcel on its way: to the customer, or back when it has a return.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::NullOrdering;
use sea_orm::{Condition, ExprTrait, IntoActiveModel, Order, QueryOrder, QuerySelect};

use crate::stored_enum::stored_enum;

stored_enum! {
    /// The carriers that are tracked.
    Carrier {
        Dhl = "dhl",
        Fedex = "fedex",
        Ups = "ups",
        Usps = "usps",
    }
}

stored_enum! {
    /// Where a parcel is on its way, the same for all carriers.
    TrackingStatus {
        LabelCreated = "label_created",
        /// The carrier has it.
        Shipped = "shipped",
        InTransit = "in_transit",
        OutForDelivery = "out_for_delivery",
        /// Nobody was there; the carrier tries again or keeps it.
        DeliveryAttempted = "delivery_attempted",
        AvailableForPickup = "available_for_pickup",
        Delivered = "delivered",
        /// On its way back to the sender, or there.
        Returning = "returning",
        /// Held up: damaged, lost, at customs.
        Exception = "exception",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "shipments")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub order_id: Uuid,
    /// The return this parcel brings back; `None` for a parcel of the order itself.
    pub return_id: Option<Uuid>,
    pub customer_id: Uuid,
    pub carrier: Carrier,
    pub tracking_number: String,
    pub status: TrackingStatus,
    /// Where the event was that the status comes from.
    pub location: Option<String>,
    /// When the event was that the status comes from, by the carrier's time.
    pub last_update: Option<DateTime<Utc>>,
    pub estimated_delivery: Option<DateTime<Utc>>,
    /// Number of the last change of this parcel, counted over all parcels of its journey; 0 before
    /// the first.
    pub sequence: i32,
    /// Polls in a row that the carrier answered with an error.
    pub consecutive_errors: i32,
    /// When the carrier was last asked.
    pub last_polled_at: Option<DateTime<Utc>>,
    /// When the carrier last told of this parcel.
    pub last_answered_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    /// It turned back, and its sender has it again.
    pub returned_to_sender: bool,
    /// Time of the newest scan that the carrier knew when it told `estimated_delivery`.
    pub estimated_at: Option<DateTime<Utc>>,
    /// When support was told that it is not delivered for longer than parcels take.
    pub overdue_at: Option<DateTime<Utc>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// What the parcel's changes are numbered by: its return, or its order.
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
        .filter(Column::Id.is_in(ids.iter().copied()))
        .filter(Column::CustomerId.eq(customer))
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// One parcel, whoever's it is.
pub async fn by_id(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id).one(db).await
}

/// The customer's parcels of each order, oldest first, without those of returns. Ids are UUIDv7,
/// so their order is time's.
pub async fn of_orders(
    db: &impl ConnectionTrait,
    customer: Uuid,
    orders: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Model>>, DbErr> {
    let rows = Entity::find()
        .filter(Column::OrderId.is_in(orders.iter().copied()))
        .filter(Column::ReturnId.is_null())
        .filter(Column::CustomerId.eq(customer))
        .order_by_asc(Column::Id)
        .all(db)
        .await?;
    let mut by_order: HashMap<Uuid, Vec<Model>> = HashMap::new();
    for row in rows {
        by_order.entry(row.order_id).or_default().push(row);
    }
    Ok(by_order)
}

/// The parcels of one order, whoever's it is, oldest first, without those of returns.
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
        .filter(Column::ReturnId.is_in(returns.iter().copied()))
        .filter(Column::CustomerId.eq(customer))
        .order_by_asc(Column::Id)
        .all(db)
        .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| row.return_id.map(|id| (id, row)))
        .collect())
}

/// All parcels of a journey, locked until the transaction ends, so that its changes take turns.
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

/// Parcels of orders in one of these statuses, those asked about longest ago first.
pub async fn outward_least_recently_polled(
    db: &impl ConnectionTrait,
    statuses: &[TrackingStatus],
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::Status.is_in(statuses.iter().copied()))
        .filter(Column::ReturnId.is_null())
        .order_by_with_nulls(Column::LastPolledAt, Order::Asc, NullOrdering::First)
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// Of these orders, the parcels in one of these statuses.
pub async fn of_orders_in(
    db: &impl ConnectionTrait,
    orders: &[Uuid],
    statuses: &[TrackingStatus],
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::OrderId.is_in(orders.iter().copied()))
        .filter(Column::ReturnId.is_null())
        .filter(Column::Status.is_in(statuses.iter().copied()))
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

/// Writes a new parcel.
pub async fn insert(db: &impl ConnectionTrait, row: Model) -> Result<(), DbErr> {
    Entity::insert(row.into_active_model())
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// The carrier's parcel with this number, whoever's it is.
pub async fn by_number(
    db: &impl ConnectionTrait,
    carrier: Carrier,
    number: &str,
) -> Result<Option<Model>, DbErr> {
    Entity::find()
        .filter(Column::Carrier.eq(carrier))
        .filter(Column::TrackingNumber.eq(number))
        .one(db)
        .await
}

/// The parcel with this number, whoever's it is and whichever of these carriers has it; none if there are several.
pub async fn by_number_alone(
    db: &impl ConnectionTrait,
    carriers: &[Carrier],
    number: &str,
) -> Result<Option<Model>, DbErr> {
    let mut found = Entity::find()
        .filter(Column::Carrier.is_in(carriers.iter().copied()))
        .filter(Column::TrackingNumber.eq(number))
        .limit(2)
        .all(db)
        .await?;
    Ok(found.pop().filter(|_| found.is_empty()))
}

/// What makes a parcel that was not delivered due to be asked about.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    /// Nobody has asked since then.
    pub polled_before: DateTime<Utc>,
    /// It is no older than this.
    pub created_after: DateTime<Utc>,
}

/// The carrier's parcels that are due, those asked about longest ago first; of these orders, if any are given.
pub async fn due(
    db: &impl ConnectionTrait,
    carrier: Carrier,
    due: Due,
    orders: Option<&[Uuid]>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut found = Entity::find()
        .filter(Column::Carrier.eq(carrier))
        .filter(is_due(due));
    if let Some(orders) = orders {
        found = found
            .filter(Column::OrderId.is_in(orders.iter().copied()))
            .filter(Column::ReturnId.is_null());
    }
    found
        .order_by_with_nulls(Column::LastPolledAt, Order::Asc, NullOrdering::First)
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// Those of these parcels that are still due, noted as asked about now.
pub async fn claim(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
    due: Due,
    now: DateTime<Utc>,
) -> Result<Vec<Model>, DbErr> {
    let claimed = Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
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
        // A status that this version does not know would fail the whole statement.
        .add(Column::Status.is_in(TrackingStatus::ALL.iter().copied()))
        .add(Column::ReturnedToSender.eq(false))
}

/// Parcels older than this that never arrived and were not flagged for it yet, locked until the transaction ends.
/// A return's label that was never used is nobody's loss.
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

/// Notes that these were flagged as overdue.
pub async fn mark_overdue(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::OverdueAt, Expr::value(now))
        .filter(Column::Id.is_in(ids.iter().copied()))
        .exec(db)
        .await?;
    Ok(())
}

/// Notes that the carrier answered, and had nothing new.
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

/// Notes that the carrier answered with an error; gives how often it did so in a row.
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

/// Writes what tracking changes of a parcel: everything but what identifies it.
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
