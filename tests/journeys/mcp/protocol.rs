//! The protocol itself: its revisions, and requests that do not follow it.

use serde_json::{Value, json};

use super::agent::{Agent, ClientsFile};

const CURRENCIES: &str = "query Currencies { currencies { code } }";

#[tokio::test]
async fn two_lifecycles_are_spoken_side_by_side() {
    let file = ClientsFile::new("tools: true", &[CURRENCIES]);
    let graph = file.shop(&[]).await;
    let agent = Agent::new(&graph).with_key();
    let discovered = agent.request("server/discover", json!({})).await;
    let result = discovered.result();
    assert_eq!(
        result["supportedVersions"],
        json!(["2025-06-18", "2025-11-25", "2026-07-28"])
    );
    assert_eq!(result["capabilities"], json!({ "tools": {} }));

    // The older revision starts with a handshake, and has no session here either.
    let params = json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": { "name": "tests", "version": "1" }
    });
    let send = async |agent: &Agent, method: &str, params: Value| {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        agent.post(body.to_string()).await
    };
    let initialized = send(&agent, "initialize", params).await;
    assert_eq!(initialized.result()["protocolVersion"], "2025-11-25");
    assert_eq!(initialized.header("mcp-session-id"), "");
    let older = agent.clone().with("mcp-protocol-version", "2025-11-25");
    let notified = older
        .post(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string())
        .await;
    assert_eq!(notified.status.as_u16(), 202);
    assert_eq!(*send(&older, "ping", json!({})).await.result(), json!({}));
    let called = send(&older, "tools/call", json!({ "name": "Currencies" })).await;
    assert!(called.data()["currencies"].is_array(), "{called:?}");
    assert!(called.result().get("resultType").is_none(), "{called:?}");
}

#[tokio::test]
async fn what_does_not_follow_the_protocol_is_refused_in_its_terms() {
    let file = ClientsFile::new("tools: true", &[CURRENCIES]);
    let graph = file.shop(&[("VANTAGE_MCP__MAX_BODY_BYTES", "1000")]).await;
    let agent = Agent::new(&graph).with_key();
    let bad = "BAD_USER_INPUT";
    agent.post("{").await.error(400, -32700, bad);
    agent.post("{}").await.error(400, -32600, bad);
    agent.post("[]").await.error(400, -32600, bad);
    agent.post("x".repeat(1001)).await.error(413, -32600, bad);
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let text = agent
        .clone()
        .with("content-type", "text/plain")
        .post(ping)
        .await;
    text.error(415, -32600, bad);
    let html = agent.clone().with("accept", "text/html").post(ping).await;
    html.error(406, -32600, bad);
    let unknown = agent
        .clone()
        .with("mcp-protocol-version", "1999-01-01")
        .post(ping)
        .await;
    unknown.error(400, -32600, bad);
    let missing = agent.request("resources/list", json!({})).await;
    missing.error(404, -32601, "");
    let response = reqwest::get(format!("{}/mcp", graph.router.base))
        .await
        .unwrap();
    assert_eq!(response.status().as_u16(), 405);
    assert_eq!(response.headers()["allow"], "POST");
}

#[tokio::test]
async fn it_can_be_elsewhere_or_nowhere() {
    let file = ClientsFile::new("tools: true", &[CURRENCIES]);
    let elsewhere = file.shop(&[("VANTAGE_MCP__PATH", "/agents/shop")]).await;
    let status = async |path: &str| {
        let url = format!("{}{path}", elsewhere.router.base);
        reqwest::get(url).await.unwrap().status().as_u16()
    };
    assert_eq!(status("/mcp").await, 404);
    assert_eq!(status("/agents/shop").await, 405);
    assert_eq!(
        status("/.well-known/oauth-protected-resource/agents/shop").await,
        200
    );
    drop(elsewhere);
    let nowhere = file.shop(&[("VANTAGE_MCP__ENABLED", "false")]).await;
    let answer = Agent::new(&nowhere).with_key().try_list().await;
    assert_eq!(answer.status.as_u16(), 404);
}
