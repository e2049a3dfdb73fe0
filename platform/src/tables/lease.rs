//! Who runs a scheduled job at the moment, so that one instance of many does, and when it last ran.

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
    /// When its last run that succeeded began.
    pub ran_at: Option<DateTime<Utc>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A holder's wish for a lease.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    pub name: &'a str,
    pub holder: &'a str,
    pub now: DateTime<Utc>,
    pub ttl: Duration,
    /// Time from one run to the next.
    pub interval: Duration,
}

/// Takes the lease when the job is due and nobody holds it, and says whether it did.
///
/// A time that lies further ahead than any clock would have written it was written by a clock that
/// has been set back since; it does not count, or the job would rest until that time came again.
pub async fn take(db: &impl ConnectionTrait, wish: Wish<'_>) -> Result<bool, DbErr> {
    let Wish {
        now, ttl, interval, ..
    } = wish;
    let column = |column: Column| Expr::col((Entity, column));
    let free = Condition::any()
        .add(column(Column::ExpiresAt).lte(now))
        .add(column(Column::ExpiresAt).gt(now + ttl * 2))
        .add(column(Column::Holder).eq(wish.holder));
    let due = Condition::any()
        .add(column(Column::RanAt).is_null())
        .add(column(Column::RanAt).lte(now - interval))
        .add(column(Column::RanAt).gt(now + interval));
    let or_take = OnConflict::column(Column::Name)
        .update_columns([Column::Holder, Column::ExpiresAt])
        .action_cond_where(Condition::all().add(free).add(due))
        .to_owned();
    let lease = ActiveModel {
        name: Set(wish.name.to_owned()),
        holder: Set(wish.holder.to_owned()),
        expires_at: Set(now + ttl),
        ran_at: Set(None),
    };
    let written = Entity::insert(lease)
        .on_conflict(or_take)
        .exec_without_returning(db)
        .await?;
    Ok(written == 1)
}

/// Holds it for longer, and says whether it was still held.
pub async fn renew(db: &impl ConnectionTrait, wish: Wish<'_>) -> Result<bool, DbErr> {
    let renewed = Entity::update_many()
        .col_expr(Column::ExpiresAt, Expr::value(wish.now + wish.ttl))
        .filter(Column::Name.eq(wish.name))
        .filter(Column::Holder.eq(wish.holder))
        .exec(db)
        .await?;
    Ok(renewed.rows_affected == 1)
}

/// Lets it go; `ran_at` is the beginning of a run that succeeded.
pub async fn release(
    db: &impl ConnectionTrait,
    wish: Wish<'_>,
    ran_at: Option<DateTime<Utc>>,
) -> Result<(), DbErr> {
    let mut update = Entity::update_many()
        .col_expr(Column::ExpiresAt, Expr::value(wish.now))
        .filter(Column::Name.eq(wish.name))
        .filter(Column::Holder.eq(wish.holder));
    if let Some(ran_at) = ran_at {
        update = update.col_expr(Column::RanAt, Expr::value(ran_at));
    }
    update.exec(db).await?;
    Ok(())
}
