//! `partnerEvents`: a partner reads its events again, from any of them on.

use async_graphql::{Request, Variables};
use notifications::subgraph;
use platform::caller::Caller;
use resolvers::subgraph::Subgraph;
use resolvers::testing::code;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{CLIENT, World, worlds};

const EVENTS: &str = "query($first: Int, $after: ID) {
    partnerEvents(first: $first, after: $after) {
        nodes { id type timestamp objectId sequence body }
        pageInfo { hasNextPage endCursor }
        totalCount
    }
}";

async fn ask(subgraph: &Subgraph, caller: Caller, variables: Value) -> Value {
    let request = Request::new(EVENTS).variables(Variables::from_json(variables));
    serde_json::to_value(subgraph.execute(request, caller).await).unwrap()
}

fn partner() -> Caller {
    with_scopes(&["orders:read", "returns:read"])
}

fn with_scopes(scopes: &[&str]) -> Caller {
    Caller {
        client: Some(CLIENT.to_owned()),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        ..Caller::default()
    }
}

async fn page(world: &World, variables: Value) -> Value {
    let answer = ask(&subgraph(world.state.clone()), partner(), variables).await;
    assert_eq!(answer["errors"], Value::Null, "{answer}");
    answer["data"]["partnerEvents"].clone()
}

#[tokio::test]
async fn pages_have_what_webhooks_send_from_any_event_on() {
    for world in worlds().await {
        let order = world.publish_orders(Uuid::now_v7(), &[1, 2, 3, 4, 5]).await;
        let received = world.deliver().await;
        let mut after = Value::Null;
        let mut read = Vec::new();
        loop {
            let page = page(&world, json!({ "first": 2, "after": after })).await;
            assert_eq!(page["totalCount"], 5, "{}", world.scratch.name);
            read.extend(page["nodes"].as_array().unwrap().clone());
            after = page["pageInfo"]["endCursor"].clone();
            if page["pageInfo"]["hasNextPage"] == false {
                break;
            }
        }
        let bodies: Vec<_> = read
            .iter()
            .map(|node| node["body"].as_str().unwrap())
            .collect();
        let sent: Vec<_> = received.iter().map(|one| one.body.as_str()).collect();
        assert_eq!(bodies, sent);
        assert_eq!(read[0]["id"], received[0].id);
        assert_eq!(read[0]["objectId"], order);
        assert_eq!(read[4]["sequence"], 5);
        // What was received last is a cursor, too.
        let rest = page(&world, json!({ "after": received[3].id })).await;
        assert_eq!(rest["nodes"].as_array().unwrap().len(), 1);
        world.scratch.drop().await;
    }
}

#[tokio::test]
async fn only_the_partner_itself_reads_only_what_it_gets() {
    for world in worlds().await {
        world.publish_orders(Uuid::now_v7(), &[1]).await;
        let subgraph = subgraph(world.state.clone());
        let check = async |caller: Caller, variables: Value, expected: &str| {
            let answer = ask(&subgraph, caller, variables).await;
            assert_eq!(code(&answer), expected, "{}: {answer}", world.scratch.name);
            assert_eq!(answer["data"], json!({ "partnerEvents": null }));
        };
        let client = |name: &str| Caller {
            client: Some(name.to_owned()),
            ..Caller::default()
        };
        check(Caller::default(), json!({}), "UNAUTHENTICATED").await;
        check(client("somebody else"), json!({}), "FORBIDDEN").await;
        // Signed in at the partner's application.
        let user = Caller {
            subject: Some("usr_1".to_owned()),
            ..partner()
        };
        check(user, json!({}), "FORBIDDEN").await;
        for first in [-1, 101] {
            check(partner(), json!({ "first": first }), "BAD_USER_INPUT").await;
        }
        let unknown = resolvers::id::format_event(Uuid::now_v7());
        for after in ["nonsense", "ord_01h455vb4pex5vsknk084sn02q", &unknown] {
            check(partner(), json!({ "after": after }), "BAD_USER_INPUT").await;
        }
        // The partners here may be older than the caller's scopes.
        world.register(&["orders:read", "customers:read"], json!({}));
        let read = async |scopes: &[&str]| {
            let answer = ask(&subgraph, with_scopes(scopes), json!({})).await;
            answer["data"]["partnerEvents"]["nodes"].clone()
        };
        assert_eq!(read(&["returns:read"]).await, json!([]));
        let body = |nodes: Value| nodes[0]["body"].as_str().unwrap().to_owned();
        let (less, all) = (
            body(read(&["orders:read"]).await),
            body(read(&["orders:read", "customers:read"]).await),
        );
        assert!(!less.contains("customerId") && all.contains("customerId"));
        world.register(&["returns:read"], json!({}));
        let page = page(&world, json!({})).await;
        assert_eq!(
            (&page["nodes"], &page["totalCount"]),
            (&json!([]), &json!(0))
        );
        world.scratch.drop().await;
    }
}
