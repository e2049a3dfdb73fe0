//! Indexes the deals of each customer by state and time, so that whether one is the first that is due is found without
//! reading those that wait for later.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let index = Index::create()
            .name("deal_queue_customer_due")
            .table("deal_queue")
            .col("customer_id")
            .col("state")
            .col("due_at")
            .col("notification_id")
            .to_owned();
        manager.create_index(index).await
    }
}
