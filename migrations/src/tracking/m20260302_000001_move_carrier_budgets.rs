//! Moves `carrier_budgets` to `call_rates`, which every domain has.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let all = Query::select()
            .columns(["carrier", "full_at"])
            .from("carrier_budgets")
            .to_owned();
        let copy = Query::insert()
            .into_table("call_rates")
            .columns(["provider", "full_at"])
            .select_from(all)
            .map_err(|error| DbErr::Custom(error.to_string()))?
            .to_owned();
        manager.execute(copy).await?;
        let drop = Table::drop().table("carrier_budgets").to_owned();
        manager.drop_table(drop).await
    }
}
