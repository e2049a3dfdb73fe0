//! How much store credit a customer has in a currency: the sum of its entries.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ExprTrait, IntoActiveModel, QueryOrder, QuerySelect};

use crate::keys;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "store_credit_balances")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: Uuid,
    /// ISO 4217 code.
    #[sea_orm(primary_key, auto_increment = false)]
    pub currency_code: String,
    /// In minor units; never negative.
    pub balance: i64,
    pub updated_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The customer's balances, by currency.
pub async fn of_customer(db: &impl ConnectionTrait, customer: Uuid) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::CustomerId.eq(customer))
        .order_by_asc(Column::CurrencyCode)
        .all(db)
        .await
}

/// The customer's balance in this currency, in minor units.
pub async fn balance(
    db: &impl ConnectionTrait,
    customer: Uuid,
    currency: &str,
) -> Result<i64, DbErr> {
    let row = Entity::find_by_id((customer, currency.to_owned()))
        .one(db)
        .await?;
    Ok(row.map_or(0, |row| row.balance))
}

/// Adds an amount, which may be negative, and returns whether the balance allows it. The row is locked until the
/// transaction ends.
pub async fn add(
    transaction: &impl ConnectionTrait,
    customer: Uuid,
    currency: &str,
    amount: i64,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    if amount >= 0 {
        let new = Model {
            customer_id: customer,
            currency_code: currency.to_owned(),
            balance: 0,
            updated_at: now,
        };
        let columns = [Column::CustomerId, Column::CurrencyCode];
        Entity::insert(new.into_active_model())
            .on_conflict(OnConflict::columns(columns).do_nothing().to_owned())
            .exec_without_returning(transaction)
            .await?;
    }
    let changed = Entity::update_many()
        .col_expr(Column::Balance, Expr::col(Column::Balance).add(amount))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::CustomerId.eq(customer))
        .filter(Column::CurrencyCode.eq(currency))
        .filter(Expr::col(Column::Balance).add(amount).gte(0))
        .exec(transaction)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Balances after this one, by customer and currency: one step of a walk over all.
pub async fn after(
    db: &impl ConnectionTrait,
    after: Option<Model>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut query = Entity::find()
        .order_by_asc(Column::CustomerId)
        .order_by_asc(Column::CurrencyCode)
        .limit(limit);
    if let Some(after) = after {
        let key = Expr::tuple([
            Column::CustomerId.into_expr(),
            Column::CurrencyCode.into_expr(),
        ]);
        let last = [
            Expr::value(after.customer_id),
            Expr::value(after.currency_code),
        ];
        query = query.filter(key.gt(Expr::tuple(last)));
    }
    query.all(db).await
}

/// The balances of these customers.
pub async fn of_customers(
    db: &impl ConnectionTrait,
    customers: &[Uuid],
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(keys::one_of(db, Column::CustomerId, customers))
        .all(db)
        .await
}
