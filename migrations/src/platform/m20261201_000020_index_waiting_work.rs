//! Adds indexes of what waits to be published and handled, in the order in which it is: without them, a claim walked over
//! all published events, and each delivery over all that wait for the consumer.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

const EVENTS: &str = "outbox_events_pending";
const DELIVERIES: &str = "inbox_deliveries_due";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let events = Index::create()
            .name(EVENTS)
            .table("outbox_events")
            .col("id")
            .and_where(Expr::col("published_at").is_null())
            .and_where(Expr::col("dead_lettered_at").is_null())
            .to_owned();
        manager.create_index(events).await?;
        let deliveries = Index::create()
            .name(DELIVERIES)
            .table("inbox_deliveries")
            .col("consumer")
            .col("next_attempt_at")
            .col("event_id")
            .and_where(Expr::col("dead_lettered_at").is_null())
            .to_owned();
        manager.create_index(deliveries).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, table) in [(DELIVERIES, "inbox_deliveries"), (EVENTS, "outbox_events")] {
            manager
                .drop_index(Index::drop().name(name).table(table).to_owned())
                .await?;
        }
        Ok(())
    }
}
