//! Adds `return_items.product_id`, so that completion can report what is in stock again, and
//! `returns.support_alerted_at`, so that support is alerted once about a stuck return.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        add(manager, "return_items", uuid_null("product_id")).await?;
        let alerted = timestamp_with_time_zone_null("support_alerted_at");
        add(manager, "returns", alerted).await
    }
}

async fn add(
    manager: &SchemaManager<'_>,
    table: &'static str,
    column: ColumnDef,
) -> Result<(), DbErr> {
    let alter = Table::alter().table(table).add_column(column).to_owned();
    manager.alter_table(alter).await
}
