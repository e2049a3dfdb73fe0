//! Relay's global object identification: a subgraph without data of its own, which asks an id's domain whether the
//! caller may see the entity. The router then fetches the entity's fields from the domains.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::{
    Context, EmptyMutation, EmptySubscription, ID, Interface, Object, Schema, ServerError,
    SimpleObject, Variables,
};
use futures::future::join_all;
use platform::caller::Caller;
use resolvers::client::{Document, SubgraphClient};
use resolvers::entities::Entities;
use resolvers::error::ErrorCode;
use resolvers::id::IdKind;
use resolvers::subgraph::{RECURSION, Subgraph};
use resolvers::{ApiError, ApiResult, access};
use serde::Deserialize;
use serde_json::json;

use crate::domains::Domain;

pub(crate) const NAME: &str = "nodes";

/// Maximum number of ids in one request.
const MAX_IDS: usize = 100;

/// Clients for the domains, which check access.
type Clients = Arc<HashMap<Domain, SubgraphClient>>;

/// An object with a globally unique id, which `node` reads.
#[derive(Interface)]
#[graphql(field(
    name = "id",
    ty = "&ID",
    desc = "Globally unique id: the type's prefix, followed by 26 characters."
))]
enum Node {
    Customer(Customer),
    Notification(Notification),
    Order(Order),
    OrderItem(OrderItem),
    Product(Product),
    Return(Return),
    Shipment(Shipment),
}

