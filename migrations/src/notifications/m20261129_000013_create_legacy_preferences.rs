//! Creates `legacy_preferences`, the customers of a former system with one toggle, and marks the preferences that were
//! migrated from it.

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
                    .table("legacy_preferences")
                    .col(uuid("customer_id").primary_key())
                    .col(boolean("email_notifications"))
                    .col(boolean("sms_notifications"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("preference_migrations")
                    .col(integer("id").primary_key())
                    // Customers up to this one are migrated.
                    .col(uuid_null("last_customer"))
                    .col(big_integer("migrated"))
                    .col(timestamp_with_time_zone("started_at"))
                    .col(timestamp_with_time_zone_null("finished_at"))
                    .to_owned(),
            )
            .await?;
        manager
            .alter_table(
                Table::alter()
                    .table("preferences")
                    // Written by the migration, and not changed by the customer since.
                    .add_column(boolean("migrated").default(false))
                    .to_owned(),
            )
            .await
    }
}
