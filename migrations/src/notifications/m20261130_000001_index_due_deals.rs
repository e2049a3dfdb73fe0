//! Indexes the deals of each priority in the order in which they are sent, so that the next ones are found without
//! sorting all that wait.

use sea_orm_migration::prelude::*;

const NAME: &str = "deal_queue_due";
const TABLE: &str = "deal_queue";

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_index(Index::drop().name(NAME).table(TABLE).to_owned())
            .await?;
        let index = Index::create()
            .name(NAME)
            .table(TABLE)
            .col("state")
            .col("priority")
            .col("due_at")
            .col("notification_id")
            .to_owned();
        manager.create_index(index).await
    }
}
