//! The last answer of a rate provider, as its next conditional request names it.

use chrono::{DateTime, Utc};
use sea_orm::IntoActiveModel;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "rate_fetches")]
pub struct Model {
    /// Who answered.
    #[sea_orm(primary_key, auto_increment = false)]
    pub source: String,
    /// The answer's entity tag, with its quotes.
    pub etag: String,
    /// The answer's `Date` header.
    pub date: Option<String>,
    pub fetched_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The last answer of this source, if the next request can be conditional.
pub async fn of_source(db: &impl ConnectionTrait, source: &str) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(source).one(db).await
}

/// Remembers an answer in place of the one before.
pub async fn put(db: &impl ConnectionTrait, row: Model) -> Result<(), DbErr> {
    Entity::insert(row.into_active_model())
        .on_conflict(
            OnConflict::column(Column::Source)
                .update_columns([Column::Etag, Column::Date, Column::FetchedAt])
                .to_owned(),
        )
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// Has the next request ask for everything again.
pub async fn forget(db: &impl ConnectionTrait, source: &str) -> Result<(), DbErr> {
    Entity::delete_by_id(source).exec(db).await?;
    Ok(())
}
