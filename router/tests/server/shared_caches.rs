//! Cache headers for caches in front of the server.

use std::path::Path;
use std::time::Duration;

use router::clients::{Clients, ClientsFiles};
use serde_json::{Value, json};

use crate::kit::Edge;
use crate::requests::{Case, query};

#[tokio::test]
async fn an_answer_that_all_may_keep_has_a_tag_and_is_not_sent_again() {
    let edge = Edge::start().await;
    let get = async |document: &str, known: Option<&str>| {
        let query_string = format!("?query={document}");
        let mut case = Case::get(&query_string);
        if let Some(known) = known {
            case = case.header("if-none-match", known);
        }
        case.send(&edge).await
    };
    let text = |response: &reqwest::Response, name: &str| {
        let values = response.headers().get_all(name).iter();
        let values: Vec<_> = values.filter_map(|value| value.to_str().ok()).collect();
        values.join(", ")
    };
    let first = get("{shop}", None).await;
    assert_eq!(first.status(), 200);
    let tag = text(&first, "etag");
    assert!(tag.starts_with("W/\""), "{tag}");
    for known in [tag.as_str(), "*", &format!("\"other\", {tag}")] {
        let again = get("{shop}", Some(known)).await;
        assert_eq!(again.status(), 304, "{known}");
        assert_eq!(text(&again, "etag"), tag);
        assert_eq!(text(&again, "cache-control"), "max-age=60, public");
        for name in [
            "accept",
            "authorization",
            "x-api-key",
            "accept-language",
            "x-vantage-country",
            "x-vantage-currency",
        ] {
            let vary = text(&again, "vary");
            assert!(vary.split(", ").any(|part| part == name), "{name}: {vary}");
            assert!(!vary.contains("trace"), "{vary}");
        }
        assert_eq!(again.text().await.expect("text"), "");
    }
    assert_eq!(get("{shop}", Some("W/\"other\"")).await.status(), 200);
    // Private or uncacheable responses have none.
    for document in ["{basket}", "{hello}", "{shop basket}", "{closed}"] {
        let response = get(document, Some("*")).await;
        assert_eq!(response.status(), 200, "{document}");
        assert_eq!(text(&response, "etag"), "", "{document}");
    }
    // Nor do responses to requests with a token, which may contain private data.
    let token = format!("Bearer {}", edge.token("usr_1", Duration::from_secs(60)));
    let known = Case::get("?query={shop}").header("authorization", &token);
    let known = known.header("if-none-match", "*").send(&edge).await;
    assert_eq!(
        (known.status().as_u16(), text(&known, "etag")),
        (200, String::new())
    );
    assert_eq!(text(&known, "cache-control"), "max-age=60, private");
    let post = Case::post(query("{ shop }")).header("if-none-match", &tag);
    assert_eq!(post.send(&edge).await.status(), 200);
    let unknown = Case::get("/unknown").send(&edge).await;
    assert_eq!(text(&unknown, "cache-control"), "no-store");
}

#[tokio::test]
async fn what_an_id_means_to_one_client_is_not_kept_for_another() {
    let edge = Edge::start().await;
    let directory = tempfile::tempdir().expect("a directory");
    for (name, document) in [("one.json", "{ shop }"), ("other.json", "{ open: shop }")] {
        let manifest = json!({ "page": document }).to_string();
        std::fs::write(directory.path().join(name), manifest).expect("written");
    }
    let path = directory.path().join("clients.yaml");
    let text =
        "clients: [{ name: one, manifests: [one.json] }, { name: other, manifests: [other.json] }]";
    std::fs::write(&path, text).expect("written");
    let files = ClientsFiles::read(Path::new(&path)).expect("files");
    let clients = Clients::load(&files).expect("clients");
    edge.state.replace_clients(clients).await.expect("they fit");
    for (name, data) in [
        ("one", json!({"shop": "open"})),
        ("other", json!({"open": "open"})),
    ] {
        let response = Case::get("/page")
            .header("graphql-client-name", name)
            .send(&edge)
            .await;
        let vary = response.headers().get_all("vary").iter();
        assert!(
            vary.filter_map(|value| value.to_str().ok())
                .any(|name| name == "graphql-client-name")
        );
        let answer: Value = response.json().await.expect("JSON");
        assert_eq!(answer["data"], data);
    }
    let nobody = Case::get("/page").send(&edge).await;
    let answer: Value = nobody.json().await.expect("JSON");
    assert_eq!(answer["errors"][0]["message"], "PersistedQueryNotFound");
}
