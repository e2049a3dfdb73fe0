//! Creates `order_turns`: a row for each order that serializes changes of its returns.

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
                    .table("order_turns")
                    .col(uuid("order_id").primary_key())
                    .col(timestamp_with_time_zone("taken_at"))
                    .to_owned(),
            )
            .await
    }
}
