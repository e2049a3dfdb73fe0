//! Whose tools they are: keys, tokens, pages, and where to sign in.

use serde_json::{Value, json};

use super::agent::{Agent, ClientsFile};
use crate::kit::vantage;

const CURRENCIES: &str = "query Currencies { currencies { code } }";
const ME: &str = "query Me { me { id } }";

#[tokio::test]
async fn somebody_unknown_is_told_where_to_sign_in() {
    let file = ClientsFile::new("mode: require, tools: true", &[CURRENCIES, ME]);
    let servers = (
        "VANTAGE_MCP__AUTHORIZATION_SERVERS",
        "https://id.example.com/shop",
    );
    let public = ("VANTAGE_PUBLIC_URL", "https://shop.example.com");
    let graph = file.shop(&[servers, public]).await;
    let path = "/.well-known/oauth-protected-resource";
    for path in [path.to_owned(), format!("{path}/mcp")] {
        let url = format!("{}{path}", graph.router.base);
        let metadata: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
        assert_eq!(
            metadata,
            json!({
                "resource": "https://shop.example.com/mcp",
                "authorization_servers": ["https://id.example.com/shop"],
                "bearer_methods_supported": ["header"],
                "resource_name": "Vantage"
            })
        );
    }
    let metadata =
        "resource_metadata=\"https://shop.example.com/.well-known/oauth-protected-resource/mcp\"";
    let nobody = Agent::new(&graph);
    let refused = nobody.try_list().await;
    refused.error(401, -32600, "UNAUTHENTICATED");
    assert_eq!(
        refused.header("www-authenticate"),
        format!("Bearer {metadata}")
    );

    let expired = nobody.clone().signed_in("a.b.c").try_list().await;
    expired.error(401, -32600, "UNAUTHENTICATED");
    let challenge = format!("Bearer error=\"invalid_token\", {metadata}");
    assert_eq!(expired.header("www-authenticate"), challenge);

    let guessed = nobody.clone().with("x-api-key", "a guess").try_list().await;
    guessed.error(401, -32600, "UNAUTHENTICATED");
    // Its name alone proves nothing.
    let named = nobody
        .clone()
        .with("graphql-client-name", "assistant")
        .try_list()
        .await;
    named.error(401, -32600, "UNAUTHENTICATED");

    // Known, but without tools.
    let web = nobody
        .clone()
        .with("graphql-client-name", "web")
        .try_list()
        .await;
    assert!(
        web.error(403, -32600, "FORBIDDEN").contains("`web`"),
        "{web:?}"
    );
    let token = graph.demo_token().await;
    let stranger = nobody.clone().signed_in(&token).try_list().await;
    stranger.error(403, -32600, "FORBIDDEN");

    // The key is enough to list and to call; a customer's own data needs the customer.
    let agent = nobody.with_key();
    assert_eq!(agent.names().await, ["Currencies", "Me"]);
    agent.call("Currencies", json!({})).await.data();
    let nobodys = agent.call("Me", json!({})).await;
    assert_eq!(nobodys.code(), "UNAUTHENTICATED");
    let customer = agent.signed_in(&token).call("Me", json!({})).await;
    assert!(customer.data()["me"]["id"].is_string(), "{customer:?}");
}

#[tokio::test]
async fn a_default_client_has_tools_for_everybody() {
    let file = ClientsFile::new("tools: true", &[CURRENCIES, ME]);
    let graph = file.shop(&[("VANTAGE_MCP__CLIENT", "assistant")]).await;
    let visitor = Agent::new(&graph);
    visitor.call("Currencies", json!({})).await.data();
    let refused = visitor.call("Me", json!({})).await;
    refused.error(401, -32600, "UNAUTHENTICATED");
    assert!(
        refused
            .header("www-authenticate")
            .starts_with("Bearer resource_metadata="),
        "{refused:?}"
    );
    let customer = visitor.clone().signed_in(&graph.demo_token().await);
    assert!(customer.call("Me", json!({})).await.data()["me"]["id"].is_string());
    // Another registered client is itself.
    let web = visitor.with("graphql-client-name", "web").try_list().await;
    web.error(403, -32600, "FORBIDDEN");
}

#[tokio::test]
async fn a_foreign_page_may_not_call() {
    let file = ClientsFile::new("tools: true", &[CURRENCIES]);
    let graph = file
        .shop(&[("VANTAGE_SERVER__CORS__ORIGINS", "https://agent.example.com")])
        .await;
    let agent = Agent::new(&graph).with_key();
    for origin in [
        "https://agent.example.com",
        "http://localhost:5173",
        &graph.router.base,
    ] {
        agent
            .clone()
            .with("origin", origin)
            .try_list()
            .await
            .result();
    }
    for origin in ["https://evil.example.com", "null"] {
        let refused = agent.clone().with("origin", origin).try_list().await;
        refused.error(403, -32600, "FORBIDDEN");
    }
    // A page whose host name resolves to this process.
    let rebound = agent
        .with("host", "evil.example.com")
        .with("origin", "http://evil.example.com");
    let refused = rebound.try_list().await;
    refused.error(403, -32600, "FORBIDDEN");
}

#[tokio::test]
async fn a_default_client_without_tools_is_a_mistake() {
    let file = ClientsFile::new("tools: false", &[CURRENCIES]);
    let data = tempfile::tempdir().unwrap();
    let output = vantage(data.path())
        .env("VANTAGE_DEMO__ORDERS", "20")
        .env("VANTAGE_CLIENTS__FILE", file.path())
        .env("VANTAGE_MCP__CLIENT", "assistant")
        .args(["serve", "--listen", "127.0.0.1:0"])
        .output()
        .await
        .unwrap();
    assert!(!output.status.success());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("mcp.client: no client `assistant`"),
        "{error}"
    );
}
