//! All parcels of a customer, for exports and erasures.

use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, QuerySelect};

use super::{Column, Entity, Model};
use crate::keys;

/// The customer's parcels after this one, those of returns included, in the order of their ids.
pub async fn page_of_customer(
    db: &impl ConnectionTrait,
    customer: Uuid,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::CustomerId.eq(customer))
        .filter(Column::Id.gt(after.unwrap_or(Uuid::nil())))
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// Deletes where these parcels were, and returns of how many.
pub async fn delete_places(db: &impl ConnectionTrait, ids: &[Uuid]) -> Result<u64, DbErr> {
    let changed = Entity::update_many()
        .col_expr(Column::Location, Expr::value(None::<String>))
        .filter(keys::one_of(db, Column::Id, ids))
        .filter(Column::Location.is_not_null())
        .exec(db)
        .await?;
    Ok(changed.rows_affected)
}
