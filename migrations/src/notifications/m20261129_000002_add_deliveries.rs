//! Makes `notifications` the log of deliveries: one row for each event, customer and channel, with what becomes of it.
//! Adds each customer's language and telephone number, and the order in which messages arrived.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite adds one column at a time.
        for column in [
            // What it is about; null for messages from before this migration.
            uuid_null("event_id"),
            uuid_null("return_id"),
            string_len_null("template", 60),
            // What the template shows.
            json_binary_null("data"),
            timestamp_with_time_zone_null("expires_at"),
            integer("attempts").default(0).to_owned(),
            // When the provider was last called.
            timestamp_with_time_zone_null("attempted_at"),
            // Devices that have it already, while others do not.
            json_binary_null("accepted_devices"),
            string_len_null("provider", 20),
            string_null("provider_id"),
            text_null("reason"),
            // Its number among the customer's sent messages.
            big_integer_null("position"),
            timestamp_with_time_zone_null("read_at"),
            timestamp_with_time_zone_null("body_deleted_at"),
        ] {
            add(manager, "notifications", column).await?;
        }
        for column in [string_len_null("locale", 35), string_len_null("phone", 20)] {
            add(manager, "customer_settings", column).await?;
        }
        manager
            .create_table(
                Table::create()
                    .table("notification_positions")
                    .col(uuid("customer_id").primary_key())
                    .col(big_integer("last"))
                    .to_owned(),
            )
            .await?;
        for (name, columns, is_unique) in [
            (
                "notifications_event",
                &["event_id", "customer_id", "channel"][..],
                true,
            ),
            (
                "notifications_position",
                &["customer_id", "position"][..],
                true,
            ),
            ("notifications_status", &["status", "id"][..], false),
            (
                "notifications_texts",
                &["body_deleted_at", "created_at"][..],
                false,
            ),
        ] {
            let mut index = Index::create().name(name).table("notifications").to_owned();
            for column in columns {
                index.col(*column);
            }
            if is_unique {
                index.unique();
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

async fn add(
    manager: &SchemaManager<'_>,
    table: &'static str,
    column: ColumnDef,
) -> Result<(), DbErr> {
    manager
        .alter_table(Table::alter().table(table).add_column(column).to_owned())
        .await
}
