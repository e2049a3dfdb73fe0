//! A federated GraphQL router as a library: given subgraph schemas or a supergraph, and a transport for each subgraph,
//! it answers GraphQL. It knows federation, but nothing about the graph's domain.

#![expect(
    clippy::result_large_err,
    reason = "a rejection is the response to send; boxing it would make every protocol unbox it for nothing"
)]

mod anonymize;
pub mod auth;
mod cache_control;
mod charge;
pub mod clients;
mod entity_cache;
pub mod error;
mod execute;
#[cfg(test)]
mod graphql_js;
mod in_flight;
mod incremental;
mod introspection;
pub mod metrics;
mod origin;
mod prepare;
mod project;
pub mod request;
pub mod response;
mod router;
pub mod schema_changes;
pub mod server;
mod subscribe;
mod supergraph;
pub mod tools;
mod trace;
pub mod transport;
mod type_system;
mod value;

pub use anonymize::{AnonymizeError, Anonymizer};
pub use cache_control::CachePolicy;
pub use charge::Charge;
pub use entity_cache::{
    EntityCache, EntityCacheConfig, InvalidEntity, Invalidation, Recording, SharedValues,
    SharedValuesConfig,
};
pub use error::{
    ComposeError, CompositionCode, Diagnostic, ErrorCode, Extensions, GraphQLError, Location,
    PathSegment, RouterError,
};
pub use incremental::{DeferredPart, DeferredPayload, IncrementalResponse};
pub use prepare::{OperationKind, OperationLimits, PreparedOperation};
pub use request::{GraphQLRequest, PlanRequest, PreparedRequest, RequestContext};
pub use response::{GraphQLResponse, StatusHint};
pub use router::{Router, RouterBuilder, WarmUp};
pub use supergraph::{Composition, api_sdl, compose, compose_with_hints, omit_authorization};
pub use transport::{
    EventStream, HttpTransport, HttpTransportOptions, LocalService, LocalSubscription,
    LocalTransport, SubgraphRequest, SubgraphResponse, SubscriptionOptions, SubscriptionProtocol,
    Transport, TransportError, signed_operation,
};
pub use type_system::SchemaError;
