//! A change of a customer's store credit. Entries are added, never changed: their sum is the balance.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{ExprTrait, IntoActiveModel, PaginatorTrait, QueryOrder, QuerySelect};

use crate::batch;
use crate::keys;
use crate::stored_enum::stored_enum;

stored_enum! {
    /// Why store credit changed.
    CreditKind {
        /// It was given for a return instead of money.
        Issued = "issued",
        /// An order was paid with it.
        Spent = "spent",
        /// The order was cancelled.
        GivenBack = "given_back",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "store_credit_entries")]
pub struct Model {
    /// Increases with time.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub customer_id: Uuid,
    pub currency_code: String,
    pub kind: CreditKind,
    /// In minor units; negative if it was spent.
    pub amount: i64,
    /// What caused it; unique with the kind, so that repeating it changes nothing.
    pub reference: String,
    pub order_id: Option<Uuid>,
    pub return_id: Option<Uuid>,
    pub occurred_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

pub async fn insert(transaction: &impl ConnectionTrait, entry: Model) -> Result<(), DbErr> {
    entry.into_active_model().insert(transaction).await?;
    Ok(())
}

/// The customer's newest entries before this one.
pub async fn of_customer(
    db: &impl ConnectionTrait,
    customer: Uuid,
    before: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut query = Entity::find()
        .filter(Column::CustomerId.eq(customer))
        .order_by_desc(Column::Id)
        .limit(limit);
    if let Some(before) = before {
        query = query.filter(Column::Id.lt(before));
    }
    query.all(db).await
}

/// What was issued for a return so far, in minor units by currency.
pub async fn issued_for_return(
    db: &impl ConnectionTrait,
    return_id: Uuid,
) -> Result<HashMap<String, i64>, DbErr> {
    let rows: Vec<(String, i64)> = Entity::find()
        .select_only()
        .columns([Column::CurrencyCode, Column::Amount])
        .filter(Column::ReturnId.eq(return_id))
        .into_tuple()
        .all(db)
        .await?;
    let mut sums: HashMap<String, i64> = HashMap::new();
    for (currency, amount) in rows {
        *sums.entry(currency).or_default() += amount;
    }
    Ok(sums)
}

/// How many entries the customer has.
pub async fn count(db: &impl ConnectionTrait, customer: Uuid) -> Result<u64, DbErr> {
    Entity::find()
        .filter(Column::CustomerId.eq(customer))
        .count(db)
        .await
}

/// Entries of all customers after this one, in order: one step of a walk over all.
pub async fn after(
    db: &impl ConnectionTrait,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Uuid>, DbErr> {
    batch::ids_after::<Entity>(db, Column::Id, after, limit).await
}

/// By id.
pub async fn by_ids(db: &impl ConnectionTrait, ids: &[Uuid]) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(keys::one_of(db, Column::Id, ids))
        .all(db)
        .await
}

/// Entries with these references, of any kind.
pub async fn of_references(
    db: &impl ConnectionTrait,
    references: &[String],
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::Reference.is_in(references))
        .all(db)
        .await
}

/// The entries of these returns.
pub async fn of_returns(db: &impl ConnectionTrait, returns: &[Uuid]) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(keys::one_of(db, Column::ReturnId, returns))
        .all(db)
        .await
}

/// The sum of the entries of these customers, in minor units by customer and currency.
pub async fn sums(
    db: &impl ConnectionTrait,
    customers: &[Uuid],
) -> Result<HashMap<(Uuid, String), i64>, DbErr> {
    let rows: Vec<(Uuid, String, i64)> = Entity::find()
        .select_only()
        .columns([Column::CustomerId, Column::CurrencyCode])
        // PostgreSQL's sum of BIGINT is a NUMERIC.
        .expr(Column::Amount.into_expr().sum().cast_as("bigint"))
        .filter(keys::one_of(db, Column::CustomerId, customers))
        .group_by(Column::CustomerId)
        .group_by(Column::CurrencyCode)
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows
        .into_iter()
        .map(|(customer, currency, sum)| ((customer, currency), sum))
        .collect())
}
