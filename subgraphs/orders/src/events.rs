//! What happens to an order, by name: in its timeline, and as the types of the events told of it.

/// The customer placed it; the payment is not settled yet.
pub const PLACED: &str = "order.placed";
/// The payment went through.
pub const CONFIRMED: &str = "order.confirmed";
/// The carrier has it.
pub const SHIPPED: &str = "order.shipped";
/// The carrier handed it over.
pub const DELIVERED: &str = "order.delivered";
/// It will not be sent.
pub const CANCELLED: &str = "order.cancelled";
