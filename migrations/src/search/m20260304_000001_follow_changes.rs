//! Adds `products.price_sequence`, the newest price change that has been applied, and an index by `updated_at`, by which
//! the search index follows.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::alter()
            .table("products")
            .add_column(big_integer("price_sequence").default(0))
            .to_owned();
        manager.alter_table(table).await?;
        let index = Index::create()
            .name("products_updated")
            .table("products")
            .col("updated_at")
            .col("id")
            .to_owned();
        manager.create_index(index).await
    }
}
