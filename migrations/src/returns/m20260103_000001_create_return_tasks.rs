//! Creates `return_tasks`, the pending calls to third parties for returns, and `store_credits`; adds columns for a
//! return's payment and delivery.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_return_tasks(manager).await?;
        create_store_credits(manager).await?;
        add(manager, string_null("payment_intent_id")).await?;
        add(manager, timestamp_with_time_zone_null("delivered_at")).await
    }
}

async fn create_return_tasks(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("return_tasks")
                .col(uuid("return_id"))
                .col(string_len("kind", 20))
                .col(timestamp_with_time_zone("due_at"))
                // The worker that holds it, until this time unless it renews the claim.
                .col(uuid_null("claimed_by"))
                .col(timestamp_with_time_zone_null("claimed_until"))
                .col(integer("attempts"))
                .col(text_null("last_error"))
                .col(timestamp_with_time_zone("created_at"))
                .primary_key(Index::create().col("return_id").col("kind"))
                .foreign_key(
                    ForeignKey::create()
                        .name("return_tasks_return")
                        .from("return_tasks", "return_id")
                        .to("returns", "id"),
                )
                .to_owned(),
        )
        .await?;
    let due = Index::create()
        .name("return_tasks_due")
        .table("return_tasks")
        .col("due_at")
        .to_owned();
    manager.create_index(due).await
}

async fn create_store_credits(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("store_credits")
                .col(uuid("id").primary_key())
                .col(uuid("customer_id"))
                // A return has at most one credit, whatever happens at the payment provider.
                .col(uuid("return_id").unique_key())
                // In minor units of the order's payment currency.
                .col(big_integer("amount"))
                .col(string_len("currency", 3))
                .col(string_len("reason", 30))
                .col(timestamp_with_time_zone("created_at"))
                .foreign_key(
                    ForeignKey::create()
                        .name("store_credits_return")
                        .from("store_credits", "return_id")
                        .to("returns", "id"),
                )
                .to_owned(),
        )
        .await?;
    let of_customer = Index::create()
        .name("store_credits_customer")
        .table("store_credits")
        .col("customer_id")
        .to_owned();
    manager.create_index(of_customer).await
}

async fn add(manager: &SchemaManager<'_>, column: ColumnDef) -> Result<(), DbErr> {
    let alter = Table::alter()
        .table("returns")
        .add_column(column)
        .to_owned();
    manager.alter_table(alter).await
}
