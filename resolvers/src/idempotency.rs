//! Idempotency keys: the same key with the same input has one effect and one answer, however often
//! and however concurrently it is sent.

use chrono::{DateTime, Duration, Utc};
use platform::database::DatabaseTransaction;
use platform::tables::idempotency_key as table;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::error::{ApiError, ApiResult};

/// Keys of ordinary mutations live this long, in days.
pub const KEEP_DAYS: i64 = 7;
/// Keys of mutations that move money, in days.
pub const KEEP_MONEY_DAYS: i64 = 30;

const MAX_KEY_LENGTH: usize = 255;

/// A use of a key by a caller for an operation with an input.
#[derive(Debug)]
pub struct KeyUse<'a, I> {
    pub caller: Uuid,
    pub operation: &'static str,
    pub key: &'a str,
    pub input: &'a I,
    pub keep_days: i64,
}

/// What a key turned out to be.
#[derive(Debug)]
pub enum Claim<T> {
    /// It was used before: this is what was answered then.
    Replay(T),
    /// It is new: have the effect, then [`Slot::record`] the answer, in the same transaction.
    First(Slot),
}

/// A key that this transaction holds. Others who use it wait for the transaction to end.
#[derive(Debug)]
pub struct Slot {
    caller: String,
    operation: &'static str,
    key: String,
}

/// What the key's first use answered, if there was one: for mutations that ask others before they
/// begin their transaction, so that a replay asks nobody. Does not replace [`claim`].
pub async fn earlier<I: Serialize, T: DeserializeOwned>(
    db: &impl ConnectionTrait,
    using: &KeyUse<'_, I>,
    now: DateTime<Utc>,
) -> ApiResult<Option<T>> {
    check(using.key)?;
    let Some(earlier) = find(db, using.caller.to_string(), using).await? else {
        return Ok(None);
    };
    if earlier.expires_at <= now {
        return Ok(None);
    }
    replay(earlier, &hash(using.input)?).map(Some)
}

/// Claims the key inside the transaction of the mutation's effect.
///
/// The row is inserted first, so a concurrent use waits at the database until this transaction
/// ends; rolled back, the key is free again. Another input under the same key is CONFLICT.
pub async fn claim<I: Serialize, T: DeserializeOwned>(
    transaction: &DatabaseTransaction,
    using: KeyUse<'_, I>,
    now: DateTime<Utc>,
) -> ApiResult<Claim<T>> {
    check(using.key)?;
    let caller = using.caller.to_string();
    let input_hash = hash(using.input)?;
    table::Entity::delete_many()
        .filter(table::Column::Caller.eq(&caller))
        .filter(table::Column::Operation.eq(using.operation))
        .filter(table::Column::Key.eq(using.key))
        .filter(table::Column::ExpiresAt.lte(now))
        .exec(transaction)
        .await?;
    let inserted = table::Entity::insert(table::ActiveModel {
        caller: Set(caller.clone()),
        operation: Set(using.operation.to_owned()),
        key: Set(using.key.to_owned()),
        input_hash: Set(input_hash.clone()),
        outcome: Set(serde_json::Value::Null),
        created_at: Set(now),
        expires_at: Set(now + Duration::days(using.keep_days)),
    })
    .on_conflict(OnConflict::new().do_nothing().to_owned())
    .exec_without_returning(transaction)
    .await?;
    if inserted == 1 {
        return Ok(Claim::First(Slot {
            caller,
            operation: using.operation,
            key: using.key.to_owned(),
        }));
    }
    let earlier = find(transaction, caller, &using)
        .await?
        .ok_or_else(|| ApiError::conflict("This idempotency key is in use: try again"))?;
    replay(earlier, &input_hash).map(Claim::Replay)
}

fn check(key: &str) -> ApiResult<()> {
    if key.is_empty() || key.len() > MAX_KEY_LENGTH {
        return Err(ApiError::bad_user_input(format!(
            "idempotencyKey must have 1 to {MAX_KEY_LENGTH} characters: use a fresh UUID"
        )));
    }
    Ok(())
}

async fn find<I>(
    db: &impl ConnectionTrait,
    caller: String,
    using: &KeyUse<'_, I>,
) -> ApiResult<Option<table::Model>> {
    let key = (caller, using.operation.to_owned(), using.key.to_owned());
    Ok(table::Entity::find_by_id(key).one(db).await?)
}

/// What was answered then, if the input is the same.
fn replay<T: DeserializeOwned>(earlier: table::Model, input_hash: &str) -> ApiResult<T> {
    if earlier.input_hash != input_hash {
        return Err(ApiError::conflict(
            "This idempotency key was used with other input: use a new key for a new request",
        ));
    }
    serde_json::from_value(earlier.outcome).map_err(ApiError::internal)
}

impl Slot {
    /// Stores the answer that later uses of the key get.
    pub async fn record<T: Serialize>(
        self,
        transaction: &DatabaseTransaction,
        outcome: &T,
    ) -> ApiResult<()> {
        let outcome = serde_json::to_value(outcome).map_err(ApiError::internal)?;
        table::Entity::update_many()
            .col_expr(
                table::Column::Outcome,
                sea_orm::sea_query::Expr::value(outcome),
            )
            .filter(table::Column::Caller.eq(self.caller))
            .filter(table::Column::Operation.eq(self.operation))
            .filter(table::Column::Key.eq(self.key))
            .exec(transaction)
            .await?;
        Ok(())
    }
}

fn hash<I: Serialize>(input: &I) -> ApiResult<String> {
    let json = serde_json::to_vec(input).map_err(ApiError::internal)?;
    Ok(Sha256::digest(json)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}
