//! Registered clients: authentication and permissions.

use std::path::Path;
use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey};
use platform::supervisor::Supervisor;
use router::clients::{Clients, ClientsFiles, Sha256Hash};
use serde_json::{Value, json};

use crate::kit::{Edge, other_router, router_of, until};
use crate::requests::{Case, query};
use crate::sockets::Socket;
use crate::tokens::{SECRET, now, sign};

const KEY: &str = "acme's key";

fn clients(text: &str) -> Clients {
    let text = text.replace("KEY", &Sha256Hash::of(KEY.as_bytes()).to_string());
    Clients::load(&ClientsFiles::of(Path::new("clients.yaml"), text)).expect("clients")
}

async fn edge(text: &str) -> Edge {
    let edge = Edge::start().await;
    let replaced = edge.state.replace_clients(clients(text)).await;
    replaced.expect("they fit the schema");
    edge
}

/// A token of this client.
fn token(client_id: &str) -> String {
    let claims = json!({"sub": "usr_1", "exp": now() + 600, "azp": client_id, "scope": "orders:read orders:write"});
    let key = EncodingKey::from_secret(SECRET.as_bytes()).expect("a key");
    format!("Bearer {}", sign(Algorithm::HS256, None, &claims, &key))
}

async fn answer(edge: &Edge, query_text: &str, headers: &[(&str, &str)]) -> (u16, Value) {
    let mut case = Case::post(query(query_text));
    for (name, value) in headers {
        case = case.header(name, value);
    }
    let response = case.send(edge).await;
    let status = response.status().as_u16();
    (status, response.json().await.expect("JSON"))
}

fn code(answer: &Value) -> &str {
    answer["errors"][0]["extensions"]["code"]
        .as_str()
        .unwrap_or("")
}

#[tokio::test]
async fn a_partner_with_a_key_has_its_scopes_and_no_user() {
    let edge = edge("clients: [{ name: acme, mode: allow, scopes: [orders:read], keys: [{ id: k1, sha256: KEY }], token_clients: [acme-app] }]").await;
    let ask = "{ caller { subject scopes } }";
    let (_, by_key) = answer(&edge, ask, &[("x-api-key", KEY)]).await;
    let alone = json!({"subject": null, "scopes": ["orders:read"]});
    assert_eq!(by_key["data"]["caller"], alone, "{by_key}");
    let bearer = token("acme-app");
    let (_, by_token) = answer(&edge, ask, &[("authorization", &bearer)]).await;
    let user = json!({"subject": "usr_1", "scopes": ["orders:read"]});
    assert_eq!(by_token["data"]["caller"], user, "{by_token}");
    let (_, nobody) = answer(&edge, ask, &[]).await;
    assert_eq!(
        nobody["data"]["caller"],
        json!({"subject": null, "scopes": []})
    );
}

#[tokio::test]
async fn a_client_that_has_to_prove_itself_is_not_believed_by_its_name() {
    let edge = edge(
        "clients: [{ name: acme, mode: require, keys: [{ id: k1, sha256: KEY }] }, { name: web }]",
    )
    .await;
    let refused = async |headers: &[(&str, &str)], words: &str| {
        let (status, answer) = answer(&edge, "{ hello }", headers).await;
        assert_eq!(
            (status, code(&answer)),
            (401, "UNAUTHENTICATED"),
            "{answer}"
        );
        let message = answer["errors"][0]["message"].as_str().unwrap_or("");
        assert!(message.contains(words), "{answer}");
    };
    for header in ["graphql-client-name", "apollographql-client-name"] {
        refused(&[(header, "acme")], "must authenticate").await;
        let bearer = token("another-app");
        refused(
            &[(header, "acme"), ("authorization", &bearer)],
            "must authenticate",
        )
        .await;
    }
    refused(&[("x-api-key", "another key")], "is unknown").await;
    let (_, named) = answer(&edge, "{ hello }", &[("graphql-client-name", "web")]).await;
    assert_eq!(named["data"]["hello"], "hello you", "{named}");
}

