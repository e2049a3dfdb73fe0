//! Settings that apply to all of a customer's notifications.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ExprTrait};

use crate::keys;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "customer_settings")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: Uuid,
    /// IANA name of the time zone of quiet hours.
    pub timezone: String,
    pub updated_at: DateTime<Utc>,
    /// The language of messages, as a BCP 47 tag.
    pub locale: Option<String>,
    /// The telephone number for text messages, in the form of E.164.
    pub phone: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// By customer.
pub async fn of_customers(
    db: &impl ConnectionTrait,
    customers: &[Uuid],
) -> Result<HashMap<Uuid, Model>, DbErr> {
    keys::rows_by::<Entity>(db, Column::CustomerId, customers, |row| row.customer_id).await
}

/// Marks the customer's settings as changed and returns them; `None` keeps the time zone. Locks the row until the
/// transaction ends, so that changes of one customer wait for each other.
pub async fn touch(
    db: &impl ConnectionTrait,
    customer: Uuid,
    timezone: Option<&str>,
    default_timezone: &str,
    now: DateTime<Utc>,
) -> Result<Model, DbErr> {
    let changed: &[Column] = match timezone {
        Some(_) => &[Column::Timezone, Column::UpdatedAt],
        None => &[Column::UpdatedAt],
    };
    Entity::insert(ActiveModel {
        customer_id: Set(customer),
        timezone: Set(timezone.unwrap_or(default_timezone).to_owned()),
        updated_at: Set(now),
        ..Default::default()
    })
    .on_conflict(
        OnConflict::column(Column::CustomerId)
            .update_columns(changed.iter().copied())
            .to_owned(),
    )
    .exec_with_returning(db)
    .await
}

/// Locks the customer's settings until the transaction ends, so that changes of one customer wait for each other. Does
/// not mark them as changed.
pub async fn lock(
    db: &impl ConnectionTrait,
    customer: Uuid,
    default_timezone: &str,
) -> Result<(), DbErr> {
    Entity::insert(ActiveModel {
        customer_id: Set(customer),
        timezone: Set(default_timezone.to_owned()),
        updated_at: Set(DateTime::UNIX_EPOCH),
        ..Default::default()
    })
    .on_conflict(
        OnConflict::column(Column::CustomerId)
            .value(Column::CustomerId, Expr::value(customer))
            .to_owned(),
    )
    .exec_without_returning(db)
    .await?;
    Ok(())
}

/// Deletes the customer's settings if they were changed up to then, and returns of how many.
pub async fn delete(
    db: &impl ConnectionTrait,
    customer: Uuid,
    until: DateTime<Utc>,
) -> Result<u64, DbErr> {
    let deleted = Entity::delete_many()
        .filter(Column::CustomerId.eq(customer))
        .filter(Column::UpdatedAt.lte(until))
        .exec(db)
        .await?;
    Ok(deleted.rows_affected)
}

/// Stores the language of a customer who has none yet.
pub async fn learn_locale(
    db: &impl ConnectionTrait,
    customer: Uuid,
    locale: &str,
    default_timezone: &str,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let unless_known = OnConflict::column(Column::CustomerId)
        .value(
            Column::Locale,
            Expr::col((Entity, Column::Locale)).if_null(locale),
        )
        .to_owned();
    Entity::insert(ActiveModel {
        customer_id: Set(customer),
        timezone: Set(default_timezone.to_owned()),
        updated_at: Set(now),
        locale: Set(Some(locale.to_owned())),
        phone: Set(None),
    })
    .on_conflict(unless_known)
    .exec_without_returning(db)
    .await?;
    Ok(())
}

/// Sets the language, the telephone number, or both; `None` keeps what there is, `Some(None)` clears it. Returns the
/// settings.
pub async fn set_contact(
    db: &impl ConnectionTrait,
    customer: Uuid,
    locale: Option<Option<String>>,
    phone: Option<Option<String>>,
    default_timezone: &str,
    now: DateTime<Utc>,
) -> Result<Model, DbErr> {
    let mut changed = vec![Column::UpdatedAt];
    changed.extend(locale.is_some().then_some(Column::Locale));
    changed.extend(phone.is_some().then_some(Column::Phone));
    Entity::insert(ActiveModel {
        customer_id: Set(customer),
        timezone: Set(default_timezone.to_owned()),
        updated_at: Set(now),
        locale: Set(locale.flatten()),
        phone: Set(phone.flatten()),
    })
    .on_conflict(
        OnConflict::column(Column::CustomerId)
            .update_columns(changed)
            .to_owned(),
    )
    .exec_with_returning(db)
    .await
}
