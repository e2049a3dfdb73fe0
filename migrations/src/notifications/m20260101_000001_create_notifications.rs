//! Creates `customer_settings`, `preferences`, `device_tokens` and `notifications`.

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
                    .table("customer_settings")
                    .col(uuid("customer_id").primary_key())
                    .col(string("timezone"))
                    .col(timestamp_with_time_zone("updated_at"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("preferences")
                    .col(uuid("customer_id"))
                    .col(string_len("channel", 10))
                    .col(string_len("category", 20))
                    .col(boolean("enabled"))
                    .col(time_null("quiet_hours_start"))
                    .col(time_null("quiet_hours_end"))
                    .col(timestamp_with_time_zone("updated_at"))
                    .primary_key(
                        Index::create()
                            .col("customer_id")
                            .col("channel")
                            .col("category"),
                    )
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("device_tokens")
                    .col(string("token").primary_key())
                    .col(uuid("customer_id"))
                    .col(string_len("platform", 10))
                    .col(string_len("region", 10))
                    .col(timestamp_with_time_zone("created_at"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("device_tokens_customer")
                    .table("device_tokens")
                    .col("customer_id")
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("notifications")
                    .col(uuid("id").primary_key())
                    .col(uuid("customer_id"))
                    .col(uuid_null("order_id"))
                    .col(string_len("category", 20))
                    .col(string_len("channel", 10))
                    .col(string("title"))
                    .col(text("body"))
                    .col(string_null("deep_link"))
                    .col(string_len("status", 20))
                    .col(timestamp_with_time_zone_null("scheduled_for"))
                    .col(timestamp_with_time_zone_null("sent_at"))
                    .col(timestamp_with_time_zone("created_at"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("notifications_customer")
                    .table("notifications")
                    .col("customer_id")
                    .col("id")
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("notifications_order")
                    .table("notifications")
                    .col("order_id")
                    .to_owned(),
            )
            .await
    }
}
