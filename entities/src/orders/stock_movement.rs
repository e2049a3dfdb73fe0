//! A change of a product's stock. Movements are added, never changed: their sum is the stock.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{ExprTrait, QueryOrder, QuerySelect};

use crate::keys;
use crate::stored_enum::stored_enum;

stored_enum! {
    /// Why stock changed.
    MovementKind {
        /// What there was when the ledger began.
        Opening = "opening",
        /// An order took it.
        Ordered = "ordered",
        /// The order was cancelled.
        Cancelled = "cancelled",
        /// A return was completed.
        Returned = "returned",
        /// The warehouse received it.
        Restocked = "restocked",
        /// The warehouse counted something else.
        Corrected = "corrected",
        /// Units that cannot be sold were disposed of.
        WrittenOff = "written_off",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "stock_movements")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub product_id: Uuid,
    /// Counts the movements of this product, from 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub sequence: i64,
    pub kind: MovementKind,
    /// What it adds to the units that can be sold.
    pub available: i32,
    /// What it adds to the units that cannot.
    pub damaged: i32,
    /// What caused it, such as `ord_…:oi_…`; unique with the kind, so that repeating it changes nothing.
    pub reference: String,
    pub order_item_id: Option<Uuid>,
    /// Who did it: a customer's id, an application's name, or a part of the system.
    pub actor: String,
    /// Why, in words.
    pub reason: Option<String>,
    pub occurred_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Movements with these references for this kind.
pub async fn of_references(
    db: &impl ConnectionTrait,
    references: &[String],
    kind: MovementKind,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::Reference.is_in(references))
        .filter(Column::Kind.eq(kind))
        .all(db)
        .await
}

/// Which of these references have had a movement for this kind.
pub async fn known_references(
    db: &impl ConnectionTrait,
    references: &[String],
    kind: MovementKind,
) -> Result<HashSet<String>, DbErr> {
    let rows = of_references(db, references, kind).await?;
    Ok(rows.into_iter().map(|row| row.reference).collect())
}

/// The newest movements of a product before this number.
pub async fn of_product(
    db: &impl ConnectionTrait,
    product: Uuid,
    before: Option<i64>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut query = Entity::find()
        .filter(Column::ProductId.eq(product))
        .order_by_desc(Column::Sequence)
        .limit(limit);
    if let Some(before) = before {
        query = query.filter(Column::Sequence.lt(before));
    }
    query.all(db).await
}

/// The movements of these products after this one, by product and number: one step of a walk over all.
pub async fn of_products(
    db: &impl ConnectionTrait,
    products: &[Uuid],
    after: Option<(Uuid, i64)>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut query = Entity::find()
        .filter(keys::one_of(db, Column::ProductId, products))
        .order_by_asc(Column::ProductId)
        .order_by_asc(Column::Sequence)
        .limit(limit);
    if let Some((product, sequence)) = after {
        let key = Expr::tuple([Column::ProductId.into_expr(), Column::Sequence.into_expr()]);
        let last = Expr::tuple([Expr::value(product), Expr::value(sequence)]);
        query = query.filter(key.gt(last));
    }
    query.all(db).await
}
