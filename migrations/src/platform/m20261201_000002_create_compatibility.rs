//! Creates `schema_compatibility`: one row with the oldest release that can run on the schema.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{integer, text};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("schema_compatibility")
                    .col(integer("id").primary_key())
                    .col(text("oldest_release"))
                    .to_owned(),
            )
            .await
    }
}
