//! Lets customers spend store credit in the orders domain, which has to be told of what there is, and splits refunds of
//! orders that were paid in part with it.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let credits = Table::alter()
            .table("store_credits")
            .add_column(timestamp_with_time_zone_null("announced_at"))
            .to_owned();
        manager.alter_table(credits).await?;
        let unannounced = Index::create()
            .name("store_credits_unannounced")
            .table("store_credits")
            .col("id")
            .and_where(Expr::col("announced_at").is_null())
            .to_owned();
        manager.create_index(unannounced).await?;
        let returns = Table::alter()
            .table("returns")
            .add_column(big_integer("refund_credit").default(0).take())
            .to_owned();
        manager.alter_table(returns).await
    }
}
