//! The notifications subgraph, tested by query and mutation on every database.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod deals;
mod deals_many;
mod deals_once;
mod deals_scheduled;
mod deals_sqs;
mod devices;
mod email;
mod erasures;
mod fixture;
mod legacy;
mod live;
mod messages;
mod partner_events;
mod preferences;
mod privacy;
mod push;
mod receiver;
mod shop;
mod topic_service;
mod topics;
mod unknown_values;
mod webhook_upkeep;
mod webhooks;
mod world;
