//! Creates `refund_supplements`: shipping that became due after a return's refund was issued.

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
                    .table("refund_supplements")
                    // Shipping is refunded once, so a return has at most one.
                    .col(uuid("return_id").primary_key())
                    // In minor units of the return's currency.
                    .col(big_integer("amount"))
                    .col(string_null("payment_intent_id"))
                    .col(string_null("provider_id"))
                    .col(timestamp_with_time_zone("requested_at"))
                    .col(timestamp_with_time_zone_null("issued_at"))
                    .foreign_key(
                        ForeignKey::create()
                            .name("refund_supplements_return")
                            .from("refund_supplements", "return_id")
                            .to("returns", "id"),
                    )
                    .to_owned(),
            )
            .await
    }
}
