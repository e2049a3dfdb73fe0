//! Adds to `order_payments` what is authorized and what was captured of it.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [
            big_integer_null("captured_amount"),
            big_integer_null("capture_target"),
            timestamp_with_time_zone_null("authorized_until"),
            timestamp_with_time_zone_null("expiry_alerted_at"),
        ] {
            let alter = Table::alter()
                .table("order_payments")
                .add_column(column)
                .to_owned();
            manager.alter_table(alter).await?;
        }
        manager
            .create_index(
                Index::create()
                    .name("order_payments_authorized")
                    .table("order_payments")
                    .col("state")
                    .col("authorized_until")
                    .to_owned(),
            )
            .await
    }
}
