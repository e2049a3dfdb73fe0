//! Creates `topic_memberships`, the push topics that devices are to be subscribed to, and marks the devices whose topics
//! are recorded.

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
                    .table("topic_memberships")
                    .col(string("token"))
                    .col(string_len("topic", 64))
                    .col(uuid("customer_id"))
                    // Whether the device is to be subscribed.
                    .col(boolean("subscribed"))
                    // What the push service last confirmed.
                    .col(boolean_null("made"))
                    // When to call the push service next; null if there is nothing to do.
                    .col(timestamp_with_time_zone_null("due_at"))
                    .col(uuid_null("claimed_by"))
                    .col(timestamp_with_time_zone_null("claimed_until"))
                    .col(integer("attempts"))
                    // The push service's code.
                    .col(string_len_null("error", 64))
                    .primary_key(Index::create().col("token").col("topic"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("topic_memberships_customer")
                    .table("topic_memberships")
                    .col("customer_id")
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("topic_memberships_due")
                    .table("topic_memberships")
                    .col("due_at")
                    .col("topic")
                    .col("subscribed")
                    .to_owned(),
            )
            .await?;
        manager
            .alter_table(
                Table::alter()
                    .table("device_tokens")
                    // Null for devices that were registered before their topics were recorded.
                    .add_column(timestamp_with_time_zone_null("topics_set_at"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("device_tokens_topics")
                    .table("device_tokens")
                    .col("topics_set_at")
                    .to_owned(),
            )
            .await
    }
}
