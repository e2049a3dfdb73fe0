//! A mutation's answer under an idempotency key, stored in the transaction of its effect.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Query;
use sea_orm::{ExprTrait, QueryOrder, QuerySelect};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency_keys")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub caller: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub operation: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// SHA-256 of the input, in hexadecimal.
    pub input_hash: String,
    pub outcome: Json,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Deletes a batch of expired keys and returns how many.
pub async fn sweep(
    db: &impl ConnectionTrait,
    now: DateTime<Utc>,
    limit: u64,
) -> Result<u64, DbErr> {
    let key = Expr::tuple([
        Expr::col(Column::Caller),
        Expr::col(Column::Operation),
        Expr::col(Column::Key),
    ]);
    let old = Query::select()
        .columns([Column::Caller, Column::Operation, Column::Key])
        .from(Entity)
        .and_where(Column::ExpiresAt.lte(now))
        .limit(limit)
        .to_owned();
    let deleted = Entity::delete_many()
        .filter(key.in_subquery(old))
        .exec(db)
        .await?;
    Ok(deleted.rows_affected)
}

/// Keys after this one, by caller, operation and key: one step of a walk over all.
pub async fn after(
    db: &impl ConnectionTrait,
    after: Option<Model>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut query = Entity::find()
        .order_by_asc(Column::Caller)
        .order_by_asc(Column::Operation)
        .order_by_asc(Column::Key)
        .limit(limit);
    if let Some(after) = after {
        let columns = [Column::Caller, Column::Operation, Column::Key];
        let last = [after.caller, after.operation, after.key];
        let key = Expr::tuple(columns.map(|column| column.into_expr()));
        query = query.filter(key.gt(Expr::tuple(last.map(Expr::value))));
    }
    query.all(db).await
}
