//! The returns database.

pub mod customer_return;
pub mod order_lock;
pub mod refund_supplement;
pub mod return_event;
pub mod return_item;
pub mod store_credit;
