//! How fresh each rate was when that was last reported, so that a change is reported once by all instances.

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;

use crate::stored_enum::stored_enum;

stored_enum! {
    /// How old a rate is, counted from when it was fetched.
    RateFreshness {
        Fresh = "FRESH",
        Stale = "STALE",
        /// Prices carry a buffer in the customer's favour.
        VeryStale = "VERY_STALE",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "rate_freshness")]
pub struct Model {
    /// ISO 4217 code.
    #[sea_orm(primary_key, auto_increment = false)]
    pub currency: String,
    pub freshness: RateFreshness,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What was last reported of each currency; a currency that is missing was always fresh.
pub async fn all(db: &impl ConnectionTrait) -> Result<Vec<Model>, DbErr> {
    Entity::find().all(db).await
}

/// Records a change, unless another instance has recorded one since. Returns whether this one did.
pub async fn change(
    db: &impl ConnectionTrait,
    currency: &str,
    from: Option<RateFreshness>,
    to: RateFreshness,
) -> Result<bool, DbErr> {
    let changed = match from {
        Some(from) => {
            Entity::update_many()
                .col_expr(Column::Freshness, Expr::value(to))
                .filter(Column::Currency.eq(currency))
                .filter(Column::Freshness.eq(from))
                .exec(db)
                .await?
                .rows_affected
        }
        None => {
            let first = ActiveModel {
                currency: Set(currency.to_owned()),
                freshness: Set(to),
            };
            Entity::insert(first)
                .on_conflict(OnConflict::column(Column::Currency).do_nothing().to_owned())
                .exec_without_returning(db)
                .await?
        }
    };
    Ok(changed == 1)
}
