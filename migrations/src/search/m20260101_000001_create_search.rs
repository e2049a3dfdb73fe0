//! Creates `products` and `signals`.

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
                    .table("products")
                    .col(uuid("id").primary_key())
                    .col(string("title"))
                    .col(text("description"))
                    .col(string_null("brand"))
                    .col(string("category"))
                    .col(string_null("image_url"))
                    .col(double_null("rating"))
                    .col(integer("review_count"))
                    .col(integer("available_quantity"))
                    .col(big_integer("price_usd_minor"))
                    .col(big_integer("popularity"))
                    .col(boolean("active"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("updated_at"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("signals")
                    .col(uuid("id").primary_key())
                    .col(uuid_null("customer_id"))
                    .col(string_len("kind", 20))
                    .col(uuid("product_id"))
                    .col(uuid_null("query_id"))
                    .col(integer_null("position"))
                    .col(timestamp_with_time_zone("occurred_at"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("signals_customer")
                    .table("signals")
                    .col("customer_id")
                    .col("occurred_at")
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("signals_occurred")
                    .table("signals")
                    .col("occurred_at")
                    .to_owned(),
            )
            .await
    }
}
