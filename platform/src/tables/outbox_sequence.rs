//! The sequence number of an aggregate's last event. It outlives the events, which are swept.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ExprTrait};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "outbox_sequences")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub topic: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub aggregate_id: String,
    pub last: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Locks the aggregate's number until the transaction ends.
pub async fn lock(db: &impl ConnectionTrait, topic: &str, aggregate_id: &str) -> Result<(), DbErr> {
    let first = ActiveModel {
        topic: Set(topic.to_owned()),
        aggregate_id: Set(aggregate_id.to_owned()),
        last: Set(0),
    };
    // A row that is updated is locked, one that is left alone is not.
    let or_same = OnConflict::columns([Column::Topic, Column::AggregateId])
        .value(Column::Last, Expr::col((Entity, Column::Last)))
        .to_owned();
    Entity::insert(first)
        .on_conflict(or_same)
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// The aggregate's next number, from 1. A concurrent transaction that wants one waits until this one ends, so numbers
/// are committed in order and without gaps.
pub async fn next(
    db: &impl ConnectionTrait,
    topic: &str,
    aggregate_id: &str,
) -> Result<i64, DbErr> {
    let first = ActiveModel {
        topic: Set(topic.to_owned()),
        aggregate_id: Set(aggregate_id.to_owned()),
        last: Set(1),
    };
    let or_next = OnConflict::columns([Column::Topic, Column::AggregateId])
        .value(Column::Last, Expr::col((Entity, Column::Last)).add(1))
        .to_owned();
    let row = Entity::insert(first)
        .on_conflict(or_next)
        .exec_with_returning(db)
        .await?;
    Ok(row.last)
}
