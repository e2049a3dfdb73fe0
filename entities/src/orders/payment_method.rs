//! A customer's payment method: its displayable details and the provider's token. Never a card number.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{ExprTrait, IntoActiveModel, QueryOrder, QuerySelect};

use crate::keys;
use crate::stored_enum::stored_enum;

stored_enum! {
    PaymentMethodKind {
        Card = "card",
        ApplePay = "apple_pay",
        GooglePay = "google_pay",
        Paypal = "paypal",
        BankAccount = "bank_account",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payment_methods")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub customer_id: Uuid,
    pub kind: PaymentMethodKind,
    pub last4: Option<String>,
    /// The payment provider's id, `pm_…`.
    pub token: String,
    /// When it can no longer be charged or refunded; `None`: never expires.
    pub expires_at: Option<DateTime<Utc>>,
    /// When its account was closed.
    pub closed_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

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

/// The customer's payment method with this token.
pub async fn of_token(
    db: &impl ConnectionTrait,
    customer: Uuid,
    token: &str,
) -> Result<Option<Model>, DbErr> {
    Entity::find()
        .filter(Column::CustomerId.eq(customer))
        .filter(Column::Token.eq(token))
        .one(db)
        .await
}

/// The customer's payment methods after this one, in the order of their ids.
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

/// Closes the payment methods that the customer had then, and deletes the digits and the provider's ids. Returns of how
/// many. The rows stay, because orders refer to them.
pub async fn erase_of_customer(
    db: &impl ConnectionTrait,
    customer: Uuid,
    until: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    let erased = Entity::update_many()
        .col_expr(Column::Last4, Expr::value(None::<String>))
        .col_expr(Column::Token, Expr::value(""))
        .col_expr(
            Column::ClosedAt,
            Expr::col(Column::ClosedAt).if_null(Expr::value(now)),
        )
        .filter(Column::CustomerId.eq(customer))
        .filter(Column::CreatedAt.lte(until))
        .filter(Column::Token.ne(""))
        .exec(db)
        .await?;
    Ok(erased.rows_affected)
}

/// Adds a payment method.
pub async fn insert(transaction: &impl ConnectionTrait, method: Model) -> Result<(), DbErr> {
    method.into_active_model().insert(transaction).await?;
    Ok(())
}
