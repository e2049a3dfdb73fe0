//! Idempotency keys: the same key with the same input has one effect and one answer, however often and however
//! concurrently it is sent.
//!
//! [`IdempotentMutation`] frames every mutation with a key. First [`IdempotentMutation::previous_outcome`], so that a
//! replay is answered before any check or call to another domain; then the checks; then [`IdempotentMutation::begin`];
//! and last [`MutationTransaction::commit`] or [`MutationTransaction::rollback`].

use chrono::{DateTime, Duration, Utc};
use platform::database::{Database, DatabaseTransaction};
use platform::tables::idempotency_key as table;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::error::{ApiError, ApiResult};

/// How long keys of ordinary mutations are kept, in days.
pub const RETENTION_DAYS: i64 = 7;
/// How long keys of mutations that move money are kept, in days.
pub const MONEY_RETENTION_DAYS: i64 = 30;

/// In characters.
const MAX_KEY_LENGTH: usize = 255;

/// A caller's use of a key for an operation with an input.
#[derive(Debug)]
pub struct KeyUse<'a, I> {
    /// Whose keys these are: a customer's UUID, or [`Actor::key_owner`](crate::access::Actor).
    pub caller: String,
    pub operation: &'static str,
    pub key: &'a str,
    pub input: &'a I,
    pub retention_days: i64,
}

/// A mutation with an idempotency key, from the lookup of the key to the commit of its effect.
#[derive(Debug)]
pub struct IdempotentMutation<'a, I> {
    database: &'a Database,
    using: KeyUse<'a, I>,
    now: DateTime<Utc>,
}

/// Whether an idempotent mutation runs or replays.
#[derive(Debug)]
pub enum Attempt<T> {
    /// The key was used meanwhile; this is the stored answer.
    Replay(T),
    /// The key is new: run the mutation in this transaction.
    First(Box<MutationTransaction>),
}

/// The transaction of the mutation's effect, which holds the key.
#[derive(Debug)]
pub struct MutationTransaction {
    pub transaction: DatabaseTransaction,
    key: ClaimedKey,
}

/// A key held by a transaction. Concurrent uses wait for the transaction to end.
#[derive(Debug)]
struct ClaimedKey {
    caller: String,
    operation: &'static str,
    key: String,
}

/// Whether the transaction now holds the key, or the answer of its first use.
enum Claim<T> {
    Replay(T),
    First(ClaimedKey),
}

impl<'a, I: Serialize> IdempotentMutation<'a, I> {
    pub fn new(database: &'a Database, using: KeyUse<'a, I>, now: DateTime<Utc>) -> Self {
        Self {
            database,
            using,
            now,
        }
    }

    /// The answer of the key's first use, if any. Reads only this domain's database.
    pub async fn previous_outcome<T: DeserializeOwned>(&self) -> ApiResult<Option<T>> {
        check(self.using.key)?;
        let caller = self.using.caller.clone();
        let Some(earlier) = find(self.database.read(), caller, &self.using).await? else {
            return Ok(None);
        };
        if earlier.expires_at <= self.now {
            return Ok(None);
        }
        replay(earlier, &hash(self.using.input)?).map(Some)
    }

    /// Begins the transaction of the effect. A key used in the meantime is replayed.
    pub async fn begin<T: DeserializeOwned>(self) -> ApiResult<Attempt<T>> {
        let transaction = self.database.begin().await?;
        match claim(&transaction, self.using, self.now).await? {
            Claim::Replay(outcome) => {
                transaction.rollback().await;
                Ok(Attempt::Replay(outcome))
            }
            Claim::First(key) => Ok(Attempt::First(Box::new(MutationTransaction {
                transaction,
                key,
            }))),
        }
    }
}

impl MutationTransaction {
    /// Commits the effect with the answer for later uses of the key.
    pub async fn commit<T: Serialize>(self, outcome: &T) -> ApiResult<()> {
        self.key.record(&self.transaction, outcome).await?;
        self.transaction.commit().await?;
        Ok(())
    }

    /// Rolls everything back, which frees the key.
    pub async fn rollback(self) -> ApiResult<()> {
        self.transaction.rollback().await;
        Ok(())
    }
}

/// Claims the key within the transaction of the mutation's effect.
///
/// The row is inserted first, so that a concurrent use waits in the database until this transaction ends; a rollback
/// frees the key. Another input under the same key is CONFLICT.
async fn claim<I: Serialize, T: DeserializeOwned>(
    transaction: &DatabaseTransaction,
    using: KeyUse<'_, I>,
    now: DateTime<Utc>,
) -> ApiResult<Claim<T>> {
    check(using.key)?;
    let caller = using.caller.clone();
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
        expires_at: Set(now + Duration::days(using.retention_days)),
    })
    .on_conflict(OnConflict::new().do_nothing().to_owned())
    .exec_without_returning(transaction)
    .await?;
    if inserted == 1 {
        return Ok(Claim::First(ClaimedKey {
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
    if key.is_empty() || key.chars().count() > MAX_KEY_LENGTH {
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

/// The stored answer, if the input is the same.
fn replay<T: DeserializeOwned>(earlier: table::Model, input_hash: &str) -> ApiResult<T> {
    if earlier.input_hash != input_hash {
        return Err(ApiError::conflict(
            "This idempotency key was used with other input: use a new key for a new request",
        ));
    }
    serde_json::from_value(earlier.outcome).map_err(ApiError::internal)
}

impl ClaimedKey {
    /// Stores the answer for later uses of the key.
    async fn record<T: Serialize>(
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
