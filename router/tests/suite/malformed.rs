//! Subgraph responses that violate the specification. Whatever they contain, only the invalid part is lost, and never
//! without an error.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use proptest::prelude::*;
use router::{
    EventStream, GraphQLRequest, RequestContext, Router, SubgraphRequest, SubgraphResponse,
    Transport, TransportError,
};
use serde_json::{Value, json};

/// Returns one fixed response for root fields and another for entities, whatever is requested.
#[derive(Debug)]
struct Scripted {
    root: Mutex<String>,
    entities: Mutex<String>,
}

#[async_trait]
impl Transport for Scripted {
    async fn fetch(&self, request: SubgraphRequest) -> Result<SubgraphResponse, TransportError> {
        let is_entities = request.query().contains("_entities");
        let body = if is_entities {
            &self.entities
        } else {
            &self.root
        };
        let body = body.lock().unwrap().clone();
        request.decode(&Bytes::from(body))
    }

    async fn subscribe(&self, request: SubgraphRequest) -> Result<EventStream, TransportError> {
        let event = self.fetch(request).await;
        Ok(Box::pin(futures::stream::iter([event])))
    }
}

pub(crate) struct Scripts {
    router: Router,
    a: Arc<Scripted>,
    b: Arc<Scripted>,
}

const LINK: &str = crate::kit::LINK;

pub(crate) fn scripts() -> Scripts {
    let scripted = || {
        Arc::new(Scripted {
            root: Mutex::default(),
            entities: Mutex::default(),
        })
    };
    let (a, b) = (scripted(), scripted());
    let of_a = format!(
        r#"{LINK} type Query {{ n: Int f: Float s: String e: E item: Item items: [Item] any: Any blob: Blob }}
           enum E {{ X Y }} scalar Blob
           interface Any {{ id: ID! }} interface Sized {{ size: Int }}
           type Item implements Any & Sized @key(fields: "id owner {{ name }}") {{ id: ID! size: Int owner: Owner tags: [String] }}
           type Other implements Any {{ id: ID! size: Int owner: Owner }}
           type Owner {{ name: String @shareable }}"#
    );
    let of_b = format!(
        r#"{LINK} type Query {{ b: Int }}
           type Item @key(fields: "id owner {{ name }}") {{ id: ID! owner: Owner price: Int parts: [Part] }}
           type Owner {{ name: String @shareable }}
           type Part {{ no: Int }}"#
    );
    let router = Router::builder()
        .subgraph("a", &of_a, a.clone())
        .subgraph("b", &of_b, b.clone())
        .build()
        .expect("a router");
    Scripts { router, a, b }
}

impl Scripts {
    pub(crate) async fn execute(&self, query: &str, root: &str, entities: &str) -> Value {
        root.clone_into(&mut self.a.root.lock().unwrap());
        entities.clone_into(&mut self.b.entities.lock().unwrap());
        let request = GraphQLRequest::new(query);
        let response = self
            .router
            .execute(request, RequestContext::default())
            .await;
        serde_json::from_slice(&response.to_bytes()).expect("JSON")
    }
}

/// Paths of the errors, without duplicates.
pub(crate) fn paths(answer: &Value) -> Vec<&Value> {
    let errors = answer["errors"].as_array();
    let paths = errors.into_iter().flatten().map(|error| &error["path"]);
    let mut paths: Vec<&Value> = paths.collect();
    paths.dedup();
    paths
}

#[tokio::test]
async fn malformed_errors_cost_no_data() {
    let scripts = scripts();
    for (errors, path) in [
        (
            json!([{ "message": "m", "path": ["s"], "extensions": [] }]),
            json!(["s"]),
        ),
        (json!([{ "message": null, "path": ["s"] }]), json!(["s"])),
        (json!([{ "path": ["s"] }]), json!(["s"])),
        (
            json!([{ "message": { "en": "m" }, "path": ["s", -1] }]),
            json!(["s"]),
        ),
        (
            json!([{ "message": "m", "path": ["s", 1.5, {}] }]),
            json!(["s"]),
        ),
        (json!([{ "message": "m", "path": "s" }]), Value::Null),
        (
            json!([{ "message": "m", "path": [-1], "locations": "no" }]),
            Value::Null,
        ),
        (json!(["boom"]), Value::Null),
        (json!([null]), Value::Null),
        (json!([[], 7]), Value::Null),
        (json!("boom"), Value::Null),
        (json!({ "message": "m" }), Value::Null),
        (json!(true), Value::Null),
    ] {
        let body = json!({ "data": { "n": 3, "s": null }, "errors": errors }).to_string();
        let answer = scripts.execute("{ n s }", &body, "").await;
        assert_eq!(answer["data"], json!({ "n": 3, "s": null }), "{body}");
        let found = paths(&answer);
        assert!(!found.is_empty(), "{body}");
        if !path.is_null() {
            assert_eq!(found, [&path], "{body}");
        }
    }
}

