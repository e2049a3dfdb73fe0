//! Creates `held_exchange_rates`, `rate_fetches` and `rate_freshness`: what became of fetched rates.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("held_exchange_rates")
                    .col(string_len("currency", 3).primary_key())
                    .col(string("rate"))
                    .col(string("source"))
                    .col(timestamp_with_time_zone("as_of"))
                    .col(timestamp_with_time_zone("fetched_at"))
                    .col(timestamp_with_time_zone("held_since"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("rate_fetches")
                    .col(string("source").primary_key())
                    .col(string("etag"))
                    .col(string_null("date"))
                    .col(timestamp_with_time_zone("fetched_at"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("rate_freshness")
                    .col(string_len("currency", 3).primary_key())
                    .col(string("freshness"))
                    .to_owned(),
            )
            .await
    }
}
