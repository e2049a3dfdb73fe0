//! The position of the newest event in the log of partners' events.

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;

use crate::numbering;

/// There is one log.
const LOG: i32 = 1;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "partner_event_positions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    pub last: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The next position, from 1. A concurrent transaction that requests one waits until this one ends, so positions are
/// committed in order: whoever reads beyond a position misses nothing.
pub async fn next(db: &impl ConnectionTrait) -> Result<i64, DbErr> {
    let first = ActiveModel {
        id: Set(LOG),
        last: Set(1),
    };
    let row = numbering::next::<Entity>(db, first, Column::Id, Column::Last).await?;
    Ok(row.last)
}
