//! Creates `customers`, `payment_methods`, `orders`, `order_items` and `order_events`.
//! Amounts are in minor units of the currency beside them.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        customers(manager).await?;
        payment_methods(manager).await?;
        orders(manager).await?;
        order_items(manager).await?;
        order_events(manager).await
    }
}

async fn customers(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("customers")
                .col(uuid("id").primary_key())
                .col(string("email").unique_key())
                .col(string("name"))
                .col(timestamp_with_time_zone("created_at"))
                .to_owned(),
        )
        .await
}

async fn payment_methods(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("payment_methods")
                .col(uuid("id").primary_key())
                .col(uuid("customer_id"))
                .col(string_len("kind", 20))
                .col(string_len_null("last4", 4))
                .col(string("token"))
                .col(timestamp_with_time_zone_null("expires_at"))
                .col(timestamp_with_time_zone_null("closed_at"))
                .col(timestamp_with_time_zone("created_at"))
                .foreign_key(
                    ForeignKey::create()
                        .name("payment_methods_customer")
                        .from("payment_methods", "customer_id")
                        .to("customers", "id"),
                )
                .to_owned(),
        )
        .await?;
    manager
        .create_index(
            Index::create()
                .name("payment_methods_customer_index")
                .table("payment_methods")
                .col("customer_id")
                .to_owned(),
        )
        .await
}

async fn orders(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("orders")
                .col(uuid("id").primary_key())
                .col(uuid("customer_id"))
                .col(string_len("status", 20))
                .col(big_integer("usd_amount"))
                .col(big_integer("local_currency_amount"))
                .col(string_len("local_currency_code", 3))
                .col(string_len("exchange_rate", 40))
                .col(big_integer("subtotal_amount"))
                .col(big_integer("shipping_amount"))
                .col(big_integer("tax_amount"))
                .col(json_binary("shipping_address"))
                .col(json_binary_null("billing_address"))
                .col(uuid("payment_method_id"))
                .col(string_null("payment_intent_id").unique_key())
                .col(timestamp_with_time_zone("placed_at"))
                .col(timestamp_with_time_zone_null("confirmed_at"))
                .col(timestamp_with_time_zone_null("shipped_at"))
                .col(timestamp_with_time_zone_null("delivered_at"))
                .col(timestamp_with_time_zone_null("cancelled_at"))
                .col(timestamp_with_time_zone("updated_at"))
                .foreign_key(
                    ForeignKey::create()
                        .name("orders_customer")
                        .from("orders", "customer_id")
                        .to("customers", "id"),
                )
                .foreign_key(
                    ForeignKey::create()
                        .name("orders_payment_method")
                        .from("orders", "payment_method_id")
                        .to("payment_methods", "id"),
                )
                .to_owned(),
        )
        .await?;
    // The order of a customer's list: a page is a range of this index.
    manager
        .create_index(
            Index::create()
                .name("orders_customer_placed")
                .table("orders")
                .col("customer_id")
                .col("placed_at")
                .col("id")
                .to_owned(),
        )
        .await?;
    manager
        .create_index(
            Index::create()
                .name("orders_payment_method_index")
                .table("orders")
                .col("payment_method_id")
                .to_owned(),
        )
        .await
}

async fn order_items(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("order_items")
                .col(uuid("id").primary_key())
                .col(uuid("order_id"))
                .col(uuid("customer_id"))
                .col(integer("position"))
                .col(uuid("product_id"))
                .col(string("product_name"))
                .col(string_len_null("restriction", 20))
                .col(integer("quantity"))
                .col(big_integer("unit_price_amount"))
                .col(big_integer("tax_amount"))
                .col(string_len("currency_code", 3))
                .foreign_key(
                    ForeignKey::create()
                        .name("order_items_order")
                        .from("order_items", "order_id")
                        .to("orders", "id"),
                )
                .to_owned(),
        )
        .await?;
    manager
        .create_index(
            Index::create()
                .name("order_items_order_position")
                .table("order_items")
                .col("order_id")
                .col("position")
                .unique()
                .to_owned(),
        )
        .await
}

async fn order_events(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("order_events")
                .col(uuid("id").primary_key())
                .col(uuid("order_id"))
                .col(string_len("event", 40))
                .col(string_len("actor", 20))
                .col(text_null("detail"))
                .col(timestamp_with_time_zone("occurred_at"))
                .foreign_key(
                    ForeignKey::create()
                        .name("order_events_order")
                        .from("order_events", "order_id")
                        .to("orders", "id"),
                )
                .to_owned(),
        )
        .await?;
    manager
        .create_index(
            Index::create()
                .name("order_events_order_occurred")
                .table("order_events")
                .col("order_id")
                .col("occurred_at")
                .to_owned(),
        )
        .await
}
