//! Creates `deal_queue`, the deals that wait for their time.

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
                    .table("deal_queue")
                    // The message. A customer's are sent in the order of their ids.
                    .col(uuid("notification_id").primary_key())
                    .col(uuid("customer_id"))
                    .col(string_len("channel", 10))
                    .col(string_len("state", 10))
                    // Higher ones first, among customers.
                    .col(integer("priority"))
                    .col(timestamp_with_time_zone("due_at"))
                    .col(timestamp_with_time_zone("window_start"))
                    .col(timestamp_with_time_zone("window_end"))
                    // How often it was handed to a queue outside of the database.
                    .col(integer("rounds"))
                    .to_owned(),
            )
            .await?;
        for (name, columns) in [
            ("deal_queue_due", &["state", "priority", "due_at"][..]),
            (
                "deal_queue_customer",
                &["customer_id", "notification_id"][..],
            ),
        ] {
            let mut index = Index::create().name(name).table("deal_queue").to_owned();
            for column in columns {
                index.col(*column);
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }
}
