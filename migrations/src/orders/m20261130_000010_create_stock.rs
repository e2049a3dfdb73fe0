//! Creates the ledger of stock and its levels.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let not_negative = |name: &'static str| integer(name).check(Expr::col(name).gte(0)).take();
        let levels = Table::create()
            .table("stock_levels")
            .col(uuid("product_id").primary_key())
            .col(not_negative("available"))
            .col(not_negative("damaged"))
            .col(big_integer("sequence"))
            .col(timestamp_with_time_zone("updated_at"))
            .to_owned();
        manager.create_table(levels).await?;
        let movements = Table::create()
            .table("stock_movements")
            .col(uuid("product_id"))
            .col(big_integer("sequence"))
            .col(string_len("kind", 20))
            .col(integer("available"))
            .col(integer("damaged"))
            .col(string_len("reference", 120))
            .col(uuid_null("order_item_id"))
            .col(string("actor"))
            .col(text_null("reason"))
            .col(timestamp_with_time_zone("occurred_at"))
            .primary_key(Index::create().col("product_id").col("sequence"))
            .foreign_key(
                ForeignKey::create()
                    .name("stock_movements_level")
                    .from("stock_movements", "product_id")
                    .to("stock_levels", "product_id"),
            )
            .to_owned();
        manager.create_table(movements).await?;
        let references = Index::create()
            .name("stock_movements_reference")
            .table("stock_movements")
            .col("reference")
            .col("kind")
            .unique()
            .to_owned();
        manager.create_index(references).await
    }
}
