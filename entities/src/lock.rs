//! Locks of many rows.

use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, QuerySelect};

use crate::keys;

/// Reads these rows, and locks them until the transaction ends.
pub(crate) async fn in_order<E>(
    transaction: &impl ConnectionTrait,
    key: E::Column,
    keys: &[Uuid],
) -> Result<Vec<E::Model>, DbErr>
where
    E: EntityTrait,
{
    E::find()
        .filter(keys::one_of(transaction, key, keys))
        // Always in the same order, so that nobody waits for each other.
        .order_by_asc(key)
        .lock_exclusive()
        .all(transaction)
        .await
}
