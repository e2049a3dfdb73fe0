//! Restricts `shipments_return` to parcels of returns, which are few. With all parcels in it, SQLite used it for
//! `return_id IS NULL` and read every parcel of the shop to find those of an order.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const NAME: &str = "shipments_return";
const TABLE: &str = "shipments";
const COLUMN: &str = "return_id";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager).await?;
        let mut index = create();
        manager
            .create_index(index.and_where(Expr::col(COLUMN).is_not_null()).to_owned())
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager).await?;
        manager.create_index(create()).await
    }
}

async fn drop(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .drop_index(Index::drop().name(NAME).table(TABLE).to_owned())
        .await
}

fn create() -> IndexCreateStatement {
    Index::create()
        .name(NAME)
        .table(TABLE)
        .col(COLUMN)
        .to_owned()
}
