//! Creates `return_reviews`, why a person has to look at a return, and `return_decisions`, what they decided. Returns
//! that wait for a person already are put into the queue.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_reviews(manager).await?;
        create_decisions(manager).await?;
        for (reason, condition) in waiting() {
            queue(manager, reason, condition).await?;
        }
        Ok(())
    }
}

async fn create_reviews(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("return_reviews")
                .col(uuid("return_id").primary_key())
                .col(string_len("reason", 30))
                .col(timestamp_with_time_zone("since"))
                .col(timestamp_with_time_zone_null("closed_at"))
                .col(timestamp_with_time_zone_null("reminded_at"))
                .foreign_key(
                    ForeignKey::create()
                        .name("return_reviews_return")
                        .from("return_reviews", "return_id")
                        .to("returns", "id"),
                )
                .to_owned(),
        )
        .await?;
    let open = Index::create()
        .name("return_reviews_open")
        .table("return_reviews")
        .col("since")
        .col("return_id")
        .and_where(Expr::col("closed_at").is_null())
        .to_owned();
    manager.create_index(open).await?;
    let closed = Index::create()
        .name("return_reviews_closed")
        .table("return_reviews")
        .col("since")
        .col("return_id")
        .and_where(Expr::col("closed_at").is_not_null())
        .to_owned();
    manager.create_index(closed).await
}

async fn create_decisions(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("return_decisions")
                .col(uuid("id").primary_key())
                .col(uuid("return_id"))
                .col(string_len("reason", 30))
                .col(timestamp_with_time_zone("since"))
                .col(string_len("decision", 30))
                .col(text("note"))
                .col(string("actor"))
                .col(timestamp_with_time_zone("decided_at"))
                .col(string_len("status_before", 20))
                .col(string_len("status_after", 20))
                .col(big_integer("refund_before"))
                .col(big_integer("refund_after"))
                .col(boolean("is_refund_fixed"))
                .col(string_len_null("carrier", 40))
                .col(boolean("accepts_any_rate"))
                .foreign_key(
                    ForeignKey::create()
                        .name("return_decisions_return")
                        .from("return_decisions", "return_id")
                        .to("returns", "id"),
                )
                .to_owned(),
        )
        .await?;
    let of_return = Index::create()
        .name("return_decisions_return")
        .table("return_decisions")
        .col("return_id")
        .col("decided_at")
        .to_owned();
    manager.create_index(of_return).await
}

/// The returns that wait for a person, by reason.
fn waiting() -> [(&'static str, Condition); 5] {
    let in_review = || Condition::all().add(Expr::col("status").eq("manual_review"));
    let turned_back = || Expr::col("turned_back_at").is_not_null();
    [
        ("returned_to_customer", in_review().add(turned_back())),
        (
            "no_scan",
            in_review()
                .add(turned_back().not())
                .add(Expr::col("label_generated_at").is_not_null()),
        ),
        (
            "rate_out_of_bounds",
            in_review()
                .add(turned_back().not())
                .add(Expr::col("label_generated_at").is_null()),
        ),
        (
            "no_label",
            Condition::all()
                .add(Expr::col("status").eq("initiated"))
                .add(Expr::col("support_alerted_at").is_not_null()),
        ),
        (
            "cancelled_but_scanned",
            Condition::all()
                .add(Expr::col("status").eq("cancelled"))
                .add(Expr::col("carrier_scanned_at").is_not_null()),
        ),
    ]
}

async fn queue(
    manager: &SchemaManager<'_>,
    reason: &'static str,
    condition: Condition,
) -> Result<(), DbErr> {
    let returns = Query::select()
        .column("id")
        .expr(Expr::value(reason))
        .column("updated_at")
        .from("returns")
        .cond_where(condition)
        .to_owned();
    let insert = Query::insert()
        .into_table("return_reviews")
        .columns(["return_id", "reason", "since"])
        .select_from(returns)
        .map_err(|error| DbErr::Custom(error.to_string()))?
        .to_owned();
    manager.execute(insert).await
}