#[tokio::test]
async fn what_is_not_a_response_is_an_error_at_every_field() {
    let scripts = scripts();
    for body in [
        r#"{"data":[]}"#,
        r#"{"data":"{}"}"#,
        r#"{"data":7}"#,
        r#"{"data":true}"#,
        r#"{"data":null}"#,
        r#"{"data":null,"errors":[]}"#,
        r#"{"data":{}}"#,
        r#"{"data":[{"n":1,"s":"x"}]}"#,
        r#""{}""#,
        "{}",
        "null",
        "[]",
        "",
        "<html></html>",
        "{\"data\":{\"n\":1",
        r#"{"dat":{"n":1}}"#,
    ] {
        let answer = scripts.execute("{ n s }", body, "").await;
        assert_eq!(answer["data"], json!({ "n": null, "s": null }), "{body}");
        assert_eq!(paths(&answer), [&json!(["n"]), &json!(["s"])], "{body}");
    }
}

#[tokio::test]
async fn entities_that_do_not_belong_to_their_representations_are_an_error() {
    let scripts = scripts();
    let root = json!({ "data": { "items": [
        { "__typename": "Item", "id": "1", "owner": { "name": "a" } },
        { "__typename": "Item", "id": "2", "owner": { "name": "b" } },
    ] } });
    let query = "{ items { id price } }";
    let price = |price: i64| json!({ "__typename": "Item", "price": price });
    let whole = [json!(["items"])];
    let nothing = json!({ "items": [{ "id": "1", "price": null }, { "id": "2", "price": null }] });
    for entities in [
        json!([price(1)]),
        json!([price(1), price(2), price(3)]),
        json!([]),
        json!({}),
        json!("x"),
        Value::Null,
        price(1),
    ] {
        let body = json!({ "data": { "_entities": entities } }).to_string();
        let answer = scripts.execute(query, &root.to_string(), &body).await;
        assert_eq!(answer["data"], nothing, "{body}");
        assert_eq!(paths(&answer), whole.each_ref(), "{body}");
    }
    for entity in [
        json!(7),
        json!([]),
        json!("x"),
        json!({}),
        json!({ "price": "x" }),
    ] {
        let body = json!({ "data": { "_entities": [entity, price(2)] } }).to_string();
        let answer = scripts.execute(query, &root.to_string(), &body).await;
        let expected =
            json!({ "items": [{ "id": "1", "price": null }, { "id": "2", "price": 2 }] });
        assert_eq!(answer["data"], expected, "{body}");
        let found = paths(&answer);
        assert_eq!(found.len(), 1, "{body}: {answer}");
        assert_eq!(found[0][1], 0, "{body}");
    }
    // A missing entity is not an error.
    let body = json!({ "data": { "_entities": [null, price(2)] } }).to_string();
    let answer = scripts.execute(query, &root.to_string(), &body).await;
    assert_eq!(answer.get("errors"), None);
}

