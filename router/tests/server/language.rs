//! Values of every kind reach subgraphs unchanged, as literals and in variables, in process and over HTTP.

use std::sync::{Arc, Mutex};

use async_graphql::{
    EmptyMutation, EmptySubscription, ID, InputObject, InputValueResult, Object, Request, Response,
    Scalar, ScalarType, Schema, Value as Input,
};
use axum::Json;
use axum::routing::post;
use platform::caller::CallerKey;
use router::{HttpTransport, HttpTransportOptions, LocalTransport, Router, Transport};
use serde_json::{Value, json};

use crate::kit::Edge;
use crate::remote::KEY;
use crate::requests::{Case, GRAPHQL_RESPONSE, query};

/// An exact number, as a number or as a string of digits.
struct Amount(String);

#[Scalar(name = "Amount")]
impl ScalarType for Amount {
    fn parse(value: Input) -> InputValueResult<Self> {
        match value {
            Input::String(digits) => Ok(Self(digits)),
            Input::Number(number) => Ok(Self(number.to_string())),
            other => Err(async_graphql::InputValueError::expected_type(other)),
        }
    }

    fn to_value(&self) -> Input {
        Input::String(self.0.clone())
    }
}

#[derive(InputObject)]
struct Purse {
    amounts: Vec<Amount>,
    ratio: f64,
}

struct Query;

#[Object]
impl Query {
    async fn text(&self, value: String) -> String {
        value
    }

    async fn amount(&self, value: Amount) -> Amount {
        value
    }

    async fn purse(&self, value: Purse) -> String {
        let amounts: Vec<String> = value.amounts.into_iter().map(|amount| amount.0).collect();
        format!("{} {:?}", amounts.join(" "), value.ratio)
    }

    async fn ratio(&self, value: f64) -> String {
        format!("{value:?}")
    }

    async fn key(&self, value: ID) -> ID {
        value
    }
}

type Language = Schema<Query, EmptyMutation, EmptySubscription>;

fn schema() -> Language {
    Schema::build(Query, EmptyMutation, EmptySubscription)
        .enable_federation()
        .finish()
}

async fn edge_over(transport: Arc<dyn Transport>) -> Edge {
    let sdl = schema().sdl_with_options(async_graphql::SDLExportOptions::new().federation());
    let router = Router::builder().subgraph("language", &sdl, transport);
    Edge::of(router.build().expect("a router")).await
}

/// Serves on a free port and returns the URL.
async fn serve(app: axum::Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}/graphql")
}

/// The subgraph in process, and over HTTP.
async fn edges() -> [Edge; 2] {
    let local = LocalTransport::new("language", Arc::new(schema()));
    let schema = schema();
    let execute = move |Json(request): Json<Request>| async move {
        Json::<Response>(schema.execute(request).await)
    };
    let url = serve(axum::Router::new().route("/graphql", post(execute))).await;
    let options = HttpTransportOptions {
        caller_key: Some(CallerKey::new(KEY).expect("a key")),
        ..HttpTransportOptions::default()
    };
    let remote = HttpTransport::new("language", &url, options).expect("a transport");
    [
        edge_over(Arc::new(local)).await,
        edge_over(Arc::new(remote)).await,
    ]
}

async fn post_body(edge: &Edge, body: String) -> (u16, Value) {
    let response = Case::post(body)
        .header("accept", GRAPHQL_RESPONSE)
        .send(edge)
        .await;
    let status = response.status().as_u16();
    (status, response.json().await.expect("JSON"))
}

