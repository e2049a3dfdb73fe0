//! The tracking database.

pub mod change;
pub mod event;
pub mod shipment;
pub mod shipment_line;
