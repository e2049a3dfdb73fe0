//! Versions of prices, the moments at which they change by themselves, scheduled changes, and reasons in the history.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite adds one column in a statement.
        let columns = [
            (
                "product_prices",
                big_integer("version").default(1).to_owned(),
            ),
            (
                "product_prices",
                big_integer("sequence").default(0).to_owned(),
            ),
            ("product_prices", big_integer_null("published_usd_minor")),
            (
                "product_prices",
                timestamp_with_time_zone_null("next_change_at"),
            ),
            ("price_adjustments", string_null("percent")),
            ("price_history", big_integer_null("current_usd_minor")),
            ("price_history", text_null("reason")),
            ("price_history", string_null("actor")),
        ];
        for (table, column) in columns {
            let alter = Table::alter().table(table).add_column(column).to_owned();
            manager.alter_table(alter).await?;
        }
        manager
            .create_index(
                Index::create()
                    .name("product_prices_next_change")
                    .table("product_prices")
                    .col("next_change_at")
                    .to_owned(),
            )
            .await?;
        // Adjustments from before have nobody who publishes that they begin and end.
        let adjusted = Query::select()
            .column("product_id")
            .from("price_adjustments")
            .to_owned();
        let look_at = Query::update()
            .table("product_prices")
            .value("next_change_at", Expr::col("updated_at"))
            .and_where(Expr::col("product_id").in_subquery(adjusted))
            .to_owned();
        manager.execute(look_at).await?;
        manager
            .create_table(
                Table::create()
                    .table("scheduled_price_changes")
                    .col(uuid("id").primary_key())
                    .col(uuid("product_id"))
                    .col(timestamp_with_time_zone("effective_at"))
                    .col(json_binary("change"))
                    .col(text("reason"))
                    .col(string("actor"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(text_null("last_error"))
                    .to_owned(),
            )
            .await?;
        for (name, columns) in [
            ("scheduled_price_changes_due", ["effective_at", "id"]),
            (
                "scheduled_price_changes_product",
                ["product_id", "effective_at"],
            ),
        ] {
            let mut index = Index::create();
            index.name(name).table("scheduled_price_changes");
            for column in columns {
                index.col(column);
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }
}
