//! A shopper's interaction with a product, from which preferences and popularity are computed.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

use crate::stored_enum::stored_enum;

stored_enum! {
    /// The kind of interaction.
    SignalKind {
        View = "view",
        /// Clicked in a search result.
        SearchClick = "search_click",
        /// Added to the cart.
        Cart = "cart",
        Purchase = "purchase",
        Wishlist = "wishlist",
        ReviewRead = "review_read",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "signals")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// `None` for a visitor who has not signed in.
    pub customer_id: Option<Uuid>,
    pub kind: SignalKind,
    pub product_id: Uuid,
    /// The search it came from.
    pub query_id: Option<Uuid>,
    /// The product's position in that search's results, from 0.
    pub position: Option<i32>,
    pub occurred_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
