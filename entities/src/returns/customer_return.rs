//! A return: items of one order that a customer sends back, with refund and label.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait, Query};
use sea_orm::{Condition, IntoActiveModel, PaginatorTrait, QueryOrder, QuerySelect};

use crate::batch;
use crate::keys;
use crate::stored_enum::stored_enum;
use crate::tracking_number;

stored_enum! {
    /// The status of a return.
    ReturnStatus {
        Initiated = "initiated",
        LabelGenerated = "label_generated",
        /// The carrier has the package.
        CarrierScanned = "carrier_scanned",
        RefundIssued = "refund_issued",
        /// The package is back at the warehouse and its units are in stock again.
        Completed = "completed",
        /// A support agent is reviewing it.
        ManualReview = "manual_review",
        Cancelled = "cancelled",
    }
}

stored_enum! {
    /// How the refund is paid.
    RefundMethod {
        OriginalPayment = "original_payment",
        /// Used when the payment method is no longer usable.
        StoreCredit = "store_credit",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "returns")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub order_id: Uuid,
    pub customer_id: Uuid,
    pub status: ReturnStatus,
    /// ISO 4217 code of the order's payment; the refund's amounts are in its minor units.
    pub currency: String,
    pub refund_items: i64,
    pub refund_tax: i64,
    /// Negative when shipping is deducted.
    pub refund_shipping: i64,
    pub refund_total: i64,
    /// The part of `refund_total` that is given as store credit, because store credit paid that part of the order.
    pub refund_credit: i64,
    /// Whether this return refunds the order's shipping. At most one uncancelled return of an order does.
    pub shipping_refunded: bool,
    pub refund_method: RefundMethod,
    /// The payment to refund, set when the provider is first called.
    pub payment_intent_id: Option<String>,
    /// The refund's idempotency key at the payment provider, written before the first call.
    pub refund_key: Option<String>,
    pub refund_attempts: i32,
    /// Set without `refund_issued_at`: the provider was called and the outcome is unknown.
    pub refund_requested_at: Option<DateTime<Utc>>,
    pub refund_provider_id: Option<String>,
    pub refund_issued_at: Option<DateTime<Utc>>,
    /// The label provider's shipment id, for voiding.
    pub label_shipment_id: Option<String>,
    /// The label's key in the object store.
    pub label_object: Option<String>,
    /// A signed URL, valid until `label_expires_at`.
    pub label_url: Option<String>,
    pub label_carrier: Option<String>,
    pub tracking_number: Option<String>,
    /// The label's price, in minor units of `label_cost_currency`.
    pub label_cost: Option<i64>,
    pub label_cost_currency: Option<String>,
    pub label_return_address: Option<String>,
    pub label_generated_at: Option<DateTime<Utc>>,
    pub label_expires_at: Option<DateTime<Utc>>,
    pub label_voided_at: Option<DateTime<Utc>>,
    pub carrier_scanned_at: Option<DateTime<Utc>>,
    /// When the package was delivered to the warehouse.
    pub delivered_at: Option<DateTime<Utc>>,
    /// When the carrier turned the package back to the customer.
    pub turned_back_at: Option<DateTime<Utc>>,
    /// When support was alerted that nothing had happened since the return was created.
    pub support_alerted_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// By id.
pub async fn by_ids(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, Model>, DbErr> {
    keys::rows_by::<Entity>(db, Column::Id, ids, |row| row.id).await
}

/// Ids of returns of all customers after this one, in order: one step of a walk over all.
pub async fn ids_after(
    db: &impl ConnectionTrait,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Uuid>, DbErr> {
    batch::ids_after::<Entity>(db, Column::Id, after, limit).await
}

/// Which of these exist.
pub async fn existing(db: &impl ConnectionTrait, ids: &[Uuid]) -> Result<HashSet<Uuid>, DbErr> {
    batch::existing::<Entity>(db, Column::Id, ids).await
}

/// Ids of orders that have returns after this one, in order: one step of a walk over all.
pub async fn orders_after(
    db: &impl ConnectionTrait,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Uuid>, DbErr> {
    batch::ids_after::<Entity>(db, Column::OrderId, after, limit).await
}

/// The customer's returns of each order, including cancelled ones, oldest first.
pub async fn of_orders(
    db: &impl ConnectionTrait,
    customer: Uuid,
    orders: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Model>>, DbErr> {
    let rows = Entity::find()
        .filter(keys::beside_keys(db, Column::CustomerId).eq(customer))
        .filter(keys::one_of(db, Column::OrderId, orders))
        .order_by_asc(Column::CreatedAt)
        .order_by_asc(Column::Id)
        .all(db)
        .await?;
    Ok(by_order(rows))
}

fn by_order(rows: Vec<Model>) -> HashMap<Uuid, Vec<Model>> {
    let mut by_order: HashMap<Uuid, Vec<Model>> = HashMap::new();
    for row in rows {
        by_order.entry(row.order_id).or_default().push(row);
    }
    by_order
}

/// The returns of each order, of any customer, oldest first.
pub async fn of_any_orders(
    db: &impl ConnectionTrait,
    orders: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Model>>, DbErr> {
    let rows = Entity::find()
        .filter(keys::one_of(db, Column::OrderId, orders))
        .order_by_asc(Column::CreatedAt)
        .order_by_asc(Column::Id)
        .all(db)
        .await?;
    Ok(by_order(rows))
}

/// Refunded amount of the payments of these orders, in minor units of its currency.
pub async fn refunded_by_order(
    db: &impl ConnectionTrait,
    orders: &[Uuid],
) -> Result<HashMap<Uuid, i64>, DbErr> {
    let rows: Vec<(Uuid, i64)> = Entity::find()
        .select_only()
        .columns([Column::OrderId, Column::RefundTotal])
        .filter(keys::one_of(db, Column::OrderId, orders))
        .filter(Column::RefundIssuedAt.is_not_null())
        .filter(Column::RefundMethod.eq(RefundMethod::OriginalPayment))
        .into_tuple()
        .all(db)
        .await?;
    let mut by_order = HashMap::new();
    for (order, total) in rows {
        *by_order.entry(order).or_default() += total;
    }
    Ok(by_order)
}

/// By id, locked until the transaction ends.
pub async fn lock(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id).lock_exclusive().one(db).await
}

/// Locks the return with this tracking number until the transaction ends.
pub async fn lock_tracked(db: &impl ConnectionTrait, number: &str) -> Result<Option<Model>, DbErr> {
    Entity::find()
        .filter(Column::TrackingNumber.is_in(tracking_number::spellings(number)))
        .order_by_desc(Column::CreatedAt)
        .lock_exclusive()
        .one(db)
        .await
}

/// A single return, of any customer.
pub async fn by_id(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id).one(db).await
}

/// The customer's returns after this one, in the order of their ids.
pub async fn of_customer(
    db: &impl ConnectionTrait,
    customer: Uuid,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::CustomerId.eq(customer))
        .filter(Column::Id.gt(after.unwrap_or(Uuid::nil())))
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// Forgets where the labels of these returns are, and returns of how many.
pub async fn delete_label_links(db: &impl ConnectionTrait, ids: &[Uuid]) -> Result<u64, DbErr> {
    let changed = Entity::update_many()
        .col_expr(Column::LabelObject, Expr::value(None::<String>))
        .col_expr(Column::LabelUrl, Expr::value(None::<String>))
        .filter(keys::one_of(db, Column::Id, ids))
        .exec(db)
        .await?;
    Ok(changed.rows_affected)
}

/// Updates the row if it still has the given status, and returns whether it did.
pub async fn change(
    db: &impl ConnectionTrait,
    stored_status: ReturnStatus,
    row: Model,
) -> Result<bool, DbErr> {
    let id = row.id;
    let mut columns = row.into_active_model().reset_all();
    columns.not_set(Column::Id);
    let changed = Entity::update_many()
        .set(columns)
        .filter(Column::Id.eq(id))
        .filter(Column::Status.eq(stored_status))
        .exec(db)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Ids of returns whose label was created before then and has not been scanned, after this id and in order.
pub async fn unscanned(
    db: &impl ConnectionTrait,
    generated_before: DateTime<Utc>,
    after: Uuid,
    limit: u64,
) -> Result<Vec<Uuid>, DbErr> {
    let stuck = Condition::all()
        .add(Column::Status.eq(ReturnStatus::LabelGenerated))
        .add(Column::LabelGeneratedAt.lt(generated_before));
    page(db, stuck, after, limit).await
}

/// Ids of returns created before then that have no label and were not reported to support, after this id and in order.
pub async fn unlabelled(
    db: &impl ConnectionTrait,
    created_before: DateTime<Utc>,
    after: Uuid,
    limit: u64,
) -> Result<Vec<Uuid>, DbErr> {
    let stuck = Condition::all()
        .add(Column::Status.eq(ReturnStatus::Initiated))
        .add(Column::CreatedAt.lt(created_before))
        .add(Column::SupportAlertedAt.is_null());
    page(db, stuck, after, limit).await
}

/// Condition: in this status, without a task of this kind.
fn without_task(status: ReturnStatus, kind: &str) -> Condition {
    let tasks = Query::select()
        .column("key")
        .from("tasks")
        .and_where(Expr::col("kind").eq(kind))
        .to_owned();
    Condition::all()
        .add(Column::Status.eq(status))
        .add(Column::Id.not_in_subquery(tasks))
}

/// Ids of returns that the carrier has and that have no refund task, after this id and in order.
pub async fn unrefunded(
    db: &impl ConnectionTrait,
    after: Uuid,
    limit: u64,
) -> Result<Vec<Uuid>, DbErr> {
    page(
        db,
        without_task(ReturnStatus::CarrierScanned, "refund"),
        after,
        limit,
    )
    .await
}

/// Ids of cancelled returns whose label is neither voided, nor has a task, nor was reported to support, after this id
/// and in order.
pub async fn unvoided(
    db: &impl ConnectionTrait,
    after: Uuid,
    limit: u64,
) -> Result<Vec<Uuid>, DbErr> {
    let orphaned = without_task(ReturnStatus::Cancelled, "void")
        .add(Column::LabelShipmentId.is_not_null())
        .add(Column::LabelVoidedAt.is_null())
        .add(Column::SupportAlertedAt.is_null());
    page(db, orphaned, after, limit).await
}

/// How many refunds were requested from the provider before then and have no outcome yet.
pub async fn count_in_doubt(
    db: &impl ConnectionTrait,
    requested_before: DateTime<Utc>,
) -> Result<u64, DbErr> {
    Entity::find()
        .filter(Column::Status.eq(ReturnStatus::CarrierScanned))
        .filter(Column::RefundRequestedAt.lt(requested_before))
        .count(db)
        .await
}

async fn page(
    db: &impl ConnectionTrait,
    condition: Condition,
    after: Uuid,
    limit: u64,
) -> Result<Vec<Uuid>, DbErr> {
    Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(condition)
        .filter(Column::Id.gt(after))
        .order_by_asc(Column::Id)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await
}