/// Key-only types, whose other fields are resolved elsewhere.
macro_rules! nodes {
    ($($(#[$description:meta])* $name:ident of $domain:ident,)+) => {
        $(
            $(#[$description])*
            #[derive(SimpleObject)]
            #[graphql(unresolvable = "id")]
            struct $name {
                /// Globally unique id: the type's prefix, followed by 26 characters.
                id: ID,
            }
        )+

        impl Node {
            fn new(kind: IdKind, id: ID) -> Self {
                match kind {
                    $(IdKind::$name => Self::$name($name { id }),)+
                }
            }
        }

        /// The type that an id kind belongs to, and its domain.
        const fn owner(kind: IdKind) -> (&'static str, Domain) {
            match kind {
                $(IdKind::$name => (stringify!($name), Domain::$domain),)+
            }
        }
    };
}

nodes! {
    /// A customer, visible only to themselves.
    Customer of Orders,
    /// A message to a customer, visible only to them.
    Notification of Notifications,
    /// An order, visible only to the customer who placed it.
    Order of Orders,
    /// A line of an order, visible only to the customer who placed it.
    OrderItem of Orders,
    /// A product that the shop sells or has sold, visible to everyone.
    Product of Search,
    /// Items of one order that a customer sends back, visible only to them.
    Return of Returns,
    /// A parcel on its way to the customer, or back with a return. Visible to the customer.
    Shipment of Tracking,
}

struct Query {
    clients: Clients,
}

/// Root fields of queries, which read data.
#[Object]
impl Query {
    /// The object with this id; null if it does not exist or belongs to somebody else.
    async fn node(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The id of an object of any type, such as `ord_…` or `prd_…`.")] id: ID,
    ) -> Option<ApiResult<Node>> {
        self.find(context, vec![id]).await.pop().flatten()
    }

    /// The objects with these ids, in the same order; null for an id whose object does not exist or belongs to somebody else.
    async fn nodes(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The ids of objects of any type, at most 100.")] ids: Vec<ID>,
    ) -> ApiResult<Vec<Option<ApiResult<Node>>>> {
        if ids.len() > MAX_IDS {
            let message = format!(
                "ids has {} entries; at most {MAX_IDS} are allowed",
                ids.len()
            );
            return Err(ApiError::bad_user_input(message));
        }
        Ok(self.find(context, ids).await)
    }
}

impl Query {
    /// Asks each domain once for all of its ids.
    async fn find(&self, context: &Context<'_>, ids: Vec<ID>) -> Vec<Option<ApiResult<Node>>> {
        let caller = match access::caller(context) {
            Ok(caller) => caller,
            Err(error) => return ids.iter().map(|_| Some(Err(error.clone()))).collect(),
        };
        let kinds: Vec<_> = ids.iter().map(|id| IdKind::of(id)).collect();
        let mut asked: HashMap<Domain, Vec<usize>> = HashMap::new();
        for (position, kind) in kinds.iter().enumerate() {
            if let Some(kind) = kind {
                asked.entry(owner(*kind).1).or_default().push(position);
            }
        }
        let answers = asked.into_iter().map(async |(domain, positions)| {
            let of_domain = positions
                .iter()
                .filter_map(|at| Some((kinds[*at]?, &ids[*at])));
            let found = self.exist(caller, domain, of_domain).await;
            std::iter::zip(positions, found).collect::<Vec<_>>()
        });
        let found: HashMap<_, _> = join_all(answers).await.into_iter().flatten().collect();
        let nodes = std::iter::zip(kinds, ids).enumerate();
        nodes
            .map(
                |(position, (kind, id))| match (kind, found.get(&position)) {
                    (None, _) => Some(Err(ApiError::bad_user_input(format!(
                        "{:?} is not an id of this graph",
                        id.as_str()
                    )))),
                    (Some(kind), Some(Ok(true))) => Some(Ok(Node::new(kind, id))),
                    (_, Some(Err(error))) => Some(Err(error.clone())),
                    _ => None,
                },
            )
            .collect()
    }

    /// Which of these the caller may see.
    async fn exist<'i>(
        &self,
        caller: &Caller,
        domain: Domain,
        ids: impl Iterator<Item = (IdKind, &'i ID)>,
    ) -> Vec<ApiResult<bool>> {
        let representations: Vec<_> = ids
            .map(|(kind, id)| json!({ "__typename": owner(kind).0, "id": id.as_str() }))
            .collect();
        let count = representations.len();
        let Some(client) = self.clients.get(&domain) else {
            let missing = ApiError::internal(format!("{} cannot be reached", domain.name()));
            return vec![Err(missing); count];
        };
        let variables = Variables::from_json(json!({ "representations": representations }));
        let answer = client.query_partly(caller, &EXISTING, variables).await;
        let (existing, errors): (Existing, _) = match answer {
            Ok(answer) => answer,
            Err(error) => return vec![Err(ApiError::from(error)); count],
        };
        let mut entities = existing.entities;
        entities.resize_with(count, || None);
        let of_entity = |at: usize| errors.iter().find(|error| index(error) == Some(at));
        let entities = entities.into_iter().enumerate();
        entities
            .map(|(at, entity)| match (entity, of_entity(at)) {
                (Some(_), _) => Ok(true),
                (None, None) => Ok(false),
                (None, Some(error)) => refusal(error).map_or(Ok(false), Err),
            })
            .collect()
    }
}

static EXISTING: Document = Document::new(
    "query Existing($representations: [_Any!]!) { _entities(representations: $representations) { __typename } }",
);

#[derive(Deserialize)]
struct Existing {
    #[serde(rename = "_entities")]
    entities: Vec<Option<serde_json::Value>>,
}

/// The index of the entity that an error concerns.
fn index(error: &ServerError) -> Option<usize> {
    error.path.iter().find_map(|segment| match segment {
        async_graphql::PathSegment::Index(index) => Some(*index),
        async_graphql::PathSegment::Field(_) => None,
    })
}

/// The error shown for an inaccessible id: none, unless the client can do something about it.
fn refusal(error: &ServerError) -> Option<ApiError> {
    let code = error
        .extensions
        .as_ref()
        .and_then(|values| values.get("code"));
    match code {
        Some(async_graphql::Value::String(code)) => match ErrorCode::parse(code) {
            Some(ErrorCode::Forbidden | ErrorCode::NotFound | ErrorCode::BadUserInput) => None,
            Some(ErrorCode::Unauthenticated) => Some(ApiError::unauthenticated()),
            _ => Some(ApiError::unavailable(error.message.clone())),
        },
        _ => Some(ApiError::unavailable(error.message.clone())),
    }
}

/// Its SDL, as committed in `schema/nodes.graphql`.
pub(crate) fn sdl() -> String {
    subgraph(HashMap::new()).sdl().to_owned()
}

/// The subgraph, with clients for the domains.
pub(crate) fn subgraph(clients: HashMap<Domain, SubgraphClient>) -> Subgraph {
    let query = Entities(Query {
        clients: Arc::new(clients),
    });
    let schema = Schema::build(query, EmptyMutation, EmptySubscription)
        .enable_federation()
        .limit_recursive_depth(RECURSION)
        .finish();
    Subgraph::new(NAME, schema, |_| ())
}
