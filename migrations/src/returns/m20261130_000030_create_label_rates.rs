//! What labels cost last, by country and weight, so that previews can say what one will cost without asking a carrier.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let rates = Table::create()
            .table("label_rates")
            .col(string_len("country", 2))
            .col(integer("pounds"))
            .col(string("carrier"))
            .col(string("service"))
            .col(big_integer("cents"))
            .col(timestamp_with_time_zone("seen_at"))
            .primary_key(Index::create().col("country").col("pounds"))
            .to_owned();
        manager.create_table(rates).await
    }
}
