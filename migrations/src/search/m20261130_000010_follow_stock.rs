//! Lets products follow the ledger of stock in the orders domain, which has to be told what there was before it began.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [
            big_integer("stock_sequence").default(0).take(),
            timestamp_with_time_zone_null("stock_announced_at"),
        ] {
            let table = Table::alter()
                .table("products")
                .add_column(column)
                .to_owned();
            manager.alter_table(table).await?;
        }
        let unannounced = Index::create()
            .name("products_stock_unannounced")
            .table("products")
            .col("id")
            .and_where(Expr::col("stock_announced_at").is_null())
            .to_owned();
        manager.create_index(unannounced).await
    }
}
