//! A change of a customer's store credit. Entries are added, never changed: their sum is the balance.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{IntoActiveModel, PaginatorTrait, QueryOrder, QuerySelect};

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
