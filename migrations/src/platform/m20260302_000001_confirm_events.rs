//! Records a published event's position in the log, and when every consumer group had committed it.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{text_null, timestamp_with_time_zone_null};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

const TABLE: &str = "outbox_events";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite adds one column at a time.
        for column in [
            text_null("log"),
            text_null("log_offset"),
            timestamp_with_time_zone_null("confirmed_at"),
        ] {
            let add = Table::alter().table(TABLE).add_column(column).to_owned();
            manager.alter_table(add).await?;
        }
        // The log positions of events published earlier are unknown.
        let confirm = Query::update()
            .table(TABLE)
            .value("confirmed_at", Expr::col("published_at"))
            .and_where(Expr::col("published_at").is_not_null())
            .to_owned();
        manager.execute(confirm).await?;
        manager
            .drop_index(
                Index::drop()
                    .name("outbox_events_published")
                    .table(TABLE)
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("outbox_events_confirmed")
                    .table(TABLE)
                    .col("confirmed_at")
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("outbox_events_unconfirmed")
                    .table(TABLE)
                    .col("topic")
                    .col("log_offset")
                    .and_where(Expr::col("published_at").is_not_null())
                    .and_where(Expr::col("confirmed_at").is_null())
                    .to_owned(),
            )
            .await
    }
}
