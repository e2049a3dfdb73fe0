//! The notifications database.

pub mod customer_settings;
pub mod device_token;
pub mod notification;
pub mod notification_position;
pub mod partner_event;
pub mod partner_event_position;
pub mod preference;
pub mod webhook_dead_letter;
pub mod webhook_endpoint;
