//! Real in-process subgraphs: async-graphql schemas with federation.

use std::sync::Arc;

use async_graphql::dataloader::{DataLoader, Loader};
use async_graphql::{
    ComplexObject, Context, EmptyMutation, EmptySubscription, Enum, ErrorExtensions, ID, Object,
    SDLExportOptions, Schema, SimpleObject, Subscription, Union,
};
use futures::stream::{self, Stream, StreamExt};
use platform::caller::Caller;
use router::{ErrorCode, GraphQLRequest, LocalTransport, RequestContext, Router};
use serde_json::{Value, json};

mod orders {
    use super::*;

    fn bug() -> i32 {
        panic!("a bug")
    }

    #[derive(SimpleObject)]
    pub(super) struct Customer {
        pub(super) id: ID,
        pub(super) orders: Vec<Order>,
    }

    #[derive(SimpleObject)]
    pub(super) struct Order {
        pub(super) id: ID,
        pub(super) status: Status,
        pub(super) total: f64,
        pub(super) number: i32,
    }

    #[derive(Enum, Clone, Copy, PartialEq, Eq)]
    pub(super) enum Status {
        InTransit,
    }

    pub(super) struct Query;

    #[Object]
    impl Query {
        async fn me(&self, context: &Context<'_>) -> async_graphql::Result<Option<Customer>> {
            let caller = context.data::<Caller>()?;
            let orders = [1, 2].map(|number| Order {
                id: ID(format!("o{number}")),
                status: Status::InTransit,
                total: 1.5,
                number,
            });
            Ok(caller.subject.as_ref().map(|subject| Customer {
                id: ID(subject.clone()),
                orders: orders.into(),
            }))
        }

        async fn bug(&self) -> Option<i32> {
            Some(bug())
        }

        async fn customers(&self) -> Vec<Customer> {
            let ids = ["usr_1", "usr_2", "usr_3"];
            let customer = |id| Customer {
                id: ID::from(id),
                orders: Vec::new(),
            };
            ids.map(customer).into()
        }

        #[graphql(entity)]
        async fn find_customer(&self, id: ID) -> Customer {
            let orders = Vec::new();
            Customer { id, orders }
        }

        #[graphql(entity)]
        async fn find_order(&self, id: ID) -> Order {
            Order {
                id,
                status: Status::InTransit,
                total: 2.5,
                number: 9,
            }
        }
    }
}

mod tracking {
    use super::*;

    #[derive(SimpleObject)]
    #[graphql(complex)]
    pub(super) struct Order {
        id: ID,
    }

    #[ComplexObject]
    impl Order {
        async fn shipment(&self, context: &Context<'_>) -> async_graphql::Result<Option<Shipment>> {
            let loader = context.data::<DataLoader<Shipments>>()?;
            let shipment = loader.load_one(self.id.to_string()).await?;
            let missing = || {
                async_graphql::Error::new("no shipment").extend_with(|_, extensions| {
                    extensions.set("code", "NOT_FOUND");
                    extensions.set("sql", "SELECT 1");
                })
            };
            shipment.map(Some).ok_or_else(missing)
        }

        async fn carriers(&self) -> Vec<Carrier> {
            vec![
                Carrier::Van(Van {
                    plate: "K 1".into(),
                }),
                Carrier::Ship(Ship { berths: 2 }),
            ]
        }
    }

    #[derive(SimpleObject, Clone)]
    pub(super) struct Shipment {
        code: String,
        batch: usize,
    }

    #[derive(Union)]
    enum Carrier {
        Van(Van),
        Ship(Ship),
    }

    #[derive(SimpleObject)]
    struct Van {
        plate: String,
    }

    #[derive(SimpleObject)]
    struct Ship {
        berths: u64,
    }

    /// Shipments of all orders except `o2`; each reports how many were loaded in its batch.
    pub(super) struct Shipments;

    impl Loader<String> for Shipments {
        type Value = Shipment;
        type Error = Arc<std::io::Error>;

        async fn load(
            &self,
            ids: &[String],
        ) -> Result<std::collections::HashMap<String, Shipment>, Self::Error> {
            let batch = ids.len();
            let known = ids.iter().filter(|id| *id != "o2");
            Ok(known
                .map(|id| {
                    let code = format!("code of {id}");
                    (id.clone(), Shipment { code, batch })
                })
                .collect())
        }
    }

    pub(super) struct Query;

    #[Object]
    impl Query {
        async fn sound(&self) -> bool {
            true
        }

        #[graphql(entity)]
        async fn find_order(&self, id: ID) -> Order {
            Order { id }
        }

        #[graphql(entity)]
        async fn find_customer(&self, id: ID) -> async_graphql::Result<Option<Customer>> {
            match id.as_str() {
                "usr_2" => Ok(None),
                "usr_3" => Err(async_graphql::Error::new("not yours")
                    .extend_with(|_, extensions| extensions.set("code", "FORBIDDEN"))),
                _ => Ok(Some(Customer {
                    id,
                    parcels: Some(4),
                })),
            }
        }
    }

