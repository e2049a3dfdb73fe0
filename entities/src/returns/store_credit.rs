//! Credit that a customer got in place of money, because the way it was paid can no longer be used.

use chrono::{DateTime, Utc};
use sea_orm::IntoActiveModel;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "store_credits")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub customer_id: Uuid,
    pub return_id: Uuid,
    /// In minor units of `currency`.
    pub amount: i64,
    pub currency: String,
    /// `payment_unusable` or `refund_failed`.
    pub reason: String,
    pub created_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Credits a return that was not credited before, and says whether it was.
pub async fn give(db: &impl ConnectionTrait, credit: Model) -> Result<bool, DbErr> {
    let inserted = Entity::insert(credit.into_active_model())
        .on_conflict(OnConflict::column(Column::ReturnId).do_nothing().to_owned())
        .exec_without_returning(db)
        .await?;
    Ok(inserted == 1)
}