#[tokio::test]
async fn strings_mean_what_the_specification_says() {
    for edge in edges().await {
        for (literal, text) in [
            (r#""\ud83c\udfa7""#, "🎧"),
            (r#""\uD83C\uDFA7 caf\u00E9""#, "🎧 café"),
            (r#""\u{1F3A7}\u{e9}""#, "🎧é"),
            (r#""🎧""#, "🎧"),
            (r#""\b\f\n\r\t\/\\\"""#, "\u{8}\u{c}\n\r\t/\\\""),
            (r#""\u0000\u001f\u007f""#, "\u{0}\u{1f}\u{7f}"),
            (
                "\"\"\"\r  a\r   b\r\n\r  c\\\"\"\" \r\"\"\"",
                "a\n b\n\nc\"\"\" ",
            ),
            ("\"\"\"\\u0041 🎧\"\"\"", "\\u0041 🎧"),
        ] {
            let (_, answer) =
                post_body(&edge, query(&format!("{{ text(value: {literal}) }}"))).await;
            assert_eq!(answer, json!({ "data": { "text": text } }), "{literal}");
            // Sent as JSON when it is a variable's default.
            let document = format!("query($v: String! = {literal}) {{ text(value: $v) }}");
            let (_, answer) = post_body(&edge, query(&document)).await;
            assert_eq!(answer, json!({ "data": { "text": text } }), "{literal}");
        }
        for literal in [
            r#""\ud83c""#,
            r#""\udfa7""#,
            r#""\ud83c\u0041""#,
            r#""\u{d83c}""#,
            r#""\u{110000}""#,
            r#""\x""#,
            "\"a\rb\"",
        ] {
            let (status, answer) =
                post_body(&edge, query(&format!("{{ text(value: {literal}) }}"))).await;
            assert_eq!(status, 400, "{literal}");
            let error = &answer["errors"][0];
            assert_eq!(error["extensions"]["code"], "GRAPHQL_PARSE_FAILED");
            assert_eq!(error["locations"][0]["line"], 1, "{error}");
            assert!(
                error["locations"][0]["column"].as_u64() > Some(15),
                "{error}"
            );
        }
        let half =
            r#"{"query":"query($v: String!) { text(value: $v) }","variables":{"v":"\ud83c"}}"#;
        let (status, answer) = post_body(&edge, half.to_owned()).await;
        assert_eq!(status, 400);
        assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
    }
}

#[tokio::test]
async fn numbers_keep_their_digits() {
    for edge in edges().await {
        for (field, ty, number, seen) in [
            (
                "amount",
                "Amount!",
                "90071992547409.93",
                "90071992547409.93",
            ),
            (
                "amount",
                "Amount!",
                "9223372036854775808",
                "9223372036854775808",
            ),
            ("amount", "Amount!", "9007199254740993", "9007199254740993"),
            (
                "amount",
                "Amount!",
                "-123456789012345678901234567890.123456789",
                "-123456789012345678901234567890.123456789",
            ),
            ("amount", "Amount!", "1.79e308", "1.79e308"),
            ("amount", "Amount!", "1e400", "1e400"),
            ("amount", "Amount!", "19.99", "19.99"),
            ("amount", "Amount!", "7", "7"),
            (
                "ratio",
                "Float!",
                "9223372036854775808",
                "9.223372036854776e18",
            ),
            (
                "ratio",
                "Float!",
                "0.30000000000000004",
                "0.30000000000000004",
            ),
            (
                "ratio",
                "Float!",
                "3.14159265358979323846",
                "3.141592653589793",
            ),
            ("ratio", "Float!", "1.5e300", "1.5e300"),
            ("ratio", "Float!", "3", "3.0"),
            (
                "key",
                "ID!",
                "123456789012345678901234567890",
                "123456789012345678901234567890",
            ),
            ("key", "ID!", "9007199254740993", "9007199254740993"),
            ("key", "ID!", "7", "7"),
        ] {
            let expected = json!({ "data": { field: seen } });
            let (_, answer) =
                post_body(&edge, query(&format!("{{ {field}(value: {number}) }}"))).await;
            assert_eq!(answer, expected, "{number} as a literal");
            let document = format!("query($v: {ty} = {number}) {{ {field}(value: $v) }}");
            let (_, answer) = post_body(&edge, query(&document)).await;
            assert_eq!(answer, expected, "{number} as a default");
            let document = json!(format!("query($v: {ty}) {{ {field}(value: $v) }}"));
            let body = format!("{{\"query\":{document},\"variables\":{{\"v\":{number}}}}}");
            let (_, answer) = post_body(&edge, body).await;
            assert_eq!(answer, expected, "{number} as a variable");
        }
        let expected =
            json!({ "data": { "purse": "90071992547409.93 1e400 2.5 0.30000000000000004" } });
        let document = "{ purse(value: {amounts: [90071992547409.93, 1e400, 2.5], ratio: 0.30000000000000004}) }";
        assert_eq!(post_body(&edge, query(document)).await.1, expected);
        let body = r#"{"query":"query($v: Purse!) { purse(value: $v) }","variables":{"v":{"amounts":[90071992547409.93,1e400,2.5],"ratio":0.30000000000000004}}}"#;
        assert_eq!(post_body(&edge, body.to_owned()).await.1, expected);
    }
}

#[tokio::test]
async fn numbers_that_their_type_has_no_room_for_are_the_clients_mistake() {
    let [edge, _] = edges().await;
    for (field, ty, number) in [
        ("ratio", "Float!", "1e309"),
        ("ratio", "Float!", "-1e400"),
        ("key", "ID!", "12345678901234567890.5"),
        ("text", "String!", "9223372036854775808"),
    ] {
        let (status, answer) =
            post_body(&edge, query(&format!("{{ {field}(value: {number}) }}"))).await;
        assert_eq!(status, 400, "{number}");
        assert_eq!(
            answer["errors"][0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED",
            "{answer}"
        );
        let document = json!(format!("query($v: {ty}) {{ {field}(value: $v) }}"));
        let body = format!("{{\"query\":{document},\"variables\":{{\"v\":{number}}}}}");
        let (status, answer) = post_body(&edge, body).await;
        assert_eq!(status, 400, "{number}");
        assert_eq!(
            answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT",
            "{answer}"
        );
    }
}

#[tokio::test]
async fn other_subgraphs_get_numbers_as_they_were_written() {
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let got = Arc::clone(&bodies);
    let answer = move |body: String| async move {
        got.lock().expect("no panic").push(body);
        Json(json!({ "data": { "amount": "1" } }))
    };
    let url = serve(axum::Router::new().route("/graphql", post(answer))).await;
    let options = HttpTransportOptions::default();
    let transport = HttpTransport::new("language", &url, options).expect("a transport");
    let edge = edge_over(Arc::new(transport)).await;
    for number in [
        "90071992547409.93",
        "123456789012345678901234567890",
        "1e400",
    ] {
        post_body(&edge, query(&format!("{{ amount(value: {number}) }}"))).await;
        let body = bodies.lock().expect("no panic").pop().expect("a request");
        assert!(body.contains(&format!("amount(value: {number})")), "{body}");
        let body = format!(
            "{{\"query\":\"query($v: Amount!) {{ amount(value: $v) }}\",\"variables\":{{\"v\":{number}}}}}"
        );
        post_body(&edge, body).await;
        let body = bodies.lock().expect("no panic").pop().expect("a request");
        assert!(body.contains(&format!("\"v\":{number}")), "{body}");
    }
}

#[tokio::test]
async fn descriptions_are_no_part_of_what_is_executed() {
    let [edge, _] = edges().await;
    let document = "\"An operation\" query Q(\"\"\" A text \"\"\" $v: String! = \"x\") { ...F }\n\
                    \"\"\"\n  A fragment\n\"\"\" fragment F on Query { text(value: $v) }";
    let (status, answer) = post_body(&edge, query(document)).await;
    assert_eq!((status, answer), (200, json!({ "data": { "text": "x" } })));
    let unknown = "query($v: String = \"x\" @unknown) { text(value: $v) }";
    let (status, answer) = post_body(&edge, query(unknown)).await;
    assert_eq!(status, 400);
    let error = answer["errors"]
        .as_array()
        .and_then(|errors| {
            errors.iter().find(|error| {
                error["message"]
                    .as_str()
                    .is_some_and(|m| m.contains("@unknown"))
            })
        })
        .unwrap_or_else(|| panic!("{answer}"));
    assert_eq!(error["locations"], json!([{ "line": 1, "column": 24 }]));
}
