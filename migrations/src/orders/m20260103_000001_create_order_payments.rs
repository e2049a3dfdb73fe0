//! Creates `order_payments`: what was requested from the payment provider for an order, and its state.

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
                    .table("order_payments")
                    .col(uuid("order_id").primary_key())
                    .col(string_len("state", 20))
                    .col(string_len_null("decline_code", 80))
                    .col(string_null("refund_id"))
                    .col(integer("attempts"))
                    .col(timestamp_with_time_zone_null("next_attempt_at"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("updated_at"))
                    .foreign_key(
                        ForeignKey::create()
                            .name("order_payments_order")
                            .from("order_payments", "order_id")
                            .to("orders", "id"),
                    )
                    .to_owned(),
            )
            .await?;
        // Most payments are settled; only the others have a next attempt.
        manager
            .create_index(
                Index::create()
                    .name("order_payments_next_attempt")
                    .table("order_payments")
                    .col("next_attempt_at")
                    .to_owned(),
            )
            .await
    }
}
