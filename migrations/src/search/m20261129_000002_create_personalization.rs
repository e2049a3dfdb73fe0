//! Creates the tables of personalized results and of their experiment, and adds the order of a purchase to `signals`.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let order = Table::alter()
            .table("signals")
            .add_column(uuid_null("order_id"))
            .to_owned();
        manager.alter_table(order).await?;
        let preferences = Table::create()
            .table("customer_preferences")
            .col(uuid("customer_id").primary_key())
            .col(boolean("opted_out"))
            .col(string_len("mode", 10))
            .col(big_integer("signals"))
            .col(big_integer("version"))
            .col(blob_null("vector"))
            .col(json_binary("interests"))
            .col(string_len("earlier_mode", 10))
            .col(big_integer("earlier_version"))
            .col(blob_null("earlier_vector"))
            .col(timestamp_with_time_zone("changed_at"))
            .to_owned();
        manager.create_table(preferences).await?;
        let categories = Table::create()
            .table("category_vectors")
            .col(string("category").primary_key())
            .col(blob("vector"))
            .col(big_integer("customers"))
            .col(timestamp_with_time_zone("computed_at"))
            .to_owned();
        manager.create_table(categories).await?;
        let products = Table::create()
            .table("product_vectors")
            .col(uuid("product_id").primary_key())
            .col(blob("vector"))
            .col(timestamp_with_time_zone("imported_at"))
            .to_owned();
        manager.create_table(products).await?;
        let exposures = Table::create()
            .table("search_exposures")
            .col(uuid("query_id").primary_key())
            .col(uuid("customer_id"))
            .col(string_len("variant", 10))
            .col(string_len("mode", 10))
            .col(big_integer("latency_micros"))
            .col(timestamp_with_time_zone("exposed_at"))
            .col(timestamp_with_time_zone_null("clicked_at"))
            .col(timestamp_with_time_zone_null("carted_at"))
            .col(timestamp_with_time_zone_null("converted_at"))
            .to_owned();
        manager.create_table(exposures).await?;
        for (name, table, column) in [
            ("signals_order", "signals", "order_id"),
            (
                "customer_preferences_changed",
                "customer_preferences",
                "changed_at",
            ),
            ("search_exposures_exposed", "search_exposures", "exposed_at"),
            (
                "search_exposures_customer",
                "search_exposures",
                "customer_id",
            ),
        ] {
            let index = Index::create()
                .name(name)
                .table(table)
                .col(column)
                .to_owned();
            manager.create_index(index).await?;
        }
        Ok(())
    }
}
