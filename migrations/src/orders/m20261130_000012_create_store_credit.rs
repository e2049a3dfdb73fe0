//! Creates customers' store credit, and what orders use of it.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let orders = Table::alter()
            .table("orders")
            .add_column(big_integer("store_credit_amount").default(0).take())
            .to_owned();
        manager.alter_table(orders).await?;
        let balance = big_integer("balance")
            .check(Expr::col("balance").gte(0))
            .take();
        let balances = Table::create()
            .table("store_credit_balances")
            .col(uuid("customer_id"))
            .col(string_len("currency_code", 3))
            .col(balance)
            .col(timestamp_with_time_zone("updated_at"))
            .primary_key(Index::create().col("customer_id").col("currency_code"))
            .to_owned();
        manager.create_table(balances).await?;
        let entries = Table::create()
            .table("store_credit_entries")
            .col(uuid("id").primary_key())
            .col(uuid("customer_id"))
            .col(string_len("currency_code", 3))
            .col(string_len("kind", 20))
            .col(big_integer("amount"))
            .col(string_len("reference", 120))
            .col(uuid_null("order_id"))
            .col(uuid_null("return_id"))
            .col(timestamp_with_time_zone("occurred_at"))
            .to_owned();
        manager.create_table(entries).await?;
        let of_customer = Index::create()
            .name("store_credit_entries_customer")
            .table("store_credit_entries")
            .col("customer_id")
            .col("id")
            .to_owned();
        manager.create_index(of_customer).await?;
        let of_return = Index::create()
            .name("store_credit_entries_return")
            .table("store_credit_entries")
            .col("return_id")
            .and_where(Expr::col("return_id").is_not_null())
            .to_owned();
        manager.create_index(of_return).await?;
        let references = Index::create()
            .name("store_credit_entries_reference")
            .table("store_credit_entries")
            .col("reference")
            .col("kind")
            .unique()
            .to_owned();
        manager.create_index(references).await
    }
}
