//! Why a person has to look at a return. A return has one row, which is opened again if it needs a person again.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{Condition, ExprTrait, IntoActiveModel, PaginatorTrait, QueryOrder, QuerySelect};

use super::customer_return::{self, ReturnStatus};
use crate::stored_enum::stored_enum;

stored_enum! {
    /// Why a person has to look at a return.
    ReviewReason {
        /// The carrier did not scan the package in time.
        NoScan = "no_scan",
        /// No label was offered at a plausible price.
        RateOutOfBounds = "rate_out_of_bounds",
        /// There is no label, because nobody could make one.
        NoLabel = "no_label",
        /// The payment provider refuses the refund.
        RefundRefused = "refund_refused",
        /// The carrier is sending the package back to the customer.
        ReturnedToCustomer = "returned_to_customer",
        /// The carrier has the package of a cancelled return.
        CancelledButScanned = "cancelled_but_scanned",
        /// The label of a cancelled return cannot be voided, so its price is not refunded.
        LabelNotVoided = "label_not_voided",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "return_reviews")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub return_id: Uuid,
    pub reason: ReviewReason,
    pub since: DateTime<Utc>,
    /// When somebody decided, or the return went on by itself; `None` while it waits.
    pub closed_at: Option<DateTime<Utc>>,
    /// When it was last reported that it waits for too long.
    pub reminded_at: Option<DateTime<Utc>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::customer_return::Entity",
        from = "Column::ReturnId",
        to = "super::customer_return::Column::Id"
    )]
    Return,
}

impl Related<customer_return::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Return.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

/// The sort key of the queue.
pub type Key = (DateTime<Utc>, Uuid);

/// Which reviews to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Whether they wait for a person, or were closed.
    pub is_open: bool,
    pub reason: Option<ReviewReason>,
    /// Statuses of their returns; an empty list means all.
    pub statuses: Vec<ReturnStatus>,
}

/// The review of a return that the transaction has locked.
pub async fn of_return(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id).one(db).await
}

/// By return.
pub async fn of_returns(
    db: &impl ConnectionTrait,
    returns: &[Uuid],
) -> Result<HashMap<Uuid, Model>, DbErr> {
    let rows = Entity::find()
        .filter(Column::ReturnId.is_in(returns.iter().copied()))
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|row| (row.return_id, row)).collect())
}

/// Writes the review of a return, in place of an earlier one.
pub async fn write(db: &impl ConnectionTrait, review: Model) -> Result<(), DbErr> {
    Entity::insert(review.into_active_model())
        .on_conflict(
            OnConflict::column(Column::ReturnId)
                .update_columns([
                    Column::Reason,
                    Column::Since,
                    Column::ClosedAt,
                    Column::RemindedAt,
                ])
                .to_owned(),
        )
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// Closes the review of a return, if one is open.
pub async fn close(
    db: &impl ConnectionTrait,
    return_id: Uuid,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::ClosedAt, Expr::value(now))
        .filter(Column::ReturnId.eq(return_id))
        .filter(Column::ClosedAt.is_null())
        .exec(db)
        .await?;
    Ok(())
}

/// Records that it is reported now that this one waits for too long, and returns whether it was not since `before`.
pub async fn report(
    db: &impl ConnectionTrait,
    return_id: Uuid,
    before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let reported = Entity::update_many()
        .col_expr(Column::RemindedAt, Expr::value(now))
        .filter(Column::ReturnId.eq(return_id))
        .filter(unreported(before))
        .exec(db)
        .await?;
    Ok(reported.rows_affected == 1)
}

fn unreported(before: DateTime<Utc>) -> Condition {
    Condition::any()
        .add(Column::RemindedAt.is_null())
        .add(Column::RemindedAt.lt(before))
}

/// Puts the next report of these off.
pub async fn remind(
    db: &impl ConnectionTrait,
    returns: &[Uuid],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::RemindedAt, Expr::value(now))
        .filter(Column::ReturnId.is_in(returns.iter().copied()))
        .exec(db)
        .await?;
    Ok(())
}

/// A page of the queue, those that wait longest first.
pub async fn page(
    db: &impl ConnectionTrait,
    filter: &Filter,
    after: Option<Key>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut query = list(filter);
    if let Some((since, id)) = after {
        let key = Expr::tuple([Column::Since.into_expr(), Column::ReturnId.into_expr()]);
        query = query.filter(key.gt(Expr::tuple([Expr::value(since), Expr::value(id)])));
    }
    query
        .order_by_asc(Column::Since)
        .order_by_asc(Column::ReturnId)
        .limit(limit)
        .all(db)
        .await
}

/// How many reviews the filter finds.
pub async fn count(db: &impl ConnectionTrait, filter: &Filter) -> Result<u64, DbErr> {
    list(filter).count(db).await
}

/// Open reviews since before then that were not reported since, at most `limit`.
pub async fn overdue(
    db: &impl ConnectionTrait,
    before: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::ClosedAt.is_null())
        .filter(Column::Since.lt(before))
        .filter(unreported(before))
        .order_by_asc(Column::Since)
        .limit(limit)
        .all(db)
        .await
}

/// How many reviews are open, and since when the oldest one is.
pub async fn waiting(db: &impl ConnectionTrait) -> Result<(u64, Option<DateTime<Utc>>), DbErr> {
    let open = || Entity::find().filter(Column::ClosedAt.is_null());
    let oldest = open().order_by_asc(Column::Since).limit(1).one(db).await?;
    Ok((open().count(db).await?, oldest.map(|review| review.since)))
}

fn list(filter: &Filter) -> Select<Entity> {
    let mut query = Entity::find();
    query = if filter.is_open {
        query.filter(Column::ClosedAt.is_null())
    } else {
        query.filter(Column::ClosedAt.is_not_null())
    };
    if let Some(reason) = filter.reason {
        query = query.filter(Column::Reason.eq(reason));
    }
    if !filter.statuses.is_empty() {
        let statuses = filter.statuses.iter().copied();
        query = query
            .inner_join(customer_return::Entity)
            .filter(customer_return::Column::Status.is_in(statuses));
    }
    query
}
