//! Idempotency keys: the same key with the same input has one effect and one answer, however often
//! and however concurrently it is sent.
//!
//! [`Keyed`] is the frame of every mutation with a key: [`Keyed::earlier`] first, so that a replay is
//! answered before anything is checked or anybody is asked, then the checks, then [`Keyed::begin`].

use chrono::{DateTime, Duration, Utc};
use platform::database::{Database, DatabaseTransaction};
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

/// A mutation with a key, from the first look to its effect.
#[derive(Debug)]
pub struct Keyed<'a, I> {
    database: &'a Database,
    using: KeyUse<'a, I>,
    now: DateTime<Utc>,
}

/// How a mutation with a key goes on.
#[derive(Debug)]
pub enum Begun<T> {
    /// It was used meanwhile: this is what was answered then.
    Replay(T),
    /// It is this one's.
    First(Box<Effect>),
}

/// The transaction of the mutation's effect, which holds the key.
#[derive(Debug)]
pub struct Effect {
    pub transaction: DatabaseTransaction,
    slot: Slot,
}

impl<'a, I: Serialize> Keyed<'a, I> {
    pub fn new(database: &'a Database, using: KeyUse<'a, I>, now: DateTime<Utc>) -> Self {
        Self {
            database,
            using,
            now,
        }
    }

    /// What the key's first use answered, if there was one. It asks this domain's database alone.
    pub async fn earlier<T: DeserializeOwned>(&self) -> ApiResult<Option<T>> {
        check(self.using.key)?;
        let caller = self.using.caller.to_string();
        let Some(earlier) = find(self.database.read(), caller, &self.using).await? else {
            return Ok(None);
        };
        if earlier.expires_at <= self.now {
            return Ok(None);
        }
        replay(earlier, &hash(self.using.input)?).map(Some)
    }

    /// Begins the transaction of the effect. What was used meanwhile is replayed.
    pub async fn begin<T: DeserializeOwned>(self) -> ApiResult<Begun<T>> {
        let transaction = self.database.begin().await?;
        match claim(&transaction, self.using, self.now).await? {
            Claim::Replay(outcome) => {
                transaction.rollback().await;
                Ok(Begun::Replay(outcome))
            }
            Claim::First(slot) => Ok(Begun::First(Box::new(Effect { transaction, slot }))),
        }
    }
}

impl Effect {
    /// Commits the effect with the answer that later uses of the key get.
    pub async fn commit<T: Serialize>(self, outcome: &T) -> ApiResult<()> {
        self.slot.record(&self.transaction, outcome).await?;
        self.transaction.commit().await?;
        Ok(())
    }

    /// Takes everything back: the key is free again.
    pub async fn rollback(self) -> ApiResult<()> {
        self.transaction.rollback().await;
        Ok(())
    }
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
