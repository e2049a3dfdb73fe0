//! The position of the newest event in the log of partners' events.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ExprTrait};

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
    let or_next = OnConflict::column(Column::Id)
        .value(Column::Last, Expr::col((Entity, Column::Last)).add(1))
        .to_owned();
    let row = Entity::insert(first)
        .on_conflict(or_next)
        .exec_with_returning(db)
        .await?;
    Ok(row.last)
}
