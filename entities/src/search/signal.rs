//! A shopper's interaction with a product, from which preferences and popularity are computed.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{Condition, FromQueryResult, QueryOrder, QuerySelect};

use crate::batch;
use crate::keys;
use crate::stored_enum::stored_enum;

stored_enum! {
    /// The kind of interaction.
    SignalKind {
        View = "view",
        /// Clicked in a search result.
        SearchClick = "search_click",
        /// Added to the cart.
        Cart = "cart",
        Purchase = "purchase",
        Wishlist = "wishlist",
        ReviewRead = "review_read",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "signals")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// `None` for a visitor who has not signed in, and for a customer who has opted out of personalization.
    pub customer_id: Option<Uuid>,
    pub kind: SignalKind,
    pub product_id: Uuid,
    /// The search it came from.
    pub query_id: Option<Uuid>,
    /// The product's position in that search's results, from 0.
    pub position: Option<i32>,
    pub occurred_at: DateTime<Utc>,
    /// The order of a purchase.
    pub order_id: Option<Uuid>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// How often a customer did something with a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromQueryResult)]
pub struct SignalCount {
    pub customer_id: Uuid,
    pub product_id: Uuid,
    pub kind: SignalKind,
    pub count: i64,
}

/// Customers with signals since then and an id greater than this one, in order of id: one step of a walk over all.
pub async fn customers_after(
    db: &impl ConnectionTrait,
    since: DateTime<Utc>,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Uuid>, DbErr> {
    Entity::find()
        .select_only()
        .column(Column::CustomerId)
        .distinct()
        .filter(Column::CustomerId.gt(after.unwrap_or(Uuid::nil())))
        .filter(Column::OccurredAt.gte(since))
        .order_by_asc(Column::CustomerId)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await
}

/// The signals of these customers since then, counted by product and kind, in the order of customers and products.
pub async fn counts_of(
    db: &impl ConnectionTrait,
    customers: &[Uuid],
    since: DateTime<Utc>,
) -> Result<Vec<SignalCount>, DbErr> {
    Entity::find()
        .select_only()
        .columns([Column::CustomerId, Column::ProductId, Column::Kind])
        .column_as(Column::Id.count(), "count")
        .filter(keys::one_of(db, Column::CustomerId, customers))
        .filter(Column::OccurredAt.gte(since))
        .group_by(Column::CustomerId)
        .group_by(Column::ProductId)
        .group_by(Column::Kind)
        .order_by_asc(Column::CustomerId)
        .order_by_asc(Column::ProductId)
        .order_by_asc(Column::Kind)
        .into_model::<SignalCount>()
        .all(db)
        .await
}

/// How many signals each of these customers has since then.
pub async fn numbers_of(
    db: &impl ConnectionTrait,
    customers: &[Uuid],
    since: DateTime<Utc>,
) -> Result<HashMap<Uuid, i64>, DbErr> {
    let rows: Vec<(Uuid, i64)> = Entity::find()
        .select_only()
        .column(Column::CustomerId)
        .column_as(Column::Id.count(), "count")
        .filter(keys::one_of(db, Column::CustomerId, customers))
        .filter(Column::OccurredAt.gte(since))
        .group_by(Column::CustomerId)
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows.into_iter().collect())
}

/// The searches that led the customer to these products since then, by product: of a click, or of another signal that
/// names its search. The last one counts.
pub async fn searches_of(
    db: &impl ConnectionTrait,
    customer: Uuid,
    products: &[Uuid],
    since: DateTime<Utc>,
) -> Result<HashMap<Uuid, Uuid>, DbErr> {
    let rows: Vec<(Uuid, Uuid)> = Entity::find()
        .select_only()
        .columns([Column::ProductId, Column::QueryId])
        .filter(Column::CustomerId.eq(customer))
        .filter(Column::OccurredAt.gte(since))
        .filter(keys::one_of(db, Column::ProductId, products))
        .filter(Column::QueryId.is_not_null())
        .order_by_asc(Column::OccurredAt)
        .order_by_asc(Column::Id)
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows.into_iter().collect())
}

/// The purchases of an order.
pub async fn of_order(db: &impl ConnectionTrait, order: Uuid) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::OrderId.eq(order))
        .all(db)
        .await
}

/// Deletes the purchases of an order that was cancelled.
pub async fn delete_order(db: &impl ConnectionTrait, order: Uuid) -> Result<u64, DbErr> {
    let deleted = Entity::delete_many()
        .filter(Column::OrderId.eq(order))
        .exec(db)
        .await?;
    Ok(deleted.rows_affected)
}

/// Deletes all signals of a customer and returns how many.
pub async fn delete_customer(db: &impl ConnectionTrait, customer: Uuid) -> Result<u64, DbErr> {
    let deleted = Entity::delete_many()
        .filter(Column::CustomerId.eq(customer))
        .exec(db)
        .await?;
    Ok(deleted.rows_affected)
}

/// Deletes the signals of a customer up to then and returns how many.
pub async fn delete_customer_until(
    db: &impl ConnectionTrait,
    customer: Uuid,
    until: DateTime<Utc>,
) -> Result<u64, DbErr> {
    let deleted = Entity::delete_many()
        .filter(Column::CustomerId.eq(customer))
        .filter(Column::OccurredAt.lte(until))
        .exec(db)
        .await?;
    Ok(deleted.rows_affected)
}

/// The customer's signals after this one, in the order of their times.
pub async fn of_customer(
    db: &impl ConnectionTrait,
    customer: Uuid,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut query = Entity::find()
        .filter(Column::CustomerId.eq(customer))
        .order_by_asc(Column::OccurredAt)
        .order_by_asc(Column::Id)
        .limit(limit);
    if let Some((at, id)) = after {
        let later = Condition::any().add(Column::OccurredAt.gt(at)).add(
            Condition::all()
                .add(Column::OccurredAt.eq(at))
                .add(Column::Id.gt(id)),
        );
        query = query.filter(Column::OccurredAt.gte(at)).filter(later);
    }
    query.all(db).await
}

/// Deletes a batch of signals from before then and returns how many.
pub async fn sweep(
    db: &impl ConnectionTrait,
    before: DateTime<Utc>,
    limit: u64,
) -> Result<u64, DbErr> {
    let old = Condition::all().add(Column::OccurredAt.lt(before));
    batch::delete::<Entity>(db, Column::Id, old, limit).await
}

/// How often each product was the subject of these kinds of signals since then, the most frequent first.
pub async fn counts_by_product(
    db: &impl ConnectionTrait,
    kinds: &[SignalKind],
    since: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<(Uuid, SignalKind, i64)>, DbErr> {
    Entity::find()
        .select_only()
        .columns([Column::ProductId, Column::Kind])
        .column_as(Column::Id.count(), "count")
        .filter(Column::OccurredAt.gte(since))
        .filter(Column::Kind.is_in(kinds.iter().copied()))
        .group_by(Column::ProductId)
        .group_by(Column::Kind)
        .order_by_desc(Column::Id.count())
        .order_by_asc(Column::ProductId)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await
}
