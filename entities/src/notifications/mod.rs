//! The notifications database.

pub mod customer_settings;
pub mod device_token;
pub mod notification;
pub mod preference;
