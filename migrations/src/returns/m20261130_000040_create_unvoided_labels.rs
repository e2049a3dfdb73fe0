//! Creates `unvoided_labels`: labels that are not needed and could not be voided, until somebody settles it.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let labels = Table::create()
            .table("unvoided_labels")
            .col(uuid("return_id"))
            .col(string("shipment_id"))
            .col(timestamp_with_time_zone("since"))
            .col(timestamp_with_time_zone_null("settled_at"))
            .primary_key(Index::create().col("return_id").col("shipment_id"))
            .foreign_key(
                ForeignKey::create()
                    .name("unvoided_labels_return")
                    .from("unvoided_labels", "return_id")
                    .to("returns", "id"),
            )
            .to_owned();
        manager.create_table(labels).await
    }
}
