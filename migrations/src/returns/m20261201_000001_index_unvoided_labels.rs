//! Adds an index of the labels that were neither voided nor reported to support: reconciliation read all cancelled returns.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const NAME: &str = "returns_unvoided";
const TABLE: &str = "returns";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let index = Index::create()
            .name(NAME)
            .table(TABLE)
            .col("status")
            .col("id")
            .and_where(Expr::col("label_shipment_id").is_not_null())
            .and_where(Expr::col("label_voided_at").is_null())
            .and_where(Expr::col("support_alerted_at").is_null())
            .to_owned();
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_index(Index::drop().name(NAME).table(TABLE).to_owned())
            .await
    }
}
