//! An order, with its amounts in the customer's currency and in USD at the rate when it was placed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Query;
use sea_orm::{
    ActiveValue::Set, Condition, ExprTrait, FromJsonQueryResult, IntoActiveModel, PaginatorTrait,
    QueryOrder, QuerySelect,
};
use serde::{Deserialize, Serialize};

use super::order_payment::{self, PaymentState};
use super::order_refund::OrderRefundState;
use crate::batch;
use crate::keys;
use crate::stored_enum::stored_enum;

stored_enum! {
    /// The status of an order.
    OrderStatus {
        /// Placed; the payment is not settled yet.
        Pending = "pending",
        /// Paid and being prepared.
        Confirmed = "confirmed",
        Shipped = "shipped",
        Delivered = "delivered",
        Cancelled = "cancelled",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "orders")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub customer_id: Uuid,
    pub status: OrderStatus,
    /// The total in US cents, for reports; fixed when the order was placed.
    pub usd_amount: i64,
    /// The amount the customer paid: subtotal, shipping and tax.
    pub local_currency_amount: i64,
    /// ISO 4217 code of the payment, and of every other amount here except `usd_amount`.
    pub local_currency_code: String,
    /// Exact decimal: units of the local currency per US dollar, fixed when the order was placed.
    pub exchange_rate: String,
    /// The part of `local_currency_amount` that store credit paid; the payment method pays the rest.
    pub store_credit_amount: i64,
    pub subtotal_amount: i64,
    pub shipping_amount: i64,
    pub tax_amount: i64,
    #[sea_orm(column_type = "JsonBinary")]
    pub shipping_address: Address,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub billing_address: Option<Address>,
    /// The code of the way of shipping; `None` if there is nothing to send, and in rows from before there was a choice.
    pub shipping_option: Option<String>,
    pub payment_method_id: Uuid,
    /// The payment provider's id of the payment, `pi_…`, once there is one.
    pub payment_intent_id: Option<String>,
    pub placed_at: DateTime<Utc>,
    pub confirmed_at: Option<DateTime<Utc>>,
    pub shipped_at: Option<DateTime<Utc>>,
    pub delivered_at: Option<DateTime<Utc>>,
    pub cancelled_at: Option<DateTime<Utc>>,
    pub updated_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// What the payment method pays, in minor units.
    pub fn charged_amount(&self) -> i64 {
        self.local_currency_amount - self.store_credit_amount
    }
}

/// A postal address as of when the order was placed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Address {
    pub name: String,
    pub line1: String,
    pub line2: Option<String>,
    pub city: String,
    /// State, province or prefecture, where the country has them.
    pub region: Option<String>,
    pub postal_code: String,
    /// ISO 3166-1 alpha-2.
    pub country_code: String,
}

impl Address {
    /// What accounting needs of it: the place of taxation.
    pub fn place_of_taxation(&self) -> Self {
        Self {
            name: String::new(),
            line1: String::new(),
            line2: None,
            city: String::new(),
            region: self.region.clone(),
            postal_code: String::new(),
            country_code: self.country_code.clone(),
        }
    }
}

/// The sort key of a customer's order list.
pub type Key = (DateTime<Utc>, Uuid);

/// A page of a customer's order list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageQuery {
    /// Whether to start at the newest and go back in time, or at the oldest and go forward.
    pub newest_first: bool,
    /// Only orders after this key in that direction.
    pub after: Option<Key>,
    pub limit: u64,
}

/// By id.
pub async fn by_ids(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, Arc<Model>>, DbErr> {
    let rows = Entity::find()
        .filter(keys::one_of(db, Column::Id, ids))
        .all(db)
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.id, Arc::new(row)))
        .collect())
}

/// Ids of orders of all customers after this one, in order: one step of a walk over all.
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

/// Locks the order until the transaction ends.
pub async fn lock(transaction: &impl ConnectionTrait, id: Uuid) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id)
        .lock_exclusive()
        .one(transaction)
        .await
}

