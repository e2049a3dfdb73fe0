//! A push topic that a device is to be subscribed to or unsubscribed from, and whether the push service has done it.
//! Rows of topics that a device has left are deleted.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::CaseStatement;
use sea_orm::{Condition, ExprTrait, PaginatorTrait, QueryOrder, QuerySelect, UpdateMany};

use crate::insert;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "topic_memberships")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub token: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub topic: String,
    pub customer_id: Uuid,
    /// Whether the device is to be subscribed.
    pub subscribed: bool,
    /// What the push service last confirmed; `None` if it has confirmed nothing.
    pub made: Option<bool>,
    /// When to call the push service next; `None` if there is nothing to do.
    pub due_at: Option<DateTime<Utc>>,
    pub claimed_by: Option<Uuid>,
    pub claimed_until: Option<DateTime<Utc>>,
    /// Failures since it was last changed or done.
    pub attempts: i32,
    /// The push service's code of the last failure.
    pub error: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Those of these devices, by token.
pub async fn of_tokens(
    db: &impl ConnectionTrait,
    tokens: &[String],
) -> Result<HashMap<String, Vec<Model>>, DbErr> {
    let rows = Entity::find()
        .filter(Column::Token.is_in(tokens.iter().map(String::as_str)))
        .order_by_asc(Column::Token)
        .order_by_asc(Column::Topic)
        .all(db)
        .await?;
    let mut by_token: HashMap<String, Vec<Model>> = HashMap::new();
    for row in rows {
        by_token.entry(row.token.clone()).or_default().push(row);
    }
    Ok(by_token)
}

/// Records that a device is to be subscribed or unsubscribed.
pub async fn set(db: &impl ConnectionTrait, rows: Vec<Model>) -> Result<(), DbErr> {
    let changing = [
        Column::CustomerId,
        Column::Subscribed,
        Column::DueAt,
        Column::Attempts,
        Column::Error,
    ];
    insert::upsert::<Entity>(db, [Column::Token, Column::Topic], changing, rows).await
}

/// The device belongs to this customer now.
pub async fn set_customer(
    db: &impl ConnectionTrait,
    token: &str,
    customer: Uuid,
) -> Result<(), DbErr> {
    Entity::update_many()
        .filter(Column::Token.eq(token))
        .col_expr(Column::CustomerId, Expr::value(customer))
        .exec(db)
        .await?;
    Ok(())
}

/// How many of the customer's devices each topic waits for.
pub async fn pending_of_customer(
    db: &impl ConnectionTrait,
    customer: Uuid,
) -> Result<HashMap<String, i64>, DbErr> {
    let counts: Vec<(String, i64)> = Entity::find()
        .select_only()
        .column(Column::Topic)
        .column_as(Column::Token.count(), "pending")
        .filter(Column::CustomerId.eq(customer))
        .filter(Column::DueAt.is_not_null())
        .group_by(Column::Topic)
        .into_tuple()
        .all(db)
        .await?;
    Ok(counts.into_iter().collect())
}

/// How many wait, of any customer.
pub async fn count_pending(db: &impl ConnectionTrait) -> Result<u64, DbErr> {
    Entity::find()
        .filter(Column::DueAt.is_not_null())
        .count(db)
        .await
}

/// A topic to subscribe devices to or unsubscribe them from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicChange {
    pub topic: String,
    pub subscribed: bool,
}

fn is_ready(now: DateTime<Utc>) -> Condition {
    let is_free = Condition::any()
        .add(Column::ClaimedUntil.is_null())
        .add(Column::ClaimedUntil.lte(now));
    Condition::all().add(Column::DueAt.lte(now)).add(is_free)
}

/// A change that is due and claimed by nobody: one of this customer's, or any.
pub async fn next_due(
    db: &impl ConnectionTrait,
    customer: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<Option<TopicChange>, DbErr> {
    let mut query = Entity::find()
        .select_only()
        .columns([Column::Topic, Column::Subscribed])
        .filter(is_ready(now))
        .limit(1);
    if let Some(customer) = customer {
        query = query.filter(Column::CustomerId.eq(customer));
    }
    let found: Option<(String, bool)> = query.into_tuple().one(db).await?;
    Ok(found.map(|(topic, subscribed)| TopicChange { topic, subscribed }))
}

/// A claim on the changes of one topic: nobody else calls the push service about them until it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    pub by: Uuid,
    pub until: DateTime<Utc>,
}

/// Claims a batch of due changes, this customer's first, and returns their tokens.
pub async fn claim(
    db: &impl ConnectionTrait,
    change: &TopicChange,
    first: Option<Uuid>,
    limit: u64,
    claim: Claim,
    now: DateTime<Utc>,
) -> Result<Vec<String>, DbErr> {
    let mut tokens: Vec<String> = Vec::new();
    if let Some(customer) = first {
        tokens = due_tokens(db, change, Some(customer), limit, now).await?;
    }
    let rest = limit.saturating_sub(u64::try_from(tokens.len()).unwrap_or(u64::MAX));
    if rest > 0 {
        tokens.extend(due_tokens(db, change, None, rest, now).await?);
    }
    if tokens.is_empty() {
        return Ok(tokens);
    }
    // Read again under the row locks: another process may have claimed some meanwhile.
    Entity::update_many()
        .filter(of(change, &tokens))
        .filter(is_ready(now))
        .col_expr(Column::ClaimedBy, Expr::value(claim.by))
        .col_expr(Column::ClaimedUntil, Expr::value(claim.until))
        .exec(db)
        .await?;
    Entity::find()
        .select_only()
        .column(Column::Token)
        .filter(of(change, &tokens))
        .filter(Column::ClaimedBy.eq(claim.by))
        .order_by_asc(Column::Token)
        .into_tuple()
        .all(db)
        .await
}

