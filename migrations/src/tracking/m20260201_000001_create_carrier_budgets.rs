//! Creates `carrier_budgets`, and an index of a carrier's parcels by their last poll.

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
                    .table("carrier_budgets")
                    .col(string_len("carrier", 10).primary_key())
                    .col(timestamp_with_time_zone("full_at"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("shipments_due")
                    .table("shipments")
                    .col("carrier")
                    .col("last_polled_at")
                    .and_where(Expr::col("status").ne("delivered"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("tracking_changes_recorded")
                    .table("tracking_changes")
                    .col("recorded_at")
                    .to_owned(),
            )
            .await
    }
}
