//! The tracking database.

pub mod carrier_budget;
pub mod change;
pub mod event;
pub mod shipment;