#[tokio::test]
async fn a_type_or_a_value_that_nobody_knows_is_an_error() {
    let scripts = scripts();
    for (query, body) in [
        (
            "{ any { id ... on Item { size } } }",
            json!({ "any": { "__typename": "Nothing", "id": "1" } }),
        ),
        (
            "{ any { id ... on Item { size } } }",
            json!({ "any": { "__typename": "Query", "id": "1" } }),
        ),
        (
            "{ any { id ... on Item { size } } }",
            json!({ "any": { "__typename": 7, "id": "1" } }),
        ),
        (
            "{ any { id ... on Item { size } } }",
            json!({ "any": { "id": "1" } }),
        ),
        ("{ e }", json!({ "e": "Z" })),
        ("{ e }", json!({ "e": 1 })),
        ("{ items { id } }", json!({ "items": { "id": "1" } })),
        ("{ item { id } }", json!({ "item": [{ "id": "1" }] })),
        ("{ item { tags } }", json!({ "item": { "tags": "one" } })),
        (
            "{ item { price } }",
            json!({ "item": { "id": "1", "owner": 3 } }),
        ),
        ("{ item { price } }", json!({ "item": { "id": "1" } })),
        ("{ item { price } }", json!({ "item": {} })),
    ] {
        let body = json!({ "data": body }).to_string();
        let answer = scripts
            .execute(query, &body, r#"{"data":{"_entities":[]}}"#)
            .await;
        assert!(!paths(&answer).is_empty(), "{query} {body}: {answer}");
    }
}

const QUERY: &str = "{ n s e item { id size tags price parts { no } } items { size owner { name } price } any { __typename id ... on Item { size tags owner { name } } ... on Other { size } } blob }";

#[tokio::test]
async fn numbers_are_of_their_type_however_they_are_written() {
    let scripts = scripts();
    for (written, expected) in [
        ("3", 3),
        ("3.0", 3),
        ("-3e0", -3),
        ("20e-1", 2),
        ("2147483647.0", i32::MAX),
    ] {
        let answer = scripts
            .execute("{ n }", &format!(r#"{{"data":{{"n":{written}}}}}"#), "")
            .await;
        assert_eq!(answer, json!({ "data": { "n": expected } }), "{written}");
    }
    for (field, written) in [
        ("n", "3.5"),
        ("n", "2147483648.0"),
        ("n", "1e999"),
        ("f", "1e999"),
        ("f", "-1e400"),
    ] {
        let answer = scripts
            .execute(
                &format!("{{ {field} }}"),
                &format!(r#"{{"data":{{"{field}":{written}}}}}"#),
                "",
            )
            .await;
        assert_eq!(answer["data"][field], Value::Null, "{written}");
        assert_eq!(paths(&answer), [&json!([field])], "{written}");
    }
}

fn responses() -> [Value; 2] {
    let item = |id: &str| json!({ "__typename": "Item", "id": id, "size": 1, "tags": ["x"], "owner": { "name": "o" } });
    [
        json!({ "data": {
            "n": 1, "s": "s", "e": "X", "item": item("1"), "items": [item("1"), item("2")],
            "any": item("3"), "blob": { "any": [1] },
        } }),
        json!({ "data": { "_entities": [
            { "__typename": "Item", "price": 1, "parts": [{ "no": 1 }] },
            { "__typename": "Item", "price": 1, "parts": [{ "no": 1 }] },
        ] } }),
    ]
}

/// All locations within a value, as JSON pointers.
fn places(value: &Value, at: &str, out: &mut Vec<String>) {
    out.push(at.to_owned());
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                places(item, &format!("{at}/{index}"), out);
            }
        }
        Value::Object(fields) => {
            for (key, field) in fields {
                places(field, &format!("{at}/{key}"), out);
            }
        }
        _ => {}
    }
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(fields) => fields.values().any(has_null),
        _ => false,
    }
}

fn junk() -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        Just(None),
        Just(Some(json!([]))),
        Just(Some(json!({}))),
        Just(Some(json!("junk"))),
        Just(Some(json!(-7))),
        Just(Some(json!(1.5))),
        Just(Some(json!(true))),
        Just(Some(json!([[]]))),
        Just(Some(json!([{ "id": "1" }]))),
        Just(Some(json!({ "__typename": "Owner" }))),
        Just(Some(json!({ "__typename": ["Item"], "id": {} }))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// The responses contain no nulls, so every null in the result stands for an invalid value.
    #[test]
    fn no_null_is_silent(second in any::<bool>(), place in any::<prop::sample::Index>(), junk in junk()) {
        let mut responses = responses();
        let response = &mut responses[usize::from(second)];
        let mut known = Vec::new();
        places(response, "", &mut known);
        let place = place.get(&known).clone();
        match (junk, place.rsplit_once('/')) {
            (Some(junk), _) => *response.pointer_mut(&place).unwrap() = junk,
            (None, Some((parent, key))) => match response.pointer_mut(parent).unwrap() {
                Value::Object(fields) => drop(fields.shift_remove(key)),
                Value::Array(items) => drop(items.remove(key.parse().unwrap())),
                _ => {}
            },
            (None, None) => {}
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let [root, entities] = responses.map(|response| response.to_string());
        let answer = runtime.block_on(scripts().execute(QUERY, &root, &entities));
        let explained = !paths(&answer).is_empty();
        prop_assert!(explained || !has_null(&answer["data"]), "{root} {entities}: {answer}");
        // Unrelated fields are unaffected.
        let elsewhere = if second || place.starts_with("/data/item") { "n" } else { "" };
        if !elsewhere.is_empty() {
            prop_assert_eq!(&answer["data"][elsewhere], &json!(1));
        }
    }
}
