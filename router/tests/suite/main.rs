//! The router against small subgraphs, over both transports.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod abstract_types;
mod access;
mod aliases;
mod any_document;
mod bounds;
mod circuit_breaker;
mod composed;
mod conditions;
mod cost;
mod dedupe;
mod defer;
mod entity_cache;
mod entity_cache_model;
mod errors;
mod features;
mod federation;
mod gateway_differences;
mod headers;
mod in_process;
mod interface_objects;
mod introspection;
mod keys;
mod kit;
mod limits;
mod malformed;
mod missing_fields;
mod mutations;
mod nulls;
mod ownership;
mod planner;
mod polymorphic_access;
mod request_errors;
mod requires;
mod rules;
mod shared_answers;
mod subscriptions;
mod supergraphs;
mod unavailable;
mod validation;
mod variables;
