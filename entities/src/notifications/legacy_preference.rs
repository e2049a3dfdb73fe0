//! What a customer of the former system had chosen: push messages by one toggle, which is on for everyone here, and emails
//! and text messages by one column each. Preferences are computed from it again and again, so it is kept.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{OnConflict, Query};
use sea_orm::{Condition, PaginatorTrait, QueryOrder, QuerySelect, QueryTrait};

use super::preference::{self, NotificationCategory, NotificationChannel};

use crate::batch;
use crate::insert;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "legacy_preferences")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: Uuid,
    pub email_notifications: bool,
    pub sms_notifications: bool,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Rows per statement, three values each.
const ROWS: usize = 5_000;

/// Which of these customers the former system had.
pub async fn known(db: &impl ConnectionTrait, customers: &[Uuid]) -> Result<HashSet<Uuid>, DbErr> {
    batch::existing::<Entity>(db, Column::CustomerId, customers).await
}

/// Inserts or replaces rows, each of another customer.
pub async fn upsert(db: &impl ConnectionTrait, rows: Vec<Model>) -> Result<(), DbErr> {
    for chunk in rows.chunks(ROWS) {
        let changing = [Column::EmailNotifications, Column::SmsNotifications];
        insert::upsert::<Entity>(db, [Column::CustomerId], changing, chunk.to_vec()).await?;
    }
    Ok(())
}

pub async fn count(db: &impl ConnectionTrait) -> Result<u64, DbErr> {
    Entity::find().count(db).await
}

pub async fn find(db: &impl ConnectionTrait, customer: Uuid) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(customer).one(db).await
}

/// Forgets what the customer had chosen, and returns of how many.
pub async fn delete(db: &impl ConnectionTrait, customer: Uuid) -> Result<u64, DbErr> {
    let deleted = Entity::delete_by_id(customer).exec(db).await?;
    Ok(deleted.rows_affected)
}

/// Customers in the order of their ids: after the first one, up to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub after: Option<Uuid>,
    pub last: Uuid,
}

impl Range {
    /// One customer.
    pub fn one(customer: Uuid) -> Self {
        let before = customer.as_u128().checked_sub(1).map(Uuid::from_u128);
        Self {
            after: before,
            last: customer,
        }
    }

    fn contains(self, column: impl ColumnTrait) -> Condition {
        let within = Condition::all().add(column.lte(self.last));
        match self.after {
            Some(after) => within.add(column.gt(after)),
            None => within,
        }
    }
}

/// The next customers, at most this many.
pub async fn next_range(
    db: &impl ConnectionTrait,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Option<Range>, DbErr> {
    let mut rest = Entity::find().select_only().column(Column::CustomerId);
    if let Some(after) = after {
        rest = rest.filter(Column::CustomerId.gt(after));
    }
    let full = rest.clone().order_by_asc(Column::CustomerId);
    let full = full.offset(limit.saturating_sub(1)).limit(1);
    let mut last: Option<Uuid> = full.into_tuple().one(db).await?;
    if last.is_none() {
        let newest = rest.order_by_desc(Column::CustomerId).limit(1);
        last = newest.into_tuple().one(db).await?;
    }
    Ok(last.map(|last| Range { after, last }))
}

pub async fn count_in(db: &impl ConnectionTrait, range: Range) -> Result<u64, DbErr> {
    Entity::find()
        .filter(range.contains(Column::CustomerId))
        .count(db)
        .await
}

/// A cell that these customers do not have by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MigratedCell {
    pub channel: NotificationChannel,
    pub category: NotificationCategory,
    pub enabled: bool,
    /// Only customers with this in their column of the channel; `None`: all.
    pub chosen: Option<bool>,
}

/// Forgets what was migrated for these customers, and not changed by them since.
pub async fn clear(db: &impl ConnectionTrait, range: Range) -> Result<u64, DbErr> {
    let cleared = preference::Entity::delete_many()
        .filter(range.contains(preference::Column::CustomerId))
        .filter(preference::Column::Migrated.eq(true))
        .exec(db)
        .await?;
    Ok(cleared.rows_affected)
}

/// Writes a cell for the customers who have no row of it.
pub async fn migrate(
    db: &impl ConnectionTrait,
    cell: MigratedCell,
    range: Range,
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    let mut chosen = range.contains(Column::CustomerId);
    let column = match cell.channel {
        NotificationChannel::Push => None,
        NotificationChannel::Email => Some(Column::EmailNotifications),
        NotificationChannel::Sms => Some(Column::SmsNotifications),
    };
    if let Some((column, is_on)) = column.zip(cell.chosen) {
        chosen = chosen.add(column.eq(is_on));
    }
    let rows = Query::select()
        .column(Column::CustomerId)
        .expr(Expr::value(cell.channel.as_str()))
        .expr(Expr::value(cell.category.as_str()))
        .expr(Expr::value(cell.enabled))
        .expr(Expr::value(now))
        .expr(Expr::value(true))
        .from(Entity)
        .cond_where(chosen)
        .to_owned();
    let mut insert = Query::insert()
        .into_table(preference::Entity)
        .columns([
            preference::Column::CustomerId,
            preference::Column::Channel,
            preference::Column::Category,
            preference::Column::Enabled,
            preference::Column::UpdatedAt,
            preference::Column::Migrated,
        ])
        .to_owned();
    insert
        .select_from(rows)
        .map_err(|error| DbErr::Custom(error.to_string()))?
        .on_conflict(
            OnConflict::columns([
                preference::Column::CustomerId,
                preference::Column::Channel,
                preference::Column::Category,
            ])
            .do_nothing()
            .to_owned(),
        );
    let written = db.execute(&insert).await?;
    Ok(written.rows_affected())
}

/// Has the push topics of these customers' devices recorded again.
pub async fn reset_topics(db: &impl ConnectionTrait, range: Range) -> Result<u64, DbErr> {
    use super::device_token;
    let reset = device_token::Entity::update_many()
        .filter(range.contains(device_token::Column::CustomerId))
        .filter(
            device_token::Column::CustomerId.in_subquery(
                Entity::find()
                    .select_only()
                    .column(Column::CustomerId)
                    .filter(range.contains(Column::CustomerId))
                    .into_query(),
            ),
        )
        .col_expr(
            device_token::Column::TopicsSetAt,
            Expr::value(None::<DateTime<Utc>>),
        )
        .exec(db)
        .await?;
    Ok(reset.rows_affected)
}
