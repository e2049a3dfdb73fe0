//! A search of the experiment: which variant a customer saw, and what came of it.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    Condition, FromQueryResult, IntoActiveModel, PaginatorTrait, QueryOrder, QuerySelect,
};

use super::customer_preference::PreferenceMode;
use crate::batch;
use crate::stored_enum::stored_enum;

stored_enum! {
    /// The groups of the experiment.
    Variant {
        /// Sees results by relevance alone.
        Control = "control",
        /// Sees personalized results.
        Treatment = "treatment",
    }
}

stored_enum! {
    /// What came of a search.
    Outcome {
        Click = "click",
        Cart = "cart",
        Conversion = "conversion",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "search_exposures")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub query_id: Uuid,
    /// A random id once the customer is forgotten.
    pub customer_id: Uuid,
    pub variant: Variant,
    /// What the customer's preferences allow: in control the results are not personalized in spite of it.
    pub mode: PreferenceMode,
    /// How long the search took, in microseconds.
    pub latency_micros: i64,
    pub exposed_at: DateTime<Utc>,
    pub clicked_at: Option<DateTime<Utc>>,
    pub carted_at: Option<DateTime<Utc>>,
    pub converted_at: Option<DateTime<Utc>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// One customer's searches in one variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromQueryResult)]
pub struct CustomerTotals {
    pub customer_id: Uuid,
    pub variant: Variant,
    pub searches: i64,
    pub clicks: i64,
    pub carts: i64,
    pub conversions: i64,
}

/// Records searches; those that are recorded already are left as they are.
pub async fn record(db: &impl ConnectionTrait, rows: Vec<Model>) -> Result<(), DbErr> {
    if rows.is_empty() {
        return Ok(());
    }
    Entity::insert_many(rows.into_iter().map(IntoActiveModel::into_active_model))
        .on_conflict(OnConflict::column(Column::QueryId).do_nothing().to_owned())
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// Records the first outcome of this kind of the customer's search, if the search was since then. Returns whether it
/// was the first.
pub async fn record_outcome(
    db: &impl ConnectionTrait,
    query: Uuid,
    customer: Uuid,
    outcome: Outcome,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let column = match outcome {
        Outcome::Click => Column::ClickedAt,
        Outcome::Cart => Column::CartedAt,
        Outcome::Conversion => Column::ConvertedAt,
    };
    let updated = Entity::update_many()
        .col_expr(column, Expr::value(now))
        .filter(Column::QueryId.eq(query))
        .filter(Column::CustomerId.eq(customer))
        .filter(Column::ExposedAt.gte(since))
        .filter(column.is_null())
        .exec(db)
        .await?;
    Ok(updated.rows_affected > 0)
}

fn in_period(since: DateTime<Utc>, with_preferences: bool) -> Condition {
    let period = Condition::all().add(Column::ExposedAt.gte(since));
    if with_preferences {
        period.add(Column::Mode.ne(PreferenceMode::None))
    } else {
        period
    }
}

/// Each customer's searches since then, by variant; if requested, only those of customers who have preferences.
pub async fn totals(
    db: &impl ConnectionTrait,
    since: DateTime<Utc>,
    with_preferences: bool,
) -> Result<Vec<CustomerTotals>, DbErr> {
    Entity::find()
        .select_only()
        .columns([Column::CustomerId, Column::Variant])
        .column_as(Column::QueryId.count(), "searches")
        .column_as(Column::ClickedAt.count(), "clicks")
        .column_as(Column::CartedAt.count(), "carts")
        .column_as(Column::ConvertedAt.count(), "conversions")
        .filter(in_period(since, with_preferences))
        .group_by(Column::CustomerId)
        .group_by(Column::Variant)
        .order_by_asc(Column::CustomerId)
        .into_model::<CustomerTotals>()
        .all(db)
        .await
}

/// A percentile of the variant's latencies since then, in microseconds: the smallest that is not below so many
/// thousandths of them.
pub async fn latency(
    db: &impl ConnectionTrait,
    variant: Variant,
    since: DateTime<Utc>,
    thousandths: u64,
) -> Result<Option<i64>, DbErr> {
    let query = Entity::find()
        .filter(Column::Variant.eq(variant))
        .filter(Column::ExposedAt.gte(since));
    let count = query.clone().count(db).await?;
    if count == 0 {
        return Ok(None);
    }
    // At least one, because there is one.
    let rank = (count * thousandths).div_ceil(1_000);
    query
        .select_only()
        .column(Column::LatencyMicros)
        .order_by_asc(Column::LatencyMicros)
        .offset(rank.saturating_sub(1))
        .limit(1)
        .into_tuple()
        .one(db)
        .await
}

/// The customer's searches after this one, in the order of their ids.
pub async fn of_customer(
    db: &impl ConnectionTrait,
    customer: Uuid,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::CustomerId.eq(customer))
        .filter(Column::QueryId.gt(after.unwrap_or(Uuid::nil())))
        .order_by_asc(Column::QueryId)
        .limit(limit)
        .all(db)
        .await
}

/// Replaces the customer by a random id, which keeps the totals of the experiment.
pub async fn forget_customer(
    db: &impl ConnectionTrait,
    customer: Uuid,
    replacement: Uuid,
) -> Result<u64, DbErr> {
    let updated = Entity::update_many()
        .col_expr(Column::CustomerId, Expr::value(replacement))
        .filter(Column::CustomerId.eq(customer))
        .exec(db)
        .await?;
    Ok(updated.rows_affected)
}

/// Deletes a batch of searches from before then and returns how many.
pub async fn sweep(
    db: &impl ConnectionTrait,
    before: DateTime<Utc>,
    limit: u64,
) -> Result<u64, DbErr> {
    let old = Condition::all().add(Column::ExposedAt.lt(before));
    batch::delete::<Entity>(db, Column::QueryId, old, limit).await
}
