//! Adds `returns.turned_back_at`: when the carrier turned a package back to the customer.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::alter()
            .table("returns")
            .add_column(timestamp_with_time_zone_null("turned_back_at"))
            .to_owned();
        manager.alter_table(table).await
    }
}
