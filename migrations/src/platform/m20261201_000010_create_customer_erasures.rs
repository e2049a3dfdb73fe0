//! Creates `customer_erasures`: which customers were erased, as of when.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("customer_erasures")
                    .col(uuid("customer_id").primary_key())
                    .col(timestamp_with_time_zone("erased_at"))
                    .col(timestamp_with_time_zone_null("finished_at"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                // For those that are not finished, which are few.
                Index::create()
                    .name("customer_erasures_finished")
                    .table("customer_erasures")
                    .col("finished_at")
                    .col("customer_id")
                    .to_owned(),
            )
            .await
    }
}
