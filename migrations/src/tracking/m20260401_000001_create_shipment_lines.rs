//! Creates `shipment_lines`, what is in a parcel; adds `shipments.registered_at`.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .alter_table(
                Table::alter()
                    .table("shipments")
                    .add_column(timestamp_with_time_zone_null("registered_at"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("shipment_lines")
                    .col(uuid("shipment_id"))
                    .col(uuid("order_item_id"))
                    .col(integer("quantity"))
                    .primary_key(Index::create().col("shipment_id").col("order_item_id"))
                    .to_owned(),
            )
            .await
    }
}
