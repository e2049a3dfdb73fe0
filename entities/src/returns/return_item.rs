//! Units of one order item in a return.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{ExprTrait, QueryOrder, QuerySelect};

use super::customer_return;

use crate::keys;
use crate::stored_enum::stored_enum;

stored_enum! {
    /// The condition an item is returned in. Recorded only; never a reason for refusal.
    ItemCondition {
        Unopened = "unopened",
        OpenedUnused = "opened_unused",
        OpenedUsed = "opened_used",
        Defective = "defective",
        Damaged = "damaged",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "return_items")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub return_id: Uuid,
    pub order_item_id: Uuid,
    /// Unknown in rows from before this column existed.
    pub product_id: Option<Uuid>,
    /// The product's name at the time of purchase.
    pub product_name: String,
    pub quantity: i32,
    pub condition: ItemCondition,
    /// One of the 18 reasons.
    pub reason_code: String,
    pub reason_text: Option<String>,
    /// Its share of the return's `refund_items`, in the same minor units.
    pub refund_amount: i64,
    pub created_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::customer_return::Entity",
        from = "Column::ReturnId",
        to = "super::customer_return::Column::Id"
    )]
    Return,
}

impl Related<customer_return::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Return.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

/// The units of an order item in returns that are not cancelled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Returned {
    pub units: i64,
    /// In minor units of the order's currency.
    pub refund_amount: i64,
}

/// By return, in the order of their ids.
pub async fn of_returns(
    db: &impl ConnectionTrait,
    returns: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Model>>, DbErr> {
    let rows = Entity::find()
        .filter(keys::one_of(db, Column::ReturnId, returns))
        .order_by_asc(Column::Id)
        .all(db)
        .await?;
    let mut by_return: HashMap<Uuid, Vec<Model>> = HashMap::new();
    for row in rows {
        by_return.entry(row.return_id).or_default().push(row);
    }
    Ok(by_return)
}

/// Returned quantity of each order item so far; items without returns have no entry.
pub async fn returned(
    db: &impl ConnectionTrait,
    order_items: &[Uuid],
) -> Result<HashMap<Uuid, Returned>, DbErr> {
    // Summed here: PostgreSQL's sum of BIGINT is a NUMERIC, and an item has few returns.
    let rows: Vec<(Uuid, i32, i64)> = Entity::find()
        .select_only()
        .columns([Column::OrderItemId, Column::Quantity, Column::RefundAmount])
        .inner_join(customer_return::Entity)
        .filter(keys::one_of(db, Column::OrderItemId, order_items))
        // Not bound: whether a partial index applies depends on the literal, and SQLite would plan the statement again
        // each time.
        .filter(
            customer_return::Column::Status
                .into_expr()
                .ne(Expr::Constant("cancelled".into())),
        )
        .into_tuple()
        .all(db)
        .await?;
    let mut by_item: HashMap<Uuid, Returned> = HashMap::new();
    for (item, quantity, refund_amount) in rows {
        let returned = by_item.entry(item).or_default();
        returned.units += i64::from(quantity);
        returned.refund_amount += refund_amount;
    }
    Ok(by_item)
}

/// Deletes what customers wrote about the items of these returns, and returns of how many.
pub async fn delete_reason_texts(
    db: &impl ConnectionTrait,
    returns: &[Uuid],
) -> Result<u64, DbErr> {
    let changed = Entity::update_many()
        .col_expr(Column::ReasonText, Expr::value(None::<String>))
        .filter(keys::one_of(db, Column::ReturnId, returns))
        .filter(Column::ReasonText.is_not_null())
        .exec(db)
        .await?;
    Ok(changed.rows_affected)
}

/// Sets the refund of each of these items.
pub async fn set_refund_amounts(
    transaction: &impl ConnectionTrait,
    amounts: &[(Uuid, i64)],
) -> Result<(), DbErr> {
    for &(id, amount) in amounts {
        Entity::update_many()
            .col_expr(Column::RefundAmount, Expr::value(amount))
            .filter(Column::Id.eq(id))
            .exec(transaction)
            .await?;
    }
    Ok(())
}