    #[derive(SimpleObject)]
    struct Customer {
        id: ID,
        parcels: Option<i32>,
    }

    #[derive(SimpleObject)]
    struct Update {
        sequence: i32,
        order: Order,
    }

    pub(super) struct Updates;

    #[Subscription(name = "Subscription")]
    impl Updates {
        async fn order_tracking(&self, order_id: ID) -> impl Stream<Item = Update> + use<> {
            stream::iter(1..=2).map(move |sequence| Update {
                sequence,
                order: Order {
                    id: order_id.clone(),
                },
            })
        }
    }
}

fn sdl<Q, S>(schema: &Schema<Q, EmptyMutation, S>) -> String
where
    Q: async_graphql::ObjectType + 'static,
    S: async_graphql::SubscriptionType + 'static,
{
    schema.sdl_with_options(SDLExportOptions::new().federation())
}

fn router() -> Router {
    let orders = Schema::build(orders::Query, EmptyMutation, EmptySubscription)
        .enable_federation()
        .finish();
    let loader = DataLoader::new(tracking::Shipments, tokio::spawn);
    let tracking = Schema::build(tracking::Query, EmptyMutation, tracking::Updates)
        .enable_federation()
        .enable_subscription_in_federation()
        .data(loader)
        .finish();
    let (orders_sdl, tracking_sdl) = (sdl(&orders), sdl(&tracking));
    let orders = LocalTransport::new("orders", Arc::new(orders));
    let tracking = LocalTransport::new("tracking", Arc::new(tracking));
    Router::builder()
        .subgraph("orders", &orders_sdl, Arc::new(orders))
        .subgraph("tracking", &tracking_sdl, Arc::new(tracking))
        .build()
        .expect("a router")
}

#[tokio::test]
async fn a_page_over_two_schemas_is_one_batch_each() {
    let query = "query($no: Boolean = false) { me { id orders { number status total shipment { code batch }
        carriers { __typename ... on Van { plate } ... on Ship { berths } } n: number @include(if: $no) } } }";
    let context = RequestContext::for_caller(Caller::customer("usr_1"));
    let response = router().execute(GraphQLRequest::new(query), context).await;
    let answer: Value = serde_json::from_slice(&response.to_bytes()).expect("JSON");
    let carriers =
        json!([{ "__typename": "Van", "plate": "K 1" }, { "__typename": "Ship", "berths": 2 }]);
    assert_eq!(
        answer,
        json!({
            "data": { "me": { "id": "usr_1", "orders": [
                { "number": 1, "status": "IN_TRANSIT", "total": 1.5, "shipment": { "code": "code of o1", "batch": 2 }, "carriers": carriers },
                { "number": 2, "status": "IN_TRANSIT", "total": 1.5, "shipment": null, "carriers": carriers },
            ] } },
            "errors": [{ "message": "no shipment", "path": ["me", "orders", 1, "shipment"], "extensions": { "code": "NOT_FOUND" } }],
        })
    );
}

#[tokio::test]
async fn events_are_completed_by_the_other_schema() {
    let query = r#"subscription { orderTracking(orderId: "o7") { sequence order { id total shipment { code } } } }"#;
    let events = router()
        .subscribe(GraphQLRequest::new(query), RequestContext::default())
        .await
        .expect("a stream");
    let events: Vec<Value> = events.map(|event| event.data_value()).collect().await;
    let event = |sequence: i32| json!({ "orderTracking": { "sequence": sequence, "order": { "id": "o7", "total": 2.5, "shipment": { "code": "code of o7" } } } });
    assert_eq!(events, [event(1), event(2)]);
}

#[tokio::test]
async fn an_entity_that_cannot_be_resolved_does_not_cost_the_others() {
    let query = "{ customers { id parcels } }";
    let response = router()
        .execute(GraphQLRequest::new(query), RequestContext::default())
        .await;
    let answer: Value = serde_json::from_slice(&response.to_bytes()).expect("JSON");
    assert_eq!(
        answer,
        json!({
            "data": { "customers": [{ "id": "usr_1", "parcels": 4 }, { "id": "usr_2", "parcels": null }, { "id": "usr_3", "parcels": null }] },
            "errors": [{ "message": "not yours", "path": ["customers", 2], "extensions": { "code": "FORBIDDEN" } }],
        })
    );
}

#[tokio::test]
async fn a_resolver_that_panics_costs_its_own_subgraph() {
    let response = router()
        .execute(
            GraphQLRequest::new("{ bug sound }"),
            RequestContext::default(),
        )
        .await;
    assert_eq!(response.data_value(), json!({ "bug": null, "sound": true }));
    assert_eq!(response.errors.len(), 1);
    assert_eq!(response.errors[0].code(), ErrorCode::SubgraphUnavailable);
}
