//! Creates `tasks`: durable background work of a domain.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("tasks")
                    .col(string_len("kind", 40))
                    .col(uuid("key"))
                    .col(string("subject"))
                    .col(json_binary("data"))
                    .col(timestamp_with_time_zone("due_at"))
                    .col(timestamp_with_time_zone_null("again_at"))
                    // The worker that holds it, until this time unless it renews the claim.
                    .col(uuid_null("claimed_by"))
                    .col(timestamp_with_time_zone_null("claimed_until"))
                    .col(integer("attempts"))
                    .col(text_null("last_error"))
                    .col(timestamp_with_time_zone_null("dead_lettered_at"))
                    .col(timestamp_with_time_zone("created_at"))
                    .primary_key(Index::create().col("kind").col("key"))
                    .to_owned(),
            )
            .await?;
        let due = Index::create()
            .name("tasks_due")
            .table("tasks")
            .col("due_at")
            .and_where(Expr::col("dead_lettered_at").is_null())
            .to_owned();
        manager.create_index(due).await
    }
}
