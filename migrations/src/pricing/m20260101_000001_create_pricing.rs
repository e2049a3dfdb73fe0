//! Creates `product_prices`, `price_adjustments`, `price_history` and `exchange_rates`.

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
                    .table("product_prices")
                    .col(uuid("product_id").primary_key())
                    .col(big_integer("base_usd_minor"))
                    .col(big_integer_null("compare_at_usd_minor"))
                    .col(timestamp_with_time_zone("updated_at"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("price_adjustments")
                    .col(uuid("id").primary_key())
                    .col(uuid("product_id"))
                    .col(string_len("kind", 40))
                    .col(big_integer("usd_minor"))
                    .col(timestamp_with_time_zone("active_from"))
                    .col(timestamp_with_time_zone_null("active_until"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("price_adjustments_product")
                    .table("price_adjustments")
                    .col("product_id")
                    .col("active_from")
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("price_history")
                    .col(uuid("id").primary_key())
                    .col(uuid("product_id"))
                    .col(big_integer("base_usd_minor"))
                    .col(big_integer_null("compare_at_usd_minor"))
                    .col(timestamp_with_time_zone("changed_at"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("price_history_product")
                    .table("price_history")
                    .col("product_id")
                    .col("changed_at")
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("exchange_rates")
                    .col(string_len("currency", 3).primary_key())
                    .col(string("rate"))
                    .col(string("source"))
                    .col(timestamp_with_time_zone("as_of"))
                    .col(timestamp_with_time_zone("fetched_at"))
                    .to_owned(),
            )
            .await
    }
}
