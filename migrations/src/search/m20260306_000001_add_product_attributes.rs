//! Adds what shipping and customs need to know of a product, and the numbers of its catalog events.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [
            integer_null("weight_grams"),
            integer_null("length_mm"),
            integer_null("width_mm"),
            integer_null("height_mm"),
            string_len_null("hs_code", 13),
            string_len_null("origin_country", 2),
            big_integer("catalog_sequence").default(0).take(),
            big_integer("source_sequence").default(0).take(),
        ] {
            let table = Table::alter()
                .table("products")
                .add_column(column)
                .to_owned();
            manager.alter_table(table).await?;
        }
        Ok(())
    }
}
