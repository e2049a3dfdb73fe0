//! The lease of a scheduled job: which instance runs it, and when it last ran.

use chrono::{DateTime, Duration, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, Condition, ExprTrait};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "leases")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    pub holder: String,
    pub expires_at: DateTime<Utc>,
    /// When the last successful run began.
    pub ran_at: Option<DateTime<Utc>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A request to hold a lease.
#[derive(Clone, Copy, Debug)]
pub struct LeaseRequest<'a> {
    pub name: &'a str,
    pub holder: &'a str,
    pub now: DateTime<Utc>,
    pub ttl: Duration,
    /// How long ago the last run must have begun for the job to be due.
    pub due_after: Duration,
    /// The time between two runs.
    pub period: Duration,
}

/// Acquires the lease if the job is due and nobody else holds it. Returns whether it did.
///
/// A time further ahead than any correct clock would have written is ignored: the clock that wrote it has been
/// set back since, and the job would otherwise not run until that time came again.
pub async fn acquire(db: &impl ConnectionTrait, request: LeaseRequest<'_>) -> Result<bool, DbErr> {
    let or_acquire = OnConflict::column(Column::Name)
        .update_columns([Column::Holder, Column::ExpiresAt])
        .action_cond_where(free_and_due(request))
        .to_owned();
    let lease = ActiveModel {
        name: Set(request.name.to_owned()),
        holder: Set(request.holder.to_owned()),
        expires_at: Set(request.now + request.ttl),
        ran_at: Set(None),
    };
    let written = Entity::insert(lease)
        .on_conflict(or_acquire)
        .exec_without_returning(db)
        .await?;
    Ok(written == 1)
}

/// Whether [`acquire`] would succeed, without writing anything: mostly it would not.
pub async fn is_due(db: &impl ConnectionTrait, request: LeaseRequest<'_>) -> Result<bool, DbErr> {
    let not_due = Entity::find_by_id(request.name.to_owned()).filter(free_and_due(request).not());
    Ok(not_due.one(db).await?.is_none())
}

/// The lease can be acquired.
fn free_and_due(request: LeaseRequest<'_>) -> Condition {
    let LeaseRequest {
        now,
        ttl,
        due_after,
        period,
        ..
    } = request;
    let column = |column: Column| Expr::col((Entity, column));
    let free = Condition::any()
        .add(column(Column::ExpiresAt).lte(now))
        .add(column(Column::ExpiresAt).gt(now + ttl * 2))
        .add(column(Column::Holder).eq(request.holder));
    let due = Condition::any()
        .add(column(Column::RanAt).is_null())
        .add(column(Column::RanAt).lte(now - due_after))
        .add(column(Column::RanAt).gt(now + period));
    Condition::all().add(free).add(due)
}

/// Extends the lease. Returns whether it was still held.
pub async fn renew(db: &impl ConnectionTrait, request: LeaseRequest<'_>) -> Result<bool, DbErr> {
    let renewed = Entity::update_many()
        .col_expr(Column::ExpiresAt, Expr::value(request.now + request.ttl))
        .filter(Column::Name.eq(request.name))
        .filter(Column::Holder.eq(request.holder))
        .exec(db)
        .await?;
    Ok(renewed.rows_affected == 1)
}

/// Releases the lease. `ran_at` is when a successful run began.
pub async fn release(
    db: &impl ConnectionTrait,
    request: LeaseRequest<'_>,
    ran_at: Option<DateTime<Utc>>,
) -> Result<(), DbErr> {
    let mut update = Entity::update_many()
        .col_expr(Column::ExpiresAt, Expr::value(request.now))
        .filter(Column::Name.eq(request.name))
        .filter(Column::Holder.eq(request.holder));
    if let Some(ran_at) = ran_at {
        update = update.col_expr(Column::RanAt, Expr::value(ran_at));
    }
    update.exec(db).await?;
    Ok(())
}
