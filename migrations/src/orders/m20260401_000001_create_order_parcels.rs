//! Creates `order_parcels` and `order_parcel_lines`: what the warehouse has sent of an order, and how it arrived; and an
//! index of orders by status.

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
                    .table("order_parcels")
                    .col(uuid("id").primary_key())
                    .col(uuid("order_id"))
                    .col(string_len("carrier", 10))
                    .col(string_len("tracking_number", 60))
                    .col(string("registered_by"))
                    .col(timestamp_with_time_zone("registered_at"))
                    .col(timestamp_with_time_zone_null("shipped_at"))
                    .col(timestamp_with_time_zone_null("delivered_at"))
                    .col(timestamp_with_time_zone_null("returned_at"))
                    .foreign_key(
                        ForeignKey::create()
                            .name("order_parcels_order")
                            .from("order_parcels", "order_id")
                            .to("orders", "id"),
                    )
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("order_parcels_order")
                    .table("order_parcels")
                    .col("order_id")
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("order_parcels_number")
                    .table("order_parcels")
                    .col("carrier")
                    .col("tracking_number")
                    .unique()
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                // For those that wait to be sent, which are few.
                Index::create()
                    .name("orders_status")
                    .table("orders")
                    .col("status")
                    .col("placed_at")
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("order_parcel_lines")
                    .col(uuid("parcel_id"))
                    .col(uuid("order_item_id"))
                    .col(integer("quantity"))
                    .primary_key(Index::create().col("parcel_id").col("order_item_id"))
                    .foreign_key(
                        ForeignKey::create()
                            .name("order_parcel_lines_parcel")
                            .from("order_parcel_lines", "parcel_id")
                            .to("order_parcels", "id"),
                    )
                    .to_owned(),
            )
            .await
    }
}