/// Adds an order.
pub async fn insert(transaction: &impl ConnectionTrait, order: Model) -> Result<(), DbErr> {
    order.into_active_model().insert(transaction).await?;
    Ok(())
}

/// Updates the changeable columns: payment, status, and the time of each status.
pub async fn update(transaction: &impl ConnectionTrait, order: Model) -> Result<(), DbErr> {
    let mut row = order.into_active_model();
    for column in [
        Column::PaymentIntentId,
        Column::Status,
        Column::ConfirmedAt,
        Column::ShippedAt,
        Column::DeliveredAt,
        Column::CancelledAt,
        Column::UpdatedAt,
    ] {
        row.reset(column);
    }
    row.update(transaction).await?;
    Ok(())
}

/// A page of the customer's orders in these statuses, in the query's direction. An empty list means all statuses.
pub async fn of_customer(
    db: &impl ConnectionTrait,
    customer: Uuid,
    statuses: &[OrderStatus],
    page: &PageQuery,
) -> Result<Vec<Arc<Model>>, DbErr> {
    let mut query = list(customer, statuses).limit(page.limit);
    let key = Expr::tuple([Column::PlacedAt.into_expr(), Column::Id.into_expr()]);
    let after = page
        .after
        .map(|(placed_at, id)| Expr::tuple([Expr::value(placed_at), Expr::value(id)]));
    if page.newest_first {
        query = query
            .order_by_desc(Column::PlacedAt)
            .order_by_desc(Column::Id);
        if let Some(after) = after {
            query = query.filter(key.lt(after));
        }
    } else {
        query = query
            .order_by_asc(Column::PlacedAt)
            .order_by_asc(Column::Id);
        if let Some(after) = after {
            query = query.filter(key.gt(after));
        }
    }
    let rows = query.all(db).await?;
    Ok(rows.into_iter().map(Arc::new).collect())
}

/// Ids of the customer's orders up to then that are not settled, in order: they have not arrived, or a payment or refund
/// has no outcome yet.
pub async fn open_of_customer(
    db: &impl ConnectionTrait,
    customer: Uuid,
    until: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<Uuid>, DbErr> {
    let unsettled = |table: &'static str, states: Vec<&'static str>| {
        let rows = Query::select()
            .column("order_id")
            .from(table)
            .and_where(Expr::col((table, "order_id")).equals(("orders", "id")))
            .and_where(Expr::col((table, "state")).is_in(states))
            .to_owned();
        Expr::exists(rows)
    };
    let mut payments = order_payment::OPEN.map(PaymentState::as_str).to_vec();
    payments.push(PaymentState::NeedsReview.as_str());
    let refunds = vec![OrderRefundState::Requested.as_str()];
    let is_under_way = Column::Status.is_in([
        OrderStatus::Pending,
        OrderStatus::Confirmed,
        OrderStatus::Shipped,
    ]);
    let is_open = Condition::any()
        .add(is_under_way)
        .add(unsettled("order_payments", payments))
        .add(unsettled("order_refunds", refunds));
    Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::CustomerId.eq(customer))
        .filter(Column::PlacedAt.lte(until))
        .filter(is_open)
        .order_by_asc(Column::PlacedAt)
        .order_by_asc(Column::Id)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await
}

/// Replaces the shipping address of these orders, and removes the billing address.
pub async fn set_addresses(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
    address: Address,
) -> Result<u64, DbErr> {
    let addresses = ActiveModel {
        shipping_address: Set(address),
        billing_address: Set(None),
        ..Default::default()
    };
    let changed = Entity::update_many()
        .set(addresses)
        .filter(keys::one_of(db, Column::Id, ids))
        .exec(db)
        .await?;
    Ok(changed.rows_affected)
}

