//! What an event or a task follows from: the W3C `traceparent` of the span that wrote it.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::text_null;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

const TABLES: [&str; 3] = ["outbox_events", "inbox_deliveries", "tasks"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES {
            let add = Table::alter()
                .table(table)
                .add_column(text_null("traceparent"))
                .to_owned();
            manager.alter_table(add).await?;
        }
        Ok(())
    }
}
