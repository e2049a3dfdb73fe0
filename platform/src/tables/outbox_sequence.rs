//! The sequence number of an aggregate's last event. It outlives the events, which are swept.

use std::collections::HashMap;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{OnConflict, SelectStatement};
use sea_orm::{ActiveValue::Set, ExprTrait, QueryOrder, QuerySelect, QueryTrait};

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

/// The last number of each aggregate that has one.
pub async fn last_of(
    db: &impl ConnectionTrait,
    topic: &str,
    aggregate_ids: &[String],
) -> Result<HashMap<String, i64>, DbErr> {
    let rows = Entity::find()
        .filter(Column::Topic.eq(topic))
        .filter(Column::AggregateId.is_in(aggregate_ids))
        .all(db)
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.aggregate_id, row.last))
        .collect())
}

/// Selects the aggregate's last number.
pub fn last_query(topic: &str, aggregate_id: &str) -> SelectStatement {
    Entity::find_by_id((topic.to_owned(), aggregate_id.to_owned()))
        .select_only()
        .column(Column::Last)
        .into_query()
}

/// Rows after this one, by topic and aggregate: one step of a walk over all.
pub async fn after(
    db: &impl ConnectionTrait,
    after: Option<Model>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut query = Entity::find()
        .order_by_asc(Column::Topic)
        .order_by_asc(Column::AggregateId)
        .limit(limit);
    if let Some(after) = after {
        let key = Expr::tuple([Column::Topic.into_expr(), Column::AggregateId.into_expr()]);
        let last = Expr::tuple([Expr::value(after.topic), Expr::value(after.aggregate_id)]);
        query = query.filter(key.gt(last));
    }
    query.all(db).await
}
