//! Moves pending payment work from `order_payments` to `tasks`, which every domain has.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::ConnectionTrait;
use sea_orm_migration::sea_orm::prelude::{Json, Uuid};

use crate::tasks::{OldTask, insert};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

const TABLE: &str = "order_payments";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let open = Query::select()
            .columns(["order_id", "next_attempt_at", "attempts", "created_at"])
            .from(TABLE)
            .and_where(Expr::col("next_attempt_at").is_not_null())
            .to_owned();
        for row in manager.get_connection().query_all(&open).await? {
            let order_id: Uuid = row.try_get("", "order_id")?;
            let old = OldTask {
                kind: "payment".to_owned(),
                key: order_id,
                prefix: "ord",
                data: Json::from_iter([("orderId", order_id.to_string())]),
                due_at: row.try_get("", "next_attempt_at")?,
                attempts: row.try_get("", "attempts")?,
                last_error: None,
                created_at: row.try_get("", "created_at")?,
            };
            insert(manager, old).await?;
        }
        let index = Index::drop()
            .name("order_payments_next_attempt")
            .table(TABLE)
            .to_owned();
        manager.drop_index(index).await?;
        // SQLite drops one column at a time.
        for column in ["next_attempt_at", "attempts"] {
            let drop = Table::alter().table(TABLE).drop_column(column).to_owned();
            manager.alter_table(drop).await?;
        }
        // Most payments are settled; the others are found by state.
        let state = Index::create()
            .name("order_payments_state")
            .table(TABLE)
            .col("state")
            .to_owned();
        manager.create_index(state).await
    }
}
