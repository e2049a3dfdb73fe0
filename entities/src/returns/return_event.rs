//! An entry in a return's timeline.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;

use crate::keys;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "return_events")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub return_id: Uuid,
    /// `return_initiated`, `label_generated`, ….
    pub event: String,
    /// Who caused it: a customer's public id, or a part of the system.
    pub actor: String,
    pub occurred_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// By return, in the order they happened.
pub async fn of_returns(
    db: &impl ConnectionTrait,
    returns: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Model>>, DbErr> {
    let rows = Entity::find()
        .filter(keys::one_of(db, Column::ReturnId, returns))
        .order_by_asc(Column::OccurredAt)
        .order_by_asc(Column::Id)
        .all(db)
        .await?;
    let mut by_return: HashMap<Uuid, Vec<Model>> = HashMap::new();
    for row in rows {
        by_return.entry(row.return_id).or_default().push(row);
    }
    Ok(by_return)
}
