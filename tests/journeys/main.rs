//! Whole journeys through the running binary, in one process and as separate processes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod admin;
mod attack;
mod cancellation;
mod connections;
mod data_directory;
mod events;
mod federation;
mod inputs;
mod kit;
mod observability;
mod orders;
mod outages;
mod playground;
mod redis_data_loss;
mod refunds;
mod refunds_killed;
mod returns;
mod rolling_restart;
mod sandbox;
mod schema;
mod start;
mod storefront;
mod subgraph_answers;
mod subgraph_credentials;
mod subgraphs;
mod supervision;
mod third_parties;
mod tracking;
mod tracking_carriers;
mod tracking_client;
mod tracking_faults;
mod tracking_instances;
mod tracking_oddities;
mod upgrade;
mod wait;
