//! Creates `order_reviews`, why a person has to look at an order, `order_decisions`, what they decided, and
//! `order_refunds`, what they refunded. Orders whose payment waits for a person already are put into the queue.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_reviews(manager).await?;
        create_decisions(manager).await?;
        create_refunds(manager).await?;
        queue_payments(manager).await?;
        // For lists of the orders of all customers.
        let placed = Index::create()
            .name("orders_placed")
            .table("orders")
            .col("placed_at")
            .col("id")
            .to_owned();
        manager.create_index(placed).await
    }
}

async fn create_reviews(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("order_reviews")
                .col(uuid("order_id").primary_key())
                .col(string_len("reason", 30))
                .col(timestamp_with_time_zone("since"))
                .col(timestamp_with_time_zone_null("closed_at"))
                .col(timestamp_with_time_zone_null("reminded_at"))
                .foreign_key(to_orders("order_reviews").name("order_reviews_order"))
                .to_owned(),
        )
        .await?;
    let open = Index::create()
        .name("order_reviews_open")
        .table("order_reviews")
        .col("since")
        .col("order_id")
        .and_where(Expr::col("closed_at").is_null())
        .to_owned();
    manager.create_index(open).await
}

async fn create_decisions(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("order_decisions")
                .col(uuid("id").primary_key())
                .col(uuid("order_id"))
                .col(string_len_null("reason", 30))
                .col(timestamp_with_time_zone_null("since"))
                .col(string_len("decision", 30))
                .col(text("note"))
                .col(string("actor"))
                .col(timestamp_with_time_zone("decided_at"))
                .col(string_len("status_before", 20))
                .col(string_len("status_after", 20))
                .col(big_integer_null("refund_amount"))
                .foreign_key(to_orders("order_decisions").name("order_decisions_order"))
                .to_owned(),
        )
        .await?;
    of_order(
        manager,
        "order_decisions",
        "order_decisions_order",
        "decided_at",
    )
    .await
}

async fn create_refunds(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("order_refunds")
                .col(uuid("id").primary_key())
                .col(uuid("order_id"))
                .col(big_integer("amount"))
                .col(string_len("state", 20))
                .col(string_null("provider_id"))
                .col(text_null("failure"))
                .col(timestamp_with_time_zone("requested_at"))
                .col(timestamp_with_time_zone_null("settled_at"))
                .foreign_key(to_orders("order_refunds").name("order_refunds_order"))
                .to_owned(),
        )
        .await?;
    of_order(
        manager,
        "order_refunds",
        "order_refunds_order",
        "requested_at",
    )
    .await
}

fn to_orders(table: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .from(table, "order_id")
        .to("orders", "id")
        .to_owned()
}

async fn of_order(
    manager: &SchemaManager<'_>,
    table: &'static str,
    name: &'static str,
    time: &'static str,
) -> Result<(), DbErr> {
    let index = Index::create()
        .name(name)
        .table(table)
        .col("order_id")
        .col(time)
        .to_owned();
    manager.create_index(index).await
}

async fn queue_payments(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let stuck = Query::select()
        .column("order_id")
        .expr(Expr::value("payment_in_doubt"))
        .column("updated_at")
        .from("order_payments")
        .cond_where(Condition::all().add(Expr::col("state").eq("stuck")))
        .to_owned();
    let insert = Query::insert()
        .into_table("order_reviews")
        .columns(["order_id", "reason", "since"])
        .select_from(stuck)
        .map_err(|error| DbErr::Custom(error.to_string()))?
        .to_owned();
    manager.execute(insert).await
}
