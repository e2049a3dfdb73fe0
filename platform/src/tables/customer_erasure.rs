//! That a customer was erased: what the domain had stored of them up to a moment. The row stays when they come back, so
//! that an erasure that is repeated changes nothing.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{Condition, DbBackend, ExprTrait, QueryOrder, QuerySelect};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "customer_erasures")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: Uuid,
    /// What was stored up to then is erased.
    pub erased_at: DateTime<Utc>,
    /// When nothing was left any more that was still needed.
    pub finished_at: Option<DateTime<Utc>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Records an erasure as of then, and returns whether there was none as of then or later. Concurrent calls for one
/// customer wait for each other.
pub async fn begin(
    db: &impl ConnectionTrait,
    customer: Uuid,
    until: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let row = ActiveModel {
        customer_id: Set(customer),
        erased_at: Set(until),
        finished_at: Set(None),
    };
    let is_earlier = Expr::col((Entity, Column::ErasedAt)).lt(until);
    let if_later = OnConflict::column(Column::CustomerId)
        .update_columns([Column::ErasedAt, Column::FinishedAt])
        .action_cond_where(Condition::all().add(is_earlier))
        .to_owned();
    let written = Entity::insert(row)
        .on_conflict(if_later)
        .exec_without_returning(db)
        .await?;
    Ok(written == 1)
}

/// Records that nothing is left of what was to be erased as of then.
pub async fn finish(
    db: &impl ConnectionTrait,
    customer: Uuid,
    until: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::FinishedAt, Expr::value(now))
        .filter(Column::CustomerId.eq(customer))
        .filter(Column::ErasedAt.eq(until))
        .exec(db)
        .await?;
    Ok(())
}

/// Makes erasures wait until the transaction ends, after those under way: what it reads of them stays true until then.
pub async fn lock_out(transaction: &impl ConnectionTrait) -> Result<(), DbErr> {
    // On SQLite, only one transaction writes at a time.
    if transaction.get_database_backend() == DbBackend::Postgres {
        let lock = "LOCK TABLE customer_erasures IN SHARE MODE";
        transaction.execute_unprepared(lock).await?;
    }
    Ok(())
}

/// The customer's erasure, if there was one.
pub async fn find(db: &impl ConnectionTrait, customer: Uuid) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(customer).one(db).await
}

/// As of when each of these customers was erased; none for those who were not.
pub async fn of_customers(
    db: &impl ConnectionTrait,
    customers: &[Uuid],
) -> Result<HashMap<Uuid, DateTime<Utc>>, DbErr> {
    let rows = Entity::find()
        .filter(Column::CustomerId.is_in(customers.iter().copied()))
        .all(db)
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.customer_id, row.erased_at))
        .collect())
}

/// Erasures that are not finished, of customers after this one, in order: one step of a walk over all.
pub async fn unfinished(
    db: &impl ConnectionTrait,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::FinishedAt.is_null())
        .filter(Column::CustomerId.gt(after.unwrap_or(Uuid::nil())))
        .order_by_asc(Column::CustomerId)
        .limit(limit)
        .all(db)
        .await
}

/// The erasure of a customer, locked until the transaction ends.
pub async fn lock(
    transaction: &impl ConnectionTrait,
    customer: Uuid,
) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(customer)
        .lock_exclusive()
        .one(transaction)
        .await
}
