//! Adds how an order is sent.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::alter()
            .table("orders")
            .add_column(string_len_null("shipping_option", 40))
            .to_owned();
        manager.alter_table(table).await
    }
}
