//! The returns database.

pub mod customer_return;
pub mod label_rate;
pub mod order_lock;
pub mod refund_supplement;
pub mod return_decision;
pub mod return_event;
pub mod return_item;
pub mod return_review;
pub mod store_credit;
pub mod unvoided_label;
