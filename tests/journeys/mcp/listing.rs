//! The list of tools: its order, pages and size, and that it follows the clients file.

use std::path::Path;

use serde_json::{Value, json};
use tiktoken_rs::o200k_base_singleton;

use super::agent::{Agent, ClientsFile};
use crate::kit::{Graph, Layout};
use crate::wait::until;

const A: &str = "query A { currencies { code } }";
const B: &str = "query B { currencies { name } }";
const C: &str = "query C { currencies { symbol } }";

#[tokio::test]
async fn the_list_has_pages_and_follows_the_clients_file() {
    let file = ClientsFile::new("tools: true", &[C, A]);
    let graph = file
        .shop(&[
            ("VANTAGE_MCP__PAGE_SIZE", "1"),
            ("VANTAGE_MCP__LIST_TTL", "5s"),
        ])
        .await;
    let agent = Agent::new(&graph).with_key();
    let first = agent.try_list().await;
    let page = |result: &Value| {
        (
            result["tools"][0]["name"].clone(),
            result["nextCursor"].clone(),
        )
    };
    let (name, cursor) = page(first.result());
    assert_eq!(name, "A");
    assert_eq!(
        (&first.result()["ttlMs"], &first.result()["cacheScope"]),
        (&json!(5000), &json!("private"))
    );
    // The next page starts where the last one ended, whatever has been added since.
    file.write_operations(&[C, A, B]);
    until("the operation is a tool", async || {
        let answer = agent.call("B", json!({})).await;
        answer.body.get("result").map(drop)
    })
    .await;
    let second = agent
        .request("tools/list", json!({ "cursor": cursor }))
        .await;
    let (name, cursor) = page(second.result());
    assert_eq!(name, "B");
    let third = agent
        .request("tools/list", json!({ "cursor": cursor }))
        .await;
    assert_eq!(page(third.result()), (json!("C"), Value::Null));
    let nowhere = agent
        .request("tools/list", json!({ "cursor": "nowhere" }))
        .await;
    nowhere.error(200, -32602, "");
    // Without tools, its key is of no use here.
    file.write_settings("tools: false");
    until("the client offers no tools", async || {
        let answer = agent.try_list().await;
        (answer.status.as_u16() == 403).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_tool_is_described_to_those_who_choose_it() {
    let document =
        "\"Shows a product.\" query Show(\"Which one.\" $id: ID!) { product(id: $id) { title } }";
    let file = ClientsFile::new(
        "tools: { mutations: [Record] }",
        &[
            document,
            "mutation Record($input: SearchEventInput!) { searchEventRecord(input: $input) { recorded } }",
            "subscription Watch($id: ID!) { returnUpdated(returnId: $id) { id } }",
        ],
    );
    let graph = file.shop(&[]).await;
    let tools = Agent::new(&graph).with_key().list().await;
    let [record, show] = tools.as_slice() else {
        panic!("subscriptions are no tools: {tools:#?}");
    };
    assert_eq!(
        *show,
        json!({
            "name": "Show",
            "description": "Shows a product.",
            "inputSchema": {
                "type": "object",
                "properties": { "id": { "type": "string", "description": "Which one." } },
                "required": ["id"],
                "additionalProperties": false
            },
            "outputSchema": {
                "type": "object",
                "properties": {
                    "product": {
                        "type": ["object", "null"],
                        "properties": { "title": { "type": "string" } },
                        "required": ["title"]
                    }
                },
                "required": ["product"]
            },
            "annotations": {
                "readOnlyHint": true,
                "destructiveHint": false,
                "idempotentHint": true,
                "openWorldHint": false
            }
        })
    );
    // The schema describes what the operation does not.
    assert!(
        record["description"]
            .as_str()
            .unwrap()
            .starts_with("Records "),
        "{record:#}"
    );
    assert_eq!(
        record["annotations"],
        json!({
            "readOnlyHint": false,
            "destructiveHint": true,
            "idempotentHint": false,
            "openWorldHint": true
        })
    );
}

/// What a model can be expected to read before every conversation.
const MAX_TOKENS: usize = 6_000;

#[tokio::test]
async fn fifteen_tools_take_few_tokens() {
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("router-config/clients.yaml");
    let settings = [
        ("VANTAGE_DEMO__ORDERS", "20"),
        ("VANTAGE_CLIENTS__FILE", clients.to_str().unwrap()),
        ("VANTAGE_MCP__CLIENT", "shopping-assistant"),
    ];
    let graph = Graph::start(Layout::Sqlite, &settings, &[]).await;
    let answer = Agent::new(&graph).try_list().await;
    assert_eq!(answer.result()["tools"].as_array().unwrap().len(), 15);
    let text = answer.body.to_string();
    let tokens = o200k_base_singleton().encode_ordinary(&text).len();
    assert!(tokens <= MAX_TOKENS, "{tokens} tokens: {text}");
}
