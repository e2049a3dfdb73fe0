//! Authentication of callers on a subgraph's own HTTP endpoint.

use std::time::{Duration, SystemTime};

use async_graphql::Request;
use chrono::{TimeDelta, Utc};
use platform::caller::{CALLER_HEADER, Caller, CallerKey};
use platform::config::Secret;
use resolvers::id::IdKind;
use router::auth::{AuthConfig, DevelopmentKey, NewToken};
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

use crate::kit::{Process, vantage};
use crate::tracking_client::Client;

const SECRET: &str = "the secret between the router and its subgraphs";
const TOKEN_SECRET: &str = "the secret that development tokens are signed with";
const TOOLS: &str = "the token of tools that fetch schemas";

/// A subgraph of an empty shop.
struct Subgraph {
    name: &'static str,
    process: Process,
    http: reqwest::Client,
    _data: TempDir,
}

impl Subgraph {
    async fn start(name: &'static str, settings: &[(&str, &str)]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut command = vantage(data.path());
        command
            .env("VANTAGE_SUBGRAPH_SECRET", SECRET)
            .env("VANTAGE_AUTH__DEVELOPMENT_SECRET", TOKEN_SECRET)
            .env("VANTAGE_AUTH__LEEWAY", "0s")
            .envs(settings.iter().copied())
            .args(["subgraph", name, "--listen", "127.0.0.1:0"]);
        Self {
            name,
            process: Process::start(command).await,
            http: reqwest::Client::new(),
            _data: data,
        }
    }

