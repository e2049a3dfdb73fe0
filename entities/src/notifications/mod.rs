//! The notifications database.

pub mod customer_settings;
pub mod customer_state;
pub mod deal_queue;
pub mod device_token;
pub mod erased_customer;
pub mod legacy_preference;
pub mod notification;
pub mod notification_position;
pub mod partner_event;
pub mod partner_event_position;
pub mod preference;
pub mod preference_migration;
pub mod topic_membership;
pub mod webhook_dead_letter;
pub mod webhook_endpoint;
