//! What a customer likes, as computed from their signals, and whether they want personalized results.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    Condition, ExprTrait, FromJsonQueryResult, IntoActiveModel, Iterable, QueryOrder, QuerySelect,
};
use serde::{Deserialize, Serialize};

use crate::batch;
use crate::keys;
use crate::stored_enum::stored_enum;

stored_enum! {
    /// How strongly results are personalized.
    PreferenceMode {
        /// Not at all.
        None = "none",
        /// Half by the customer's own signals, half by what is popular in the categories they looked at.
        Blended = "blended",
        /// By the customer's own signals.
        Full = "full",
    }
}

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "customer_preferences")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: Uuid,
    pub opted_out: bool,
    pub mode: PreferenceMode,
    /// How many signals it was computed from.
    pub signals: i64,
    /// Identifies the vector: microseconds since 1970 when it was computed. 0 without one.
    pub version: i64,
    /// 128 floats, little-endian. `None` if the mode is `None`.
    pub vector: Option<Vec<u8>>,
    /// The categories and brands that count most.
    #[sea_orm(column_type = "JsonBinary")]
    pub interests: Interests,
    /// The vector before this one, for pages of searches that began with it.
    pub earlier_mode: PreferenceMode,
    pub earlier_version: i64,
    pub earlier_vector: Option<Vec<u8>>,
    pub changed_at: DateTime<Utc>,
}

/// The categories and brands that count most for a customer, as they are written in the catalog, strongest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Interests {
    pub categories: Vec<String>,
    pub brands: Vec<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// A customer of whom nothing is known.
    pub fn unknown(customer_id: Uuid, now: DateTime<Utc>) -> Self {
        Self {
            customer_id,
            opted_out: false,
            mode: PreferenceMode::None,
            signals: 0,
            version: 0,
            vector: None,
            interests: Interests::default(),
            earlier_mode: PreferenceMode::None,
            earlier_version: 0,
            earlier_vector: None,
            changed_at: now,
        }
    }

    /// Whether nothing is known of the customer: the row only shows when that changed.
    pub fn is_unknown(&self) -> bool {
        *self == Self::unknown(self.customer_id, self.changed_at)
    }
}

/// By customer.
pub async fn by_customer(
    db: &impl ConnectionTrait,
    customer: Uuid,
) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(customer).one(db).await
}

/// Of these customers.
pub async fn by_customers(
    db: &impl ConnectionTrait,
    customers: &[Uuid],
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(keys::one_of(db, Column::CustomerId, customers))
        .all(db)
        .await
}

/// Customers with a vector and an id greater than this one, in order of id: one step of a walk over all.
pub async fn with_vector_after(
    db: &impl ConnectionTrait,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::CustomerId.gt(after.unwrap_or(Uuid::nil())))
        .filter(Column::Vector.is_not_null())
        .order_by_asc(Column::CustomerId)
        .limit(limit)
        .all(db)
        .await
}

/// Whose preferences have changed since then, and when, in the order of the changes, after this one.
pub async fn changed_since(
    db: &impl ConnectionTrait,
    since: DateTime<Utc>,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: u64,
) -> Result<Vec<(DateTime<Utc>, Uuid)>, DbErr> {
    let columns = (Column::ChangedAt, Column::CustomerId);
    batch::changed_since::<Entity>(db, columns, since, after, limit).await
}

/// Whether the customer has opted out; locks the row, if there is one, until the end of the transaction.
pub async fn lock_opted_out(
    transaction: &impl ConnectionTrait,
    customer: Uuid,
) -> Result<bool, DbErr> {
    let row = Entity::find_by_id(customer)
        .lock_exclusive()
        .one(transaction)
        .await?;
    Ok(row.is_some_and(|row| row.opted_out))
}

/// Writes computed preferences, except of customers who have opted out meanwhile.
pub async fn write(db: &impl ConnectionTrait, rows: Vec<Model>) -> Result<u64, DbErr> {
    if rows.is_empty() {
        return Ok(0);
    }
    let computed = [
        Column::Mode,
        Column::Signals,
        Column::Version,
        Column::Vector,
        Column::Interests,
        Column::EarlierMode,
        Column::EarlierVersion,
        Column::EarlierVector,
        Column::ChangedAt,
    ];
    let unless_opted_out = OnConflict::column(Column::CustomerId)
        .update_columns(computed)
        .action_cond_where(Condition::all().add(Expr::col((Entity, Column::OptedOut)).eq(false)))
        .to_owned();
    Entity::insert_many(rows.into_iter().map(IntoActiveModel::into_active_model))
        .on_conflict(unless_opted_out)
        .exec_without_returning(db)
        .await
}

/// Replaces everything known of the customer by whether they have opted out.
pub async fn set_opted_out(
    db: &impl ConnectionTrait,
    customer: Uuid,
    opted_out: bool,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let row = Model {
        opted_out,
        ..Model::unknown(customer, now)
    };
    let mut all: Vec<Column> = Column::iter().collect();
    all.retain(|column| !matches!(column, Column::CustomerId));
    Entity::insert(row.into_active_model())
        .on_conflict(
            OnConflict::column(Column::CustomerId)
                .update_columns(all)
                .to_owned(),
        )
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// Opts a customer in again who has opted out. Returns whether they had.
pub async fn opt_in(
    db: &impl ConnectionTrait,
    customer: Uuid,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let updated = Entity::update_many()
        .col_expr(Column::OptedOut, Expr::value(false))
        .col_expr(Column::ChangedAt, Expr::value(now))
        .filter(Column::CustomerId.eq(customer))
        .filter(Column::OptedOut.eq(true))
        .exec(db)
        .await?;
    Ok(updated.rows_affected > 0)
}

/// Deletes a batch of rows that say nothing and have not changed since then, and returns how many. Until then they
/// show other processes that what they have cached is gone.
pub async fn sweep(
    db: &impl ConnectionTrait,
    before: DateTime<Utc>,
    limit: u64,
) -> Result<u64, DbErr> {
    let old = Condition::all()
        .add(Column::ChangedAt.lt(before))
        .add(Column::OptedOut.eq(false))
        .add(Column::Vector.is_null());
    batch::delete::<Entity>(db, Column::CustomerId, old, limit).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opt_out_or_a_vector_is_known() {
        let unknown = Model::unknown(Uuid::nil(), DateTime::UNIX_EPOCH);
        assert!(unknown.is_unknown());
        let opted_out = Model {
            opted_out: true,
            ..unknown.clone()
        };
        let earlier = Model {
            earlier_vector: Some(vec![0; 4]),
            ..unknown
        };
        assert!(!opted_out.is_unknown());
        assert!(!earlier.is_unknown());
    }
}
