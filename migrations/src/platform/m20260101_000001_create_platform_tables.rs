//! Creates `outbox_sequences`, `outbox_events`, `inbox_deliveries`, `inbox_events`,
//! `idempotency_keys` and `leases`.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        outbox(manager).await?;
        inbox(manager).await?;
        idempotency_keys(manager).await?;
        leases(manager).await
    }
}

async fn outbox(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("outbox_sequences")
                .col(string("topic"))
                .col(string("aggregate_id"))
                .col(big_integer("last"))
                .primary_key(Index::create().col("topic").col("aggregate_id"))
                .to_owned(),
        )
        .await?;
    manager
        .create_table(
            Table::create()
                .table("outbox_events")
                .col(uuid("id").primary_key())
                .col(string("topic"))
                .col(string("event_type"))
                .col(string("aggregate_id"))
                .col(big_integer("sequence"))
                .col(json_binary("data"))
                .col(timestamp_with_time_zone("occurred_at"))
                .col(timestamp_with_time_zone_null("published_at"))
                .col(timestamp_with_time_zone_null("claimed_until"))
                .col(integer("attempts"))
                .col(timestamp_with_time_zone("next_attempt_at"))
                .col(text_null("last_error"))
                .col(timestamp_with_time_zone_null("dead_lettered_at"))
                .to_owned(),
        )
        .await?;
    manager
        .create_index(
            Index::create()
                .name("outbox_events_aggregate")
                .table("outbox_events")
                .col("topic")
                .col("aggregate_id")
                .col("sequence")
                .unique()
                .to_owned(),
        )
        .await?;
    // A partial index, small however many events were published: the publisher reads it each time.
    manager
        .create_index(
            Index::create()
                .name("outbox_events_waiting")
                .table("outbox_events")
                .col("next_attempt_at")
                .and_where(Expr::col("published_at").is_null())
                .and_where(Expr::col("dead_lettered_at").is_null())
                .to_owned(),
        )
        .await?;
    manager
        .create_index(
            Index::create()
                .name("outbox_events_published")
                .table("outbox_events")
                .col("published_at")
                .to_owned(),
        )
        .await
}

async fn inbox(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("inbox_deliveries")
                .col(string("consumer"))
                .col(uuid("event_id"))
                .col(string("topic"))
                .col(string("event_type"))
                .col(string("aggregate_id"))
                .col(big_integer("sequence"))
                .col(json_binary("data"))
                .col(timestamp_with_time_zone("occurred_at"))
                .col(timestamp_with_time_zone("received_at"))
                .col(integer("attempts"))
                .col(timestamp_with_time_zone("next_attempt_at"))
                .col(text_null("last_error"))
                .col(timestamp_with_time_zone_null("dead_lettered_at"))
                .primary_key(Index::create().col("consumer").col("event_id"))
                .to_owned(),
        )
        .await?;
    manager
        .create_index(
            Index::create()
                .name("inbox_deliveries_aggregate")
                .table("inbox_deliveries")
                .col("consumer")
                .col("topic")
                .col("aggregate_id")
                .col("sequence")
                .to_owned(),
        )
        .await?;
    manager
        .create_table(
            Table::create()
                .table("inbox_events")
                .col(string("consumer"))
                .col(string("event_id"))
                .col(timestamp_with_time_zone("received_at"))
                .primary_key(Index::create().col("consumer").col("event_id"))
                .to_owned(),
        )
        .await?;
    manager
        .create_index(
            Index::create()
                .name("inbox_events_received")
                .table("inbox_events")
                .col("received_at")
                .to_owned(),
        )
        .await
}

async fn idempotency_keys(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("idempotency_keys")
                .col(string("caller"))
                .col(string("operation"))
                .col(string("key"))
                .col(string("input_hash"))
                .col(json_binary("outcome"))
                .col(timestamp_with_time_zone("created_at"))
                .col(timestamp_with_time_zone("expires_at"))
                .primary_key(Index::create().col("caller").col("operation").col("key"))
                .to_owned(),
        )
        .await?;
    manager
        .create_index(
            Index::create()
                .name("idempotency_keys_expiry")
                .table("idempotency_keys")
                .col("expires_at")
                .to_owned(),
        )
        .await
}

async fn leases(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("leases")
                .col(string("name").primary_key())
                .col(string("holder"))
                .col(timestamp_with_time_zone("expires_at"))
                .col(timestamp_with_time_zone_null("ran_at"))
                .to_owned(),
        )
        .await
}
