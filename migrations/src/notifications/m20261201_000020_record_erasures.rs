//! Records in `customer_erasures` who was erased before that table existed, so that a repeated event erases nothing that
//! they have stored since.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::ConnectionTrait;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let known = "INSERT INTO customer_erasures (customer_id, erased_at, finished_at)
            SELECT customer_id, erased_at, erased_at FROM erased_customers";
        manager.get_connection().execute_unprepared(known).await?;
        Ok(())
    }
}
