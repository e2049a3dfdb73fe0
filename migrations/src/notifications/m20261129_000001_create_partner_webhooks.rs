//! Creates the log of partners' events, and the state of the webhooks that send them.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("partner_events")
                    // The order in which events are sent.
                    .col(big_integer("position").primary_key())
                    .col(uuid_uniq("event_id"))
                    .col(string_len("event_type", 60))
                    .col(string_len("object_id", 60))
                    .col(big_integer("sequence"))
                    .col(uuid_null("customer_id"))
                    .col(json_binary("data"))
                    .col(timestamp_with_time_zone("occurred_at"))
                    .col(timestamp_with_time_zone("recorded_at"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("partner_events_recorded")
                    .table("partner_events")
                    .col("recorded_at")
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("partner_event_positions")
                    .col(integer("id").primary_key())
                    // The position of the newest event; outlives the events, which are swept.
                    .col(big_integer("last"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("webhook_endpoints")
                    .col(uuid("id").primary_key())
                    .col(string_len("client", 64))
                    .col(string_len("webhook", 40))
                    // Events up to this position are sent or given up.
                    .col(big_integer("position"))
                    .col(integer("attempts"))
                    // The event that these attempts were to send.
                    .col(big_integer_null("attempted_position"))
                    .col(timestamp_with_time_zone_null("next_attempt_at"))
                    .col(timestamp_with_time_zone_null("failing_since"))
                    .col(text_null("last_error"))
                    .col(timestamp_with_time_zone_null("disabled_at"))
                    .col(timestamp_with_time_zone("created_at"))
                    // Since when it has not been in the clients file.
                    .col(timestamp_with_time_zone_null("missing_since"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("webhook_dead_letters")
                    .col(uuid("endpoint_id"))
                    .col(big_integer("position"))
                    .col(uuid("event_id"))
                    .col(integer("attempts"))
                    .col(text("error"))
                    .col(timestamp_with_time_zone("dead_lettered_at"))
                    // When it was requested to send it again.
                    .col(timestamp_with_time_zone_null("requeued_at"))
                    .primary_key(Index::create().col("endpoint_id").col("position"))
                    .to_owned(),
            )
            .await
    }
}
