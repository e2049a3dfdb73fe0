//! Numbers that are committed in order.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ExprTrait, IntoActiveModel};

/// Adds 1 to the last number of the row with this key, or inserts the first row, and returns the row. A concurrent
/// transaction that requests one for this key waits until this one ends, so numbers are committed in order: whoever reads
/// beyond a number misses nothing.
pub(crate) async fn next<E>(
    db: &impl ConnectionTrait,
    first: E::ActiveModel,
    key: E::Column,
    last: E::Column,
) -> Result<E::Model, DbErr>
where
    E: EntityTrait + Default,
    E::ActiveModel: Send,
    E::Model: IntoActiveModel<E::ActiveModel>,
{
    let or_next = OnConflict::column(key)
        .value(last, Expr::col((E::default(), last)).add(1))
        .to_owned();
    E::insert(first)
        .on_conflict(or_next)
        .exec_with_returning(db)
        .await
}
