//! The pricing database.

pub mod exchange_rate;
pub mod held_exchange_rate;
pub mod price_adjustment;
pub mod price_change;
pub mod product_price;
pub mod rate_fetch;
pub mod rate_freshness;
pub mod scheduled_price_change;
