//! Customers' settings, and whether they were erased, in one statement.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::UnionType;
use sea_orm::{QuerySelect, QueryTrait};

use super::{customer_settings, erased_customer};
use crate::keys;

/// What applies to all of a customer's notifications.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustomerState {
    /// `None` if they have set nothing.
    pub settings: Option<customer_settings::Model>,
    /// Whether they were erased and have asked for nothing since.
    pub is_erased: bool,
}

/// By customer; none if there are neither settings nor an erasure.
pub async fn of_customers(
    db: &impl ConnectionTrait,
    customers: &[Uuid],
) -> Result<HashMap<Uuid, CustomerState>, DbErr> {
    use customer_settings::Column::{CustomerId, Locale, Phone, Timezone, UpdatedAt};
    use erased_customer::Column as Erased;
    type Text = Option<String>;
    type Row = (Uuid, Text, DateTime<Utc>, Text, Text);
    // Settings always have a time zone, so that rows without one are erasures.
    let null = || Expr::cust("NULL");
    let erased = erased_customer::Entity::find()
        .select_only()
        .column(Erased::CustomerId)
        .expr(null())
        .column(Erased::ErasedAt)
        .expr(null())
        .expr(null())
        .filter(keys::one_of(db, Erased::CustomerId, customers))
        .into_query();
    let mut rows = customer_settings::Entity::find()
        .select_only()
        .columns([CustomerId, Timezone, UpdatedAt, Locale, Phone])
        .filter(keys::one_of(db, CustomerId, customers));
    QueryTrait::query(&mut rows).union(UnionType::All, erased);
    let mut states: HashMap<Uuid, CustomerState> = HashMap::new();
    for (customer_id, timezone, updated_at, locale, phone) in
        rows.into_tuple::<Row>().all(db).await?
    {
        let state = states.entry(customer_id).or_default();
        match timezone {
            Some(timezone) => {
                state.settings = Some(customer_settings::Model {
                    customer_id,
                    timezone,
                    updated_at,
                    locale,
                    phone,
                });
            }
            None => state.is_erased = true,
        }
    }
    Ok(states)
}
