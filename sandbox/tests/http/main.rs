//! Every simulator over HTTP, as its clients use it.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod carriers;
mod easypost;
mod faults;
mod kit;
mod messages;
mod oddities;
mod origin_check;
mod rates_and_messages;
mod stripe;
mod stripe_captures;
mod stripe_challenges;
mod webhooks;
