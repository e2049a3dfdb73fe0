//! The third parties that domains call, side by side: how each is called, how it proves who it is, and what it answers.
//!
//! A client knows its provider's protocol and nothing of a domain: what an answer means for orders, returns and
//! parcels is for the domain to say.

pub mod dhl;
pub mod easypost;
pub mod fedex;
mod oauth;
pub mod stripe;
pub mod ups;
