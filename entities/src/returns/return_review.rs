//! Why a person has to look at a return. A return has one row, which is opened again if it needs a person again.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{ExprTrait, PaginatorTrait};

use super::customer_return::{self, ReturnStatus};
use crate::insert;
use crate::keys;
use crate::review_queue::{self, ReviewQueue};
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
        /// A label that is not needed cannot be voided, so its price is not refunded.
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

impl ReviewQueue for Entity {
    const SUBJECT: Column = Column::ReturnId;
    const SINCE: Column = Column::Since;
    const CLOSED_AT: Column = Column::ClosedAt;
    const REMINDED_AT: Column = Column::RemindedAt;
}

/// The sort key of the queue.
pub type Key = review_queue::Key;

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
    keys::rows_by::<Entity>(db, Column::ReturnId, returns, |row| row.return_id).await
}

/// Writes the review of a return, in place of an earlier one.
pub async fn write(db: &impl ConnectionTrait, review: Model) -> Result<(), DbErr> {
    let changing = [
        Column::Reason,
        Column::Since,
        Column::ClosedAt,
        Column::RemindedAt,
    ];
    insert::upsert::<Entity>(db, [Column::ReturnId], changing, vec![review]).await
}

/// Closes the review of a return, if one is open.
pub async fn close(
    db: &impl ConnectionTrait,
    return_id: Uuid,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    review_queue::close::<Entity>(db, return_id, now).await
}

/// Records that it is reported now that this one waits for too long, and returns whether it was not since `before`.
pub async fn report(
    db: &impl ConnectionTrait,
    return_id: Uuid,
    before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    review_queue::report::<Entity>(db, return_id, before, now).await
}

/// Puts the next report of these off.
pub async fn remind(
    db: &impl ConnectionTrait,
    returns: &[Uuid],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    review_queue::remind::<Entity>(db, returns, now).await
}

/// A page of the queue, those that wait longest first.
pub async fn page(
    db: &impl ConnectionTrait,
    filter: &Filter,
    after: Option<Key>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    review_queue::page(db, list(filter), after, limit).await
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
    review_queue::overdue::<Entity>(db, before, limit).await
}

/// How many reviews are open, and since when the oldest one is.
pub async fn waiting(db: &impl ConnectionTrait) -> Result<(u64, Option<DateTime<Utc>>), DbErr> {
    review_queue::waiting::<Entity>(db).await
}

fn list(filter: &Filter) -> Select<Entity> {
    let mut query = review_queue::list(filter.is_open);
    if let Some(reason) = filter.reason {
        query = query.filter(Column::Reason.eq(reason));
    }
    if !filter.statuses.is_empty() {
        // SQLite would begin with all returns in these statuses.
        let status = keys::unindexed(customer_return::Column::Status);
        let statuses = filter.statuses.iter().map(|status| status.as_str());
        query = query
            .inner_join(customer_return::Entity)
            .filter(status.is_in(statuses));
    }
    query
}
