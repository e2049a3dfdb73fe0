//! Creates `erased_customers`, to whom nothing is sent, with those who were erased before: only their messages have no
//! title. Those of them who have devices or preferences have come back since.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;
use sea_orm_migration::sea_orm::ConnectionTrait;

/// Messages of customers who were erased.
const ERASED: &str = "title = '' AND body_deleted_at IS NOT NULL";

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("erased_customers")
                    .col(uuid("customer_id").primary_key())
                    .col(timestamp_with_time_zone("erased_at"))
                    .to_owned(),
            )
            .await?;
        let db = manager.get_connection();
        let known = format!(
            "INSERT INTO erased_customers (customer_id, erased_at)
            SELECT customer_id, MIN(body_deleted_at) FROM notifications
            WHERE {ERASED}
            AND customer_id NOT IN (SELECT customer_id FROM device_tokens)
            AND customer_id NOT IN (SELECT customer_id FROM preferences)
            GROUP BY customer_id"
        );
        db.execute_unprepared(&known).await?;
        // Their reasons are the answers of mail servers, which name addresses.
        let dead_letters = format!(
            "UPDATE notifications SET status = 'suppressed', reason = 'customer_deleted'
            WHERE status = 'dead_lettered' AND {ERASED}"
        );
        db.execute_unprepared(&dead_letters).await?;
        Ok(())
    }
}
