//! The search database.

pub mod category_vector;
pub mod customer_preference;
pub mod product;
pub mod product_vector;
pub mod search_exposure;
pub mod signal;
