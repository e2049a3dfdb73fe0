//! Creates `returns`, `return_items` and `return_events`.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_returns(manager).await?;
        create_return_items(manager).await?;
        create_return_events(manager).await
    }
}

async fn create_returns(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("returns")
                .col(uuid("id").primary_key())
                .col(uuid("order_id"))
                .col(uuid("customer_id"))
                .col(string_len("status", 20))
                // The quote, in minor units of the order's payment currency.
                .col(string_len("currency", 3))
                .col(big_integer("refund_items"))
                .col(big_integer("refund_tax"))
                .col(big_integer("refund_shipping"))
                .col(big_integer("refund_total"))
                .col(boolean("shipping_refunded"))
                .col(string_len("refund_method", 20))
                // The refund itself. Its key is written before the provider is called, so that a call of unknown
                // outcome is looked up and never made twice.
                .col(string_len_null("refund_key", 64))
                .col(integer("refund_attempts"))
                .col(timestamp_with_time_zone_null("refund_requested_at"))
                .col(string_null("refund_provider_id"))
                .col(timestamp_with_time_zone_null("refund_issued_at"))
                .col(string_null("label_shipment_id"))
                .col(string_null("label_object"))
                .col(text_null("label_url"))
                .col(string_len_null("label_carrier", 20))
                .col(string_len_null("tracking_number", 50))
                .col(big_integer_null("label_cost"))
                .col(string_len_null("label_cost_currency", 3))
                .col(string_null("label_return_address"))
                .col(timestamp_with_time_zone_null("label_generated_at"))
                .col(timestamp_with_time_zone_null("label_expires_at"))
                .col(timestamp_with_time_zone_null("label_voided_at"))
                .col(timestamp_with_time_zone_null("carrier_scanned_at"))
                .col(timestamp_with_time_zone("created_at"))
                .col(timestamp_with_time_zone("updated_at"))
                .to_owned(),
        )
        .await?;
    for (name, column) in [
        ("returns_order", "order_id"),
        ("returns_customer", "customer_id"),
        ("returns_tracking_number", "tracking_number"),
    ] {
        let index = Index::create()
            .name(name)
            .table("returns")
            .col(column)
            .to_owned();
        manager.create_index(index).await?;
    }
    let refund_key = Index::create()
        .name("returns_refund_key")
        .table("returns")
        .col("refund_key")
        .unique()
        .to_owned();
    manager.create_index(refund_key).await?;
    // For reconciliation, which looks at the few open returns.
    let open = Index::create()
        .name("returns_open")
        .table("returns")
        .col("status")
        .col("created_at")
        .and_where(Expr::col("status").is_not_in(["completed", "cancelled"]))
        .to_owned();
    manager.create_index(open).await?;
    // Shipping is refunded once per order, even by two concurrent returns.
    let shipping = Index::create()
        .name("returns_shipping_once")
        .table("returns")
        .col("order_id")
        .unique()
        .and_where(Expr::col("shipping_refunded"))
        .and_where(Expr::col("status").ne("cancelled"))
        .to_owned();
    manager.create_index(shipping).await
}

async fn create_return_items(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("return_items")
                .col(uuid("id").primary_key())
                .col(uuid("return_id"))
                .col(uuid("order_item_id"))
                .col(string("product_name"))
                .col(integer("quantity"))
                .col(string_len("condition", 20))
                .col(string_len("reason_code", 50))
                .col(text_null("reason_text"))
                .col(big_integer("refund_amount"))
                .col(timestamp_with_time_zone("created_at"))
                .foreign_key(
                    ForeignKey::create()
                        .name("return_items_return")
                        .from("return_items", "return_id")
                        .to("returns", "id"),
                )
                .to_owned(),
        )
        .await?;
    let of_return = Index::create()
        .name("return_items_return")
        .table("return_items")
        .col("return_id")
        .col("order_item_id")
        .unique()
        .to_owned();
    manager.create_index(of_return).await?;
    let of_order_item = Index::create()
        .name("return_items_order_item")
        .table("return_items")
        .col("order_item_id")
        .to_owned();
    manager.create_index(of_order_item).await
}

async fn create_return_events(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("return_events")
                .col(uuid("id").primary_key())
                .col(uuid("return_id"))
                .col(string_len("event", 30))
                .col(string_len("actor", 60))
                .col(timestamp_with_time_zone("occurred_at"))
                .foreign_key(
                    ForeignKey::create()
                        .name("return_events_return")
                        .from("return_events", "return_id")
                        .to("returns", "id"),
                )
                .to_owned(),
        )
        .await?;
    let of_return = Index::create()
        .name("return_events_return")
        .table("return_events")
        .col("return_id")
        .col("occurred_at")
        .to_owned();
    manager.create_index(of_return).await
}
