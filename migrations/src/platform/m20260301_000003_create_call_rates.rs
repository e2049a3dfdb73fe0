//! Creates `call_rates`: the remaining call rates of third parties, shared by all processes.

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
                    .table("call_rates")
                    .col(string("provider").primary_key())
                    .col(timestamp_with_time_zone("full_at"))
                    .to_owned(),
            )
            .await
    }
}