async fn due_tokens(
    db: &impl ConnectionTrait,
    change: &TopicChange,
    customer: Option<Uuid>,
    limit: u64,
    now: DateTime<Utc>,
) -> Result<Vec<String>, DbErr> {
    let mut query = Entity::find()
        .select_only()
        .column(Column::Token)
        .filter(Column::Topic.eq(change.topic.as_str()))
        .filter(Column::Subscribed.eq(change.subscribed))
        .filter(is_ready(now))
        .limit(limit);
    query = match customer {
        Some(customer) => query.filter(Column::CustomerId.eq(customer)),
        None => query.order_by_asc(Column::DueAt),
    };
    query.into_tuple().all(db).await
}

fn of(change: &TopicChange, tokens: &[String]) -> Condition {
    Condition::all()
        .add(Column::Token.is_in(tokens.iter().map(String::as_str)))
        .add(Column::Topic.eq(change.topic.as_str()))
}

/// The claimed rows of these tokens. Whether the device is to be subscribed may have changed since they were claimed.
fn claimed(change: &TopicChange, tokens: &[String], claim: Claim) -> UpdateMany<Entity> {
    Entity::update_many()
        .filter(of(change, tokens))
        .filter(Column::ClaimedBy.eq(claim.by))
        .col_expr(Column::ClaimedBy, Expr::value(None::<Uuid>))
        .col_expr(Column::ClaimedUntil, Expr::value(None::<DateTime<Utc>>))
}

/// Records that the push service has made the change. What was changed again meanwhile stays due.
pub async fn finish(
    db: &impl ConnectionTrait,
    change: &TopicChange,
    tokens: &[String],
    claim: Claim,
) -> Result<(), DbErr> {
    if tokens.is_empty() {
        return Ok(());
    }
    let is_current = || Expr::col(Column::Subscribed).eq(change.subscribed);
    let unless_changed = |value: Expr, column: Column| -> Expr {
        CaseStatement::new()
            .case(is_current(), value)
            .finally(Expr::col(column))
            .into()
    };
    claimed(change, tokens, claim)
        .col_expr(Column::Made, Expr::value(change.subscribed))
        .col_expr(
            Column::DueAt,
            unless_changed(Expr::value(None::<DateTime<Utc>>), Column::DueAt),
        )
        .col_expr(Column::Attempts, Expr::value(0))
        .col_expr(Column::Error, Expr::value(None::<String>))
        .exec(db)
        .await?;
    if !change.subscribed {
        Entity::delete_many()
            .filter(of(change, tokens))
            .filter(Column::Subscribed.eq(false))
            .filter(Column::DueAt.is_null())
            .exec(db)
            .await?;
    }
    Ok(())
}

/// Records a failure: `again_at` is when to try again, `None` never.
pub async fn fail(
    db: &impl ConnectionTrait,
    change: &TopicChange,
    tokens: &[String],
    claim: Claim,
    error: &str,
    again_at: Option<DateTime<Utc>>,
) -> Result<(), DbErr> {
    if tokens.is_empty() {
        return Ok(());
    }
    let is_current = Expr::col(Column::Subscribed).eq(change.subscribed);
    let due: Expr = CaseStatement::new()
        .case(is_current, Expr::value(again_at))
        .finally(Expr::col(Column::DueAt))
        .into();
    claimed(change, tokens, claim)
        .col_expr(Column::DueAt, due)
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
        .col_expr(Column::Error, Expr::value(error))
        .exec(db)
        .await?;
    Ok(())
}

/// Deletes everything about these devices.
pub async fn delete_tokens(db: &impl ConnectionTrait, tokens: &[String]) -> Result<(), DbErr> {
    Entity::delete_many()
        .filter(Column::Token.is_in(tokens.iter().map(String::as_str)))
        .exec(db)
        .await?;
    Ok(())
}

/// Leaves all topics of these devices.
pub async fn leave_all(
    db: &impl ConnectionTrait,
    tokens: &[String],
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    if tokens.is_empty() {
        return Ok(0);
    }
    let left = Entity::update_many()
        .filter(Column::Token.is_in(tokens.iter().map(String::as_str)))
        .filter(Column::Subscribed.eq(true))
        .col_expr(Column::Subscribed, Expr::value(false))
        .col_expr(Column::DueAt, Expr::value(now))
        .col_expr(Column::Attempts, Expr::value(0))
        .col_expr(Column::Error, Expr::value(None::<String>))
        .exec(db)
        .await?;
    Ok(left.rows_affected)
}