    /// Returns the raw response with its status.
    async fn post(&self, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
        let mut post = self
            .http
            .post(format!("{}/graphql", self.process.base))
            .header("content-type", "application/json")
            .body(body.to_owned());
        for (name, value) in headers {
            post = post.header(*name, *value);
        }
        let answer = post.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn refuses(&self, headers: &[(&str, &str)], body: &str) -> (u16, String) {
        let (status, answer) = self.post(headers, body).await;
        assert_eq!(answer["data"], Value::Null, "{answer:#}");
        let code = answer["errors"][0]["extensions"]["code"].as_str();
        (status, code.unwrap_or_default().to_owned())
    }

    /// Signs as the router does, `age` ago.
    fn sign(&self, caller: &Caller, body: &[u8], age: TimeDelta) -> String {
        let key = CallerKey::new(SECRET.as_bytes()).unwrap();
        key.sign(caller, self.name, body, Utc::now() - age).unwrap()
    }
}

fn body(query: &str) -> String {
    json!({ "query": query }).to_string()
}

fn token(subject: &str, now: SystemTime, ttl: Duration) -> String {
    let key = DevelopmentKey::from_config(&AuthConfig {
        development_secret: Some(Secret::new(TOKEN_SECRET)),
        ..AuthConfig::default()
    });
    let token = NewToken {
        subject: subject.to_owned(),
        scopes: Vec::new(),
        ttl,
    };
    let token = key.unwrap().unwrap().mint(&token, now).unwrap();
    format!("Bearer {token}")
}

fn unauthenticated() -> (u16, String) {
    (401, "UNAUTHENTICATED".to_owned())
}

/// Queries a customer's preferences through a representation; only the customer may see them.
fn preferences(customer: &str) -> String {
    let query = "query($of: [_Any!]!) { _entities(representations: $of) { ... on Customer { notificationPreferences { preferences { enabled } } } } }";
    let representation = json!({ "__typename": "Customer", "id": customer });
    json!({ "query": query, "variables": { "of": [representation] } }).to_string()
}

#[tokio::test]
async fn a_signature_is_good_for_one_body_at_one_subgraph_for_a_minute() {
    let subgraph = Subgraph::start("pricing", &[]).await;
    let body = body("{ currencies { code } }");
    let caller = Caller::default();
    let now = TimeDelta::zero();
    let good = subgraph.sign(&caller, body.as_bytes(), now);
    let (status, answer) = subgraph.post(&[(CALLER_HEADER, &good)], &body).await;
    assert_eq!(status, 200);
    assert_eq!(answer["data"]["currencies"][0]["code"], "USD", "{answer:#}");

    let key = CallerKey::new(SECRET.as_bytes()).unwrap();
    let elsewhere = key.sign(&caller, "orders", body.as_bytes(), Utc::now());
    let forged =
        CallerKey::new(b"another")
            .unwrap()
            .sign(&caller, "pricing", body.as_bytes(), Utc::now());
    for (why, signed) in [
        ("for another body", subgraph.sign(&caller, b"{}", now)),
        ("for another subgraph", elsewhere.unwrap()),
        ("with another key", forged.unwrap()),
        (
            "too old",
            subgraph.sign(&caller, body.as_bytes(), TimeDelta::seconds(70)),
        ),
        (
            "from the future",
            subgraph.sign(&caller, body.as_bytes(), TimeDelta::seconds(-30)),
        ),
    ] {
        let refused = subgraph.refuses(&[(CALLER_HEADER, &signed)], &body).await;
        assert_eq!(refused, unauthenticated(), "{why}");
    }
    let twice = [(CALLER_HEADER, &*good), (CALLER_HEADER, &*good)];
    assert_eq!(subgraph.refuses(&twice, &body).await, unauthenticated());
}

#[tokio::test]
async fn an_operation_on_a_connection_is_for_whom_it_was_signed() {
    let subgraph = Subgraph::start("pricing", &[]).await;
    let (nobody, now) = (Caller::default(), TimeDelta::zero());
    let connection = subgraph.sign(&nobody, b"", now);
    let headers = [(CALLER_HEADER, &*connection)];
    let base = &subgraph.process.base;
    let mut client = Client::upgrade(base, &headers, json!({})).await.unwrap();
    let mut other = Request::new("{ currencies { name } }");
    let mut same = Request::new("{ currencies { code } }");
    let signed = |operation: &mut Request| {
        let body = router::signed_operation(operation).unwrap();
        subgraph.sign(&Caller::customer("usr_1"), &body, now)
    };
    for (signed, is_good) in [(signed(&mut same), true), (signed(&mut other), false)] {
        let extensions = json!({ CALLER_HEADER: signed });
        let payload = json!({ "query": "{ currencies { code } }", "extensions": extensions });
        client
            .send(json!({ "id": "1", "type": "subscribe", "payload": payload }))
            .await;
        let answer = client.receive().await;
        let errors = &answer["payload"]["errors"];
        if is_good {
            assert_eq!(*errors, Value::Null, "{answer:#}");
        } else {
            assert_eq!(errors[0]["extensions"]["code"], "UNAUTHENTICATED");
        }
        assert_eq!(client.receive().await["type"], "complete");
    }
    // A signature for a POST does not open a WebSocket.
    let post = subgraph.sign(&nobody, b"{}", now);
    let refused = Client::upgrade(base, &[(CALLER_HEADER, &*post)], json!({})).await;
    assert_eq!(refused.err(), Some(401));
}

#[tokio::test]
async fn tools_get_the_schema_and_nothing_else() {
    let settings = [("VANTAGE_SUBGRAPH__SCHEMA_TOKEN", TOOLS)];
    let subgraph = Subgraph::start("pricing", &settings).await;
    let tool = format!("Bearer {TOOLS}");
    let tool = [("authorization", &*tool)];
    let sdl = body("query Sdl { _service { sdl } }");
    let (status, answer) = subgraph.post(&tool, &sdl).await;
    let committed = include_str!("../../schema/pricing.graphql");
    assert_eq!(status, 200);
    assert_eq!(answer["data"]["_service"]["sdl"], committed);

    let forbidden = (403, "FORBIDDEN".to_owned());
    for query in [
        "{ currencies { code } }",
        "{ _service { sdl } currencies { code } }",
        "{ ...All } fragment All on Query { currencies { code } }",
        "{ __schema { types { name } } }",
    ] {
        assert_eq!(subgraph.refuses(&tool, &body(query)).await, forbidden);
    }
    let upgrade = Client::upgrade(&subgraph.process.base, &tool, json!({})).await;
    assert_eq!(upgrade.err(), Some(403));
    for wrong in [
        format!("Bearer {TOOLS} "),
        "Bearer ".to_owned(),
        format!("Bearer {}", &TOOLS[1..]),
        format!("Basic {TOOLS}"),
        TOOLS.to_owned(),
    ] {
        let (status, _) = subgraph.post(&[("authorization", &wrong)], &sdl).await;
        // Whitespace around a header value is not part of it.
        assert_eq!(
            status,
            if wrong.ends_with("schemas ") {
                200
            } else {
                401
            }
        );
    }
    // Without a configured schema token, no token is valid.
    let without = Subgraph::start("pricing", &[]).await;
    assert_eq!(without.refuses(&tool, &sdl).await, unauthenticated());
}

#[tokio::test]
async fn end_users_are_verified_where_it_is_configured() {
    let settings = [
        ("VANTAGE_SUBGRAPH__VERIFY_TOKENS", "true"),
        ("VANTAGE_SUBGRAPH__SERVE_ANONYMOUS", "true"),
    ];
    let subgraph = Subgraph::start("notifications", &settings).await;
    let customer = || IdKind::Customer.format(Uuid::now_v7());
    let (ann, bob) = (customer(), customer());
    let now = SystemTime::now();
    let hour = Duration::from_secs(3600);
    let bearer = token(&ann, now, hour);
    let (status, answer) = subgraph
        .post(&[("authorization", &bearer)], &preferences(&ann))
        .await;
    assert_eq!(status, 200);
    let cells = &answer["data"]["_entities"][0]["notificationPreferences"]["preferences"];
    assert_eq!(cells.as_array().map(Vec::len), Some(12), "{answer:#}");

    // Other customers' data stays inaccessible, and anonymous callers have none.
    for (headers, code) in [
        (vec![("authorization", &*bearer)], "FORBIDDEN"),
        (vec![], "UNAUTHENTICATED"),
    ] {
        let (status, answer) = subgraph.post(&headers, &preferences(&bob)).await;
        assert_eq!(status, 200);
        assert_eq!(answer["errors"][0]["extensions"]["code"], code);
        let entity = &answer["data"]["_entities"][0];
        assert_eq!(entity["notificationPreferences"], Value::Null);
    }

    // An invalid token does not fall back to anonymous access.
    let expired = token(&ann, now - 2 * hour, hour);
    let forged = format!("{bearer}x");
    for token in [&*expired, &forged, "Bearer x", "Basic YTpi"] {
        let headers = [("authorization", token)];
        let refused = subgraph.refuses(&headers, &preferences(&ann)).await;
        assert_eq!(refused, unauthenticated(), "{token}");
    }
    let both = [("authorization", &*bearer), (CALLER_HEADER, "forged")];
    let refused = subgraph.refuses(&both, &preferences(&ann)).await;
    assert_eq!(refused, unauthenticated());
    let twice = [("authorization", &*bearer), ("authorization", &*bearer)];
    let refused = subgraph.refuses(&twice, &preferences(&ann)).await;
    assert_eq!(refused, unauthenticated());

    // A connection ends when its token expires.
    let short = token(&ann, SystemTime::now(), Duration::from_secs(10));
    let headers = [("authorization", &*short)];
    let base = &subgraph.process.base;
    let mut client = Client::upgrade(base, &headers, json!({})).await.unwrap();
    client.closed().await;

    // Unless configured, tokens are not accepted and anonymous callers are rejected.
    let strict = Subgraph::start("notifications", &[]).await;
    for headers in [vec![("authorization", &*bearer)], vec![]] {
        let refused = strict.refuses(&headers, &preferences(&ann)).await;
        assert_eq!(refused, unauthenticated());
    }
    let settings = [("VANTAGE_SUBGRAPH__VERIFY_TOKENS", "true")];
    let known = Subgraph::start("notifications", &settings).await;
    let refused = known.refuses(&[], &preferences(&ann)).await;
    assert_eq!(refused, unauthenticated());
}