/// Paid orders that have no parcel yet, of any customer, the oldest first.
pub async fn without_parcel(db: &impl ConnectionTrait, limit: u64) -> Result<Vec<Model>, DbErr> {
    let sent = Query::select()
        .column("order_id")
        .from("order_parcels")
        .and_where(Expr::col(("order_parcels", "order_id")).equals(("orders", "id")))
        .to_owned();
    Entity::find()
        .filter(Column::Status.eq(OrderStatus::Confirmed))
        .filter(Expr::exists(sent).not())
        .order_by_asc(Column::PlacedAt)
        .limit(limit)
        .all(db)
        .await
}

/// An order's payment at the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderPayment {
    pub order_id: Uuid,
    /// The payment provider's id, `pi_…`.
    pub payment_intent_id: String,
    /// In minor units of the currency.
    pub amount: i64,
    /// ISO 4217 code.
    pub currency_code: String,
}

/// The payments at the provider of the newest orders that have one, of any customer.
pub async fn newest_provider_payments(
    db: &impl ConnectionTrait,
    limit: u64,
) -> Result<Vec<ProviderPayment>, DbErr> {
    use Column::{Id, LocalCurrencyAmount, LocalCurrencyCode, PaymentIntentId, PlacedAt};
    let rows = Entity::find()
        .select_only()
        .columns([Id, PaymentIntentId, LocalCurrencyAmount, LocalCurrencyCode])
        .filter(PaymentIntentId.is_not_null())
        .order_by_desc(PlacedAt)
        .limit(limit)
        .into_tuple::<(Uuid, String, i64, String)>()
        .all(db)
        .await?;
    let payment = |(order_id, payment_intent_id, amount, currency_code)| ProviderPayment {
        order_id,
        payment_intent_id,
        amount,
        currency_code,
    };
    Ok(rows.into_iter().map(payment).collect())
}

/// How many orders the customer has in these statuses. An empty list means all statuses.
pub async fn count(
    db: &impl ConnectionTrait,
    customer: Uuid,
    statuses: &[OrderStatus],
) -> Result<u64, DbErr> {
    list(customer, statuses).count(db).await
}

/// Orders of all customers in these statuses, newest first. An empty list means all statuses.
pub async fn newest(
    db: &impl ConnectionTrait,
    statuses: &[OrderStatus],
    after: Option<Key>,
    limit: u64,
) -> Result<Vec<Arc<Model>>, DbErr> {
    let mut query = match statuses {
        [] | [_] => of_all(statuses),
        // SQLite would sort all orders in these statuses. In the order of time, the page is near.
        several => {
            let several = several.iter().map(|status| status.as_str());
            Entity::find().filter(keys::beside_keys(db, Column::Status).is_in(several))
        }
    };
    if let Some((placed_at, id)) = after {
        let key = Expr::tuple([Column::PlacedAt.into_expr(), Column::Id.into_expr()]);
        query = query.filter(key.lt(Expr::tuple([Expr::value(placed_at), Expr::value(id)])));
    }
    let rows = query
        .order_by_desc(Column::PlacedAt)
        .order_by_desc(Column::Id)
        .limit(limit)
        .all(db)
        .await?;
    Ok(rows.into_iter().map(Arc::new).collect())
}

/// How many orders there are in these statuses. An empty list means all statuses.
pub async fn count_all(db: &impl ConnectionTrait, statuses: &[OrderStatus]) -> Result<u64, DbErr> {
    of_all(statuses).count(db).await
}

fn of_all(statuses: &[OrderStatus]) -> Select<Entity> {
    if statuses.is_empty() {
        Entity::find()
    } else {
        Entity::find().filter(Column::Status.is_in(statuses.iter().copied()))
    }
}

fn list(customer: Uuid, statuses: &[OrderStatus]) -> Select<Entity> {
    let query = Entity::find().filter(Column::CustomerId.eq(customer));
    if statuses.is_empty() {
        query
    } else {
        let statuses = statuses.iter().map(|status| status.as_str());
        query.filter(keys::unindexed(Column::Status).is_in(statuses))
    }
}
