//! The orders database. Every amount is in minor units of the currency code in its row.

pub mod customer;
pub mod order;
pub mod order_decision;
pub mod order_event;
pub mod order_item;
pub mod order_parcel;
pub mod order_parcel_line;
pub mod order_payment;
pub mod order_refund;
pub mod order_review;
pub mod payment_method;
pub mod stock_level;
pub mod stock_movement;
pub mod store_credit_balance;
pub mod store_credit_entry;
