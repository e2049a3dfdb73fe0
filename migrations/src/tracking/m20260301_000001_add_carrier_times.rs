//! Adds the carriers' own times, `tracking_events.carrier_time` and `zone_assumed`, by which events are deduplicated;
//! `shipments.returned_to_sender`, `estimated_at` and `overdue_at`.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in [
            (
                "tracking_events",
                timestamp_with_time_zone_null("carrier_time"),
            ),
            (
                "tracking_events",
                boolean("zone_assumed").default(false).take(),
            ),
            (
                "shipments",
                boolean("returned_to_sender").default(false).take(),
            ),
            ("shipments", timestamp_with_time_zone_null("estimated_at")),
            ("shipments", timestamp_with_time_zone_null("overdue_at")),
        ] {
            let alter = Table::alter().table(table).add_column(column).to_owned();
            manager.alter_table(alter).await?;
        }
        let said = Query::update()
            .table("tracking_events")
            .value("carrier_time", Expr::col("occurred_at"))
            .to_owned();
        manager.execute(said).await?;
        let once = "tracking_events_once";
        manager
            .drop_index(Index::drop().name(once).table("tracking_events").to_owned())
            .await?;
        manager
            .create_index(
                Index::create()
                    .name(once)
                    .table("tracking_events")
                    .col("carrier")
                    .col("tracking_number")
                    .col("status")
                    .col("carrier_time")
                    .unique()
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("shipments_overdue")
                    .table("shipments")
                    .col("created_at")
                    .and_where(Expr::col("status").ne("delivered"))
                    .and_where(Expr::col("overdue_at").is_null())
                    .to_owned(),
            )
            .await
    }
}
