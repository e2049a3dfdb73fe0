//! Moves `return_tasks` to `tasks`, which every domain has.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::ConnectionTrait;
use sea_orm_migration::sea_orm::prelude::{Json, Uuid};

use crate::tasks::{OldTask, insert};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let all = Query::select()
            .columns([
                "return_id",
                "kind",
                "due_at",
                "attempts",
                "last_error",
                "created_at",
            ])
            .from("return_tasks")
            .to_owned();
        for row in manager.get_connection().query_all(&all).await? {
            let return_id: Uuid = row.try_get("", "return_id")?;
            let old = OldTask {
                kind: row.try_get("", "kind")?,
                key: return_id,
                prefix: "ret",
                data: Json::from_iter([("returnId", return_id.to_string())]),
                due_at: row.try_get("", "due_at")?,
                attempts: row.try_get("", "attempts")?,
                last_error: row.try_get("", "last_error")?,
                created_at: row.try_get("", "created_at")?,
            };
            insert(manager, old).await?;
        }
        let drop = Table::drop().table("return_tasks").to_owned();
        manager.drop_table(drop).await
    }
}