#[tokio::test]
async fn the_schema_and_the_cost_are_bounded_by_client() {
    let edge = edge(
        "clients:
          - { name: curious, introspection: true, cost_limit: 1, keys: [{ id: k1, sha256: KEY }] }
          - { name: shy, introspection: false }",
    )
    .await;
    let types = "{ __schema { queryType { name } } }";
    let (_, shy) = answer(&edge, types, &[("graphql-client-name", "shy")]).await;
    assert_eq!(code(&shy), "FORBIDDEN", "{shy}");
    let (_, curious) = answer(&edge, types, &[("x-api-key", KEY)]).await;
    assert_eq!(
        curious["data"]["__schema"]["queryType"]["name"], "Query",
        "{curious}"
    );
    let dear = "{ a: caller { ip } b: caller { ip } }";
    for headers in [("graphql-client-name", "curious"), ("x-api-key", KEY)] {
        let (_, refused) = answer(&edge, dear, &[headers]).await;
        assert_eq!(code(&refused), "OPERATION_TOO_COMPLEX", "{refused}");
    }
    let (_, anybody) = answer(&edge, dear, &[]).await;
    assert!(anybody.get("errors").is_none(), "{anybody}");
}

#[tokio::test]
async fn a_page_may_call_as_the_client_that_lists_it() {
    let edge = edge(
        "clients:
          - { name: shop, origins: ['https://shop.example.com'] }
          - { name: admin, origins: ['https://admin.example.com'] }",
    )
    .await;
    let shop = ("origin", "https://shop.example.com");
    let check = async |origin: (&str, &str), name: &str, status: u16| {
        let headers = [origin, ("graphql-client-name", name)];
        let (found, answer) = answer(&edge, "{ hello }", &headers).await;
        assert_eq!(found, status, "{headers:?}: {answer}");
    };
    check(shop, "shop", 200).await;
    check(shop, "admin", 403).await;
    check(shop, "nobody", 200).await;
    check(("origin", "http://localhost:3000"), "admin", 200).await;
    let allowed = async |origin: &str| {
        let case = Case::post(query("{ hello }")).header("origin", origin);
        let response = case.send(&edge).await;
        response
            .headers()
            .contains_key("access-control-allow-origin")
    };
    assert!(allowed("https://shop.example.com").await);
    assert!(!allowed("https://evil.example.com").await);
}

