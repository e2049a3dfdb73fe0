//! A parcel on its way: to the customer, or back when it has a return.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::NullOrdering;
use sea_orm::{Condition, ExprTrait, IntoActiveModel, Order, QueryOrder, QuerySelect};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "shipments")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub order_id: Uuid,
    /// The return this parcel brings back; `None` for a parcel of the order itself.
    pub return_id: Option<Uuid>,
    pub customer_id: Uuid,
    /// `dhl`, `fedex`, `ups` or `usps`.
    pub carrier: String,
    pub tracking_number: String,
    /// `label_created`, `shipped`, `in_transit`, `out_for_delivery`, `delivery_attempted`,
    /// `available_for_pickup`, `delivered`, `returning` or `exception`.
    pub status: String,
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
    statuses: &[&str],
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
    statuses: &[&str],
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::OrderId.is_in(orders.iter().copied()))
        .filter(Column::ReturnId.is_null())
        .filter(Column::Status.is_in(statuses.iter().copied()))
        .order_by_asc(Column::Id)
        .all(db)
        .await
}

/// Parcels of orders in one of these statuses that have changed since they were made, the longest
/// unchanged first.
pub async fn outward_longest_in(
    db: &impl ConnectionTrait,
    statuses: &[&str],
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::Status.is_in(statuses.iter().copied()))
        .filter(Column::ReturnId.is_null())
        .filter(Column::Sequence.gt(0))
        .order_by_asc(Column::LastUpdate)
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// The carrier's parcel with this number, whoever's it is.
pub async fn by_number(
    db: &impl ConnectionTrait,
    carrier: &str,
    number: &str,
) -> Result<Option<Model>, DbErr> {
    Entity::find()
        .filter(Column::Carrier.eq(carrier))
        .filter(Column::TrackingNumber.eq(number))
        .one(db)
        .await
}

/// The carrier's parcels under way that nobody has asked about since `before`, the longest first; of these
/// orders, if any are given.
pub async fn due(
    db: &impl ConnectionTrait,
    carrier: &str,
    before: DateTime<Utc>,
    orders: Option<&[Uuid]>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut found = Entity::find()
        .filter(Column::Carrier.eq(carrier))
        .filter(is_due(before));
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
    before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<Model>, DbErr> {
    let claimed = Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .filter(is_due(before))
        .order_by_with_nulls(Column::LastPolledAt, Order::Asc, NullOrdering::First)
        .all(db)
        .await?;
    Entity::update_many()
        .col_expr(Column::LastPolledAt, Expr::value(now))
        .filter(Column::Id.is_in(claimed.iter().map(|row| row.id)))
        .exec(db)
        .await?;
    Ok(claimed)
}

fn is_due(before: DateTime<Utc>) -> Condition {
    Condition::all().add(Column::Status.ne("delivered")).add(
        Condition::any()
            .add(Column::LastPolledAt.is_null())
            .add(Column::LastPolledAt.lte(before)),
    )
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
pub async fn failed(db: &impl ConnectionTrait, id: Uuid) -> Result<i32, DbErr> {
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
    ] {
        row.reset(column);
    }
    Entity::update(row).exec_without_returning(db).await?;
    Ok(())
}
