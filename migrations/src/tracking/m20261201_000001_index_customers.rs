//! Indexes the parcels of a customer, for exports and erasures.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_index(
                Index::create()
                    .name("shipments_customer")
                    .table("shipments")
                    .col("customer_id")
                    .col("id")
                    .to_owned(),
            )
            .await
    }
}
