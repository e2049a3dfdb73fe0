//! A customer who places orders.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

use crate::keys;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "customers")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// In lower case, unique.
    pub email: String,
    pub name: String,
    pub created_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The domain of the addresses of customers who were erased, which has no mail server (RFC 2606).
const ERASED_DOMAIN: &str = "erased.invalid";

impl Model {
    /// Whether the customer was erased: then they have neither a name nor an address.
    pub fn is_erased(&self) -> bool {
        let domain = self.email.rsplit_once('@').map(|(_, domain)| domain);
        domain == Some(ERASED_DOMAIN)
    }
}

/// Deletes the name and the address of a customer who was known then, and returns of how many. The row stays, because
/// orders refer to it.
pub async fn erase(
    db: &impl ConnectionTrait,
    id: Uuid,
    until: DateTime<Utc>,
) -> Result<u64, DbErr> {
    // Addresses are unique.
    let email = format!("{}@{ERASED_DOMAIN}", id.simple());
    let erased = Entity::update_many()
        .col_expr(Column::Email, Expr::value(email.as_str()))
        .col_expr(Column::Name, Expr::value(""))
        .filter(Column::Id.eq(id))
        .filter(Column::CreatedAt.lte(until))
        .filter(Column::Email.ne(email.as_str()))
        .exec(db)
        .await?;
    Ok(erased.rows_affected)
}

/// By id.
pub async fn by_ids(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, Arc<Model>>, DbErr> {
    let rows = Entity::find()
        .filter(keys::one_of(db, Column::Id, ids))
        .all(db)
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.id, Arc::new(row)))
        .collect())
}

/// The customer with this email; case-insensitive.
pub async fn by_email(db: &impl ConnectionTrait, email: &str) -> Result<Option<Model>, DbErr> {
    Entity::find()
        .filter(Column::Email.eq(email.to_lowercase()))
        .one(db)
        .await
}