#[tokio::test]
async fn a_websocket_names_and_proves_its_client_by_headers_or_its_first_message() {
    let edge = edge("clients: [{ name: acme, mode: require, manifests: [], keys: [{ id: k1, sha256: KEY }] }, { name: web, origins: ['https://shop.example.com'] }]").await;
    let protocol = ("sec-websocket-protocol", "graphql-transport-ws");
    let closed = async |headers: &[(&'static str, &str)], payload: Value| {
        let mut socket = Socket::open_with(&edge, headers).await.expect("an upgrade");
        socket
            .send(json!({"type": "connection_init", "payload": payload}))
            .await;
        socket.closed().await
    };
    assert_eq!(
        closed(&[protocol], json!({"graphql-client-name": "acme"})).await,
        4403
    );
    assert_eq!(
        closed(&[protocol], json!({"X-API-Key": "another key"})).await,
        4403
    );
    let page = ("origin", "https://shop.example.com");
    assert_eq!(
        closed(
            &[protocol, ("graphql-client-name", "acme"), page],
            json!({})
        )
        .await,
        4403
    );
    let wrong = [protocol, ("x-api-key", "another key")];
    let refused = Socket::open_with(&edge, &wrong)
        .await
        .err()
        .expect("a refusal");
    assert_eq!(refused.status(), 401);

    let acme = json!({"graphql-client-name": "acme", "X-API-Key": KEY});
    Socket::ready(&edge, acme.clone()).await;
    let mut early = Socket::open_with(&edge, &[protocol, ("graphql-client-name", "acme")])
        .await
        .expect("an upgrade");
    early
        .send(json!({"type": "connection_init", "payload": acme}))
        .await;
    assert_eq!(early.next().await.json(), json!({"type": "connection_ack"}));
}

#[tokio::test]
async fn a_revoked_key_ends_what_a_websocket_may_do() {
    let text = "clients: [{ name: acme, keys: [{ id: k1, sha256: KEY }] }]";
    let edge = edge(text).await;
    let mut socket = Socket::ready(&edge, json!({"x-api-key": KEY})).await;
    socket.subscribe("1", "{ hello }").await;
    assert_eq!(
        socket.next().await.json()["payload"]["data"]["hello"],
        "hello you"
    );
    assert_eq!(socket.next().await.json()["type"], "complete");
    let revoked = clients("clients: [{ name: acme, keys: [] }]");
    edge.state.replace_clients(revoked).await.expect("replaced");
    socket.subscribe("2", "{ hello }").await;
    let refused = socket.next().await.json();
    assert_eq!(
        refused["payload"][0]["extensions"]["code"], "UNAUTHENTICATED",
        "{refused}"
    );
}

#[tokio::test]
async fn a_revoked_key_ends_open_connections_and_streams() {
    let edge = Edge::with(|config| {
        let soon = platform::config::Duration::from_millis(10);
        config.websocket.ping_interval = soon;
        config.streaming.heartbeat = soon;
    })
    .await;
    let known = "clients: [{ name: acme, keys: [{ id: k1, sha256: KEY }] }]";
    let replaced = edge.state.replace_clients(clients(known)).await;
    replaced.expect("they fit the schema");
    let mut socket = Socket::ready(&edge, json!({"x-api-key": KEY})).await;
    let feed = query("subscription { feed { sequence } }");
    let stream = Case::post(feed)
        .header("x-api-key", KEY)
        .header("accept", "text/event-stream")
        .send(&edge)
        .await;
    assert_eq!(stream.status(), 200);
    edge.source.opened(1).await;
    let revoked = clients("clients: [{ name: acme, keys: [] }]");
    edge.state.replace_clients(revoked).await.expect("replaced");
    assert_eq!(socket.closed().await, 4403);
    let events = stream.text().await.expect("text");
    assert!(events.contains("UNAUTHENTICATED"), "{events}");
    assert!(events.contains("Credentials revoked"), "{events}");
}

#[tokio::test]
async fn clients_that_did_not_fit_one_schema_are_looked_at_again_with_the_next() {
    let edge = Edge::of(other_router()).await;
    let directory = tempfile::tempdir().expect("a directory");
    let path = write(directory.path(), "query Page { hello }");
    let supervisor = Supervisor::new();
    let interval = Duration::from_millis(10);
    let watched = edge.state.watch_clients(&path, interval, &supervisor);
    watched.await.expect("it fits");
    write(directory.path(), "query Next { shop }");
    until("the file is rejected", || !supervisor.degraded().is_empty()).await;
    let next = router_of(&edge.source);
    edge.state.reload(next).await.expect("it fits");
    until("the file is loaded", || {
        let clients = edge.state.clients();
        clients
            .operations()
            .any(|operation| operation.name == "Next")
    })
    .await;
    until("nothing is degraded", || supervisor.degraded().is_empty()).await;
}

/// Writes a clients file with a manifest of one operation.
fn write(directory: &Path, document: &str) -> std::path::PathBuf {
    let manifest = json!({ "one": document });
    std::fs::write(directory.join("web.json"), manifest.to_string()).expect("written");
    let path = directory.join("clients.yaml");
    let text = "clients: [{ name: web, manifests: [web.json] }]";
    std::fs::write(&path, text).expect("written");
    path
}

#[tokio::test]
async fn an_operation_that_does_not_fit_the_schema_is_refused_with_its_client_and_field() {
    let edge = Edge::start().await;
    let directory = tempfile::tempdir().expect("a directory");
    let path = write(directory.path(), "query Page { nothing }");
    let supervisor = Supervisor::new();
    let interval = Duration::from_millis(10);
    let watch = async || edge.state.watch_clients(&path, interval, &supervisor).await;
    let error = watch().await.expect_err("refused").to_string();
    for words in [
        "clients.yaml",
        "client `web`",
        "operation `Page` of web.json",
        "nothing",
    ] {
        assert!(error.contains(words), "{words}: {error}");
    }

    write(directory.path(), "query Page { hello }");
    watch().await.expect("it fits");
    let named = |name: &str| {
        let clients = edge.state.clients();
        clients.operations().any(|operation| operation.name == name)
    };
    assert!(named("Page"));
    write(directory.path(), "query Other { nothing }");
    until("the file is reported as degraded", || {
        supervisor.degraded().join("").contains("operation `Other`")
    })
    .await;
    assert!(named("Page") && !named("Other"));
    write(directory.path(), "query Other { shop }");
    until("the manifest is reloaded", || named("Other")).await;
    until("nothing is degraded", || supervisor.degraded().is_empty()).await;

    // The other schema has no `shop`.
    let error = edge
        .state
        .reload(other_router())
        .await
        .expect_err("refused");
    assert!(
        error.to_string().contains("operation `Other` of web.json"),
        "{error}"
    );
    let (_, answer) = answer(&edge, "{ shop }", &[]).await;
    assert_eq!(answer["data"]["shop"], "open");
    write(directory.path(), "query Page { hello }");
    until("the manifest is reloaded", || named("Page")).await;
    edge.state.reload(other_router()).await.expect("it fits");
}
