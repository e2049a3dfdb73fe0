//! Creates `shipments`, `tracking_events` and `tracking_changes`.

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
                    .table("shipments")
                    .col(uuid("id").primary_key())
                    .col(uuid("order_id"))
                    .col(uuid_null("return_id"))
                    .col(uuid("customer_id"))
                    .col(string_len("carrier", 10))
                    .col(string("tracking_number"))
                    .col(string_len("status", 30))
                    .col(string_null("location"))
                    .col(timestamp_with_time_zone_null("last_update"))
                    .col(timestamp_with_time_zone_null("estimated_delivery"))
                    .col(integer("sequence"))
                    .col(integer("consecutive_errors"))
                    .col(timestamp_with_time_zone_null("last_polled_at"))
                    .col(timestamp_with_time_zone_null("last_answered_at"))
                    .col(timestamp_with_time_zone("created_at"))
                    .to_owned(),
            )
            .await?;
        for (name, columns, unique) in [
            ("shipments_order", &["order_id", "id"][..], false),
            ("shipments_return", &["return_id"], false),
            ("shipments_number", &["carrier", "tracking_number"], true),
            ("shipments_poll", &["status", "last_polled_at"], false),
        ] {
            let mut index = Index::create();
            index.name(name).table("shipments");
            for column in columns {
                index.col(*column);
            }
            if unique {
                index.unique();
            }
            manager.create_index(index).await?;
        }
        manager
            .create_table(
                Table::create()
                    .table("tracking_events")
                    .col(uuid("id").primary_key())
                    .col(uuid("shipment_id"))
                    .col(string_len("carrier", 10))
                    .col(string("tracking_number"))
                    .col(string_len("status", 30))
                    .col(string_null("location"))
                    .col(timestamp_with_time_zone("occurred_at"))
                    .col(timestamp_with_time_zone("recorded_at"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("tracking_events_once")
                    .table("tracking_events")
                    .col("carrier")
                    .col("tracking_number")
                    .col("status")
                    .col("occurred_at")
                    .unique()
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("tracking_events_history")
                    .table("tracking_events")
                    .col("shipment_id")
                    .col("occurred_at")
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("tracking_changes")
                    .col(uuid("journey_id"))
                    .col(integer("sequence"))
                    .col(json_binary("change"))
                    .col(timestamp_with_time_zone("recorded_at"))
                    .primary_key(Index::create().col("journey_id").col("sequence"))
                    .to_owned(),
            )
            .await
    }
}
