//! The domain's rules: pure functions of plain values.

pub(crate) mod address;
pub(crate) mod allowed_actions;
pub(crate) mod capture;
pub(crate) mod checkout;
pub(crate) mod fulfillment;
pub(crate) mod line;
pub(crate) mod parcel_content;
pub(crate) mod payment_method;
pub(crate) mod review;
pub(crate) mod settlement;
pub(crate) mod shipping;
pub(crate) mod status;
pub(crate) mod stock;
pub(crate) mod store_credit;
pub(crate) mod totals;
