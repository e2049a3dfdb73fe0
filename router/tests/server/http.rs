//! GraphQL over HTTP, case by case.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::kit::{Edge, router_with_plans};
use crate::requests::{Case, GRAPHQL_RESPONSE, JSON, content_type, query};

#[tokio::test]
async fn the_answers_type_and_status_follow_what_the_client_accepts() {
    let edge = Edge::start().await;
    let check =
        async |body: &str, accept: Option<&str>, status: u16, media: &str, has_data: bool| {
            let mut case = Case::post(body);
            if let Some(accept) = accept {
                case = case.header("accept", accept);
            }
            let response = case.send(&edge).await;
            assert_eq!(response.status(), status, "{body} as {accept:?}");
            assert_eq!(content_type(&response), format!("{media}; charset=utf-8"));
            let answer: Value = response.json().await.expect("JSON");
            assert_eq!(answer.get("data").is_some(), has_data, "{answer}");
        };
    let good = query("{ hello }");
    let syntax = query("{");
    let invalid = query("{ unknown }");
    let unnamed = query("query A { hello } query B { hello }");
    let partial = query("{ broken }");
    check(&good, None, 200, JSON, true).await;
    check(&good, Some("*/*"), 200, JSON, true).await;
    check(&good, Some(JSON), 200, JSON, true).await;
    check(&good, Some(GRAPHQL_RESPONSE), 200, GRAPHQL_RESPONSE, true).await;
    check(
        &partial,
        Some(GRAPHQL_RESPONSE),
        200,
        GRAPHQL_RESPONSE,
        true,
    )
    .await;
    for refused in [syntax, invalid, unnamed] {
        check(&refused, Some(JSON), 200, JSON, false).await;
        check(
            &refused,
            Some(GRAPHQL_RESPONSE),
            400,
            GRAPHQL_RESPONSE,
            false,
        )
        .await;
    }
    for malformed in [
        "",
        "{",
        "[]",
        "{}",
        r#"{"query":1}"#,
        r#"{"query":"{ hello }","variables":[]}"#,
    ] {
        check(malformed, Some(JSON), 400, JSON, false).await;
        check(
            malformed,
            Some(GRAPHQL_RESPONSE),
            400,
            GRAPHQL_RESPONSE,
            false,
        )
        .await;
    }
    check(&good, Some("text/plain"), 406, JSON, false).await;
}

#[tokio::test]
async fn bad_variables_are_the_clients_fault() {
    let edge = Edge::start().await;
    let body =
        json!({"query": "mutation($n: Int!) { double(number: $n) }", "variables": {"n": "x"}});
    let response = Case::post(body.to_string())
        .header("accept", GRAPHQL_RESPONSE)
        .send(&edge)
        .await;
    assert_eq!(response.status(), 400);
    let answer: Value = response.json().await.expect("JSON");
    assert_eq!(
        answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT",
        "{answer}"
    );
}

#[tokio::test]
async fn what_is_wrong_with_an_operation_has_a_code_that_clients_know() {
    let edge = Edge::start().await;
    let check = async |body: Value, code: &str| {
        for (accept, status) in [(JSON, 200), (GRAPHQL_RESPONSE, 400)] {
            let response = Case::post(body.to_string())
                .header("accept", accept)
                .send(&edge)
                .await;
            assert_eq!(response.status(), status, "{body} as {accept}");
            let answer: Value = response.json().await.expect("JSON");
            assert!(answer.get("data").is_none(), "{answer}");
            for error in answer["errors"].as_array().expect("errors") {
                assert_eq!(error["extensions"]["code"], code, "{error}");
            }
        }
    };
    let two = "query A { hello } query B { hello }";
    check(json!({"query": "{ hello"}), "GRAPHQL_PARSE_FAILED").await;
    check(json!({"query": "{ a b }"}), "GRAPHQL_VALIDATION_FAILED").await;
    check(
        json!({"query": "query($n: Int!) { __typename @skip(if: $n) }"}),
        "GRAPHQL_VALIDATION_FAILED",
    )
    .await;
    check(json!({"query": two}), "OPERATION_RESOLUTION_FAILURE").await;
    check(
        json!({"query": two, "operationName": "C"}),
        "OPERATION_RESOLUTION_FAILURE",
    )
    .await;
    check(
        json!({"query": "mutation($n: Int!) { double(number: $n) }"}),
        "BAD_USER_INPUT",
    )
    .await;
}

#[tokio::test]
async fn only_json_in_utf8_is_read() {
    let edge = Edge::start().await;
    let check = async |content_type: &str, status: u16| {
        let response = Case::post(query("{ hello }"))
            .header("content-type", content_type)
            .send(&edge)
            .await;
        assert_eq!(response.status(), status, "{content_type}");
    };
    check("application/json", 200).await;
    check("application/json; charset=utf-8", 200).await;
    check("Application/JSON", 200).await;
    check("application/json; charset=utf-16", 415).await;
    check("application/graphql", 415).await;
    check("application/x-www-form-urlencoded", 415).await;
    check("multipart/form-data; boundary=x", 415).await;
    check("text/plain", 415).await;

    let mut untyped = Case::post(query("{ hello }"));
    untyped.headers.clear();
    assert_eq!(untyped.send(&edge).await.status(), 415);

    let packed = Case::post(query("{ hello }")).header("content-encoding", "gzip");
    assert_eq!(packed.send(&edge).await.status(), 415);
}

#[tokio::test]
async fn a_get_runs_queries_and_nothing_else() {
    let edge = Edge::start().await;
    let check = async |query_string: &str, status: u16| -> Value {
        let response = Case::get(query_string).send(&edge).await;
        assert_eq!(response.status(), status, "{query_string}");
        if status == 405 {
            assert_eq!(response.headers()["allow"], "POST");
        }
        response.json().await.expect("JSON")
    };
    let named = "?query=query($n:String){hello(name:$n)}&variables=%7B%22n%22:%22Ada%22%7D";
    assert_eq!(check(named, 200).await["data"]["hello"], "hello Ada");
    let second = "?query=query+A{hello}+query+B{long}&operationName=A";
    assert_eq!(check(second, 200).await["data"]["hello"], "hello you");
    check("?query=mutation{double(number:1)}", 405).await;
    check("?query=subscription{forever{number}}", 406).await;
    check("", 400).await;
    check("?query=", 400).await;
    check("?query={hello}&variables=[1]", 400).await;
    check("?query={hello}&variables=x", 400).await;
    check("?query={hello}&query={long}", 400).await;
}

#[tokio::test]
async fn a_get_that_any_page_could_have_caused_is_refused() {
    let edge = Edge::start().await;
    let check = async |headers: Vec<(&str, &str)>, status: u16| {
        let mut case = Case::get("?query={hello}");
        case.headers = headers.clone();
        assert_eq!(case.send(&edge).await.status(), status, "{headers:?}");
    };
    check(vec![], 400).await;
    check(vec![("content-type", "text/plain")], 400).await;
    check(vec![("x-vantage-csrf", "")], 400).await;
    check(vec![("x-vantage-csrf", "1")], 200).await;
    check(vec![("apollo-require-preflight", "true")], 200).await;
    check(vec![("content-type", "application/json")], 200).await;
}

#[tokio::test]
async fn other_methods_are_told_which_there_are() {
    let edge = Edge::start().await;
    for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::HEAD] {
        let mut case = Case::post(query("{ hello }"));
        case.method = method.clone();
        let response = case.send(&edge).await;
        assert_eq!(response.status(), 405, "{method}");
        assert_eq!(response.headers()["allow"], "GET, POST");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_whether_or_not_it_says_its_length() {
    let edge = Edge::with(|config| config.max_body_bytes = 100).await;
    let long = query(&format!("{{ hello(name: \"{}\") }}", "x".repeat(200)));
    assert_eq!(Case::post(long.clone()).send(&edge).await.status(), 413);
    let chunk = format!("{:x}\r\n{long}\r\n0\r\n\r\n", long.len());
    let answer = spoken(&edge, &format!("transfer-encoding: chunked\r\n\r\n{chunk}")).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    let short = Case::post(query("{ hello }"));
    assert_eq!(short.send(&edge).await.status(), 200);
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_given_up() {
    let edge =
        Edge::with(|config| config.body_timeout = platform::config::Duration::from_millis(200))
            .await;
    let answer = spoken(&edge, "content-length: 10\r\n\r\n{").await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

/// Response to a JSON POST whose remaining headers and body are written verbatim.
async fn spoken(edge: &Edge, rest: &str) -> String {
    let mut stream = TcpStream::connect(edge.address).await.expect("connected");
    let head = "POST /graphql HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n";
    let request = format!("{head}{rest}");
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut answer = vec![0; 64 * 1024];
    let length = stream.read(&mut answer).await.expect("read");
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

#[tokio::test]
async fn mutations_and_the_refusal_of_batches_and_subscriptions() {
    let edge = Edge::start().await;
    let response = Case::post(query("mutation { double(number: 4) }"))
        .send(&edge)
        .await;
    let answer: Value = response.json().await.expect("JSON");
    assert_eq!(answer, json!({"data": {"double": 8}}));

    let batch = format!("[{}]", query("{ hello }"));
    let response = Case::post(batch).send(&edge).await;
    assert_eq!(response.status(), 400);
    let answer: Value = response.json().await.expect("JSON");
    assert_eq!(
        answer["errors"][0]["extensions"]["code"], "BATCHING_NOT_SUPPORTED",
        "{answer}"
    );

    let response = Case::post(query("subscription { forever { number } }"))
        .send(&edge)
        .await;
    assert_eq!(response.status(), 406);
}

#[tokio::test]
async fn a_plan_is_shown_to_those_who_ask_where_plans_are_exposed() {
    let edge = Edge::of(router_with_plans()).await;
    let ask = async |document: &str, header: Option<&str>| -> Value {
        let mut case = Case::post(query(document));
        if let Some(value) = header {
            case = case.header("x-vantage-query-plan", value);
        }
        let response = case.send(&edge).await;
        assert!(!response.headers().contains_key("etag"));
        response.json().await.expect("JSON")
    };
    let plain = json!({"data": {"hello": "hello you"}});
    for header in [None, Some("false"), Some("")] {
        assert_eq!(ask("{ hello }", header).await, plain, "{header:?}");
    }
    let shown = ask("{ hello }", Some("true")).await;
    assert_eq!(shown["data"], plain["data"]);
    assert_eq!(
        shown["extensions"]["queryPlan"]["node"]["serviceName"],
        "small"
    );
    // Neither a mutation nor a subscription runs.
    for (document, kind) in [
        ("mutation { double(number: 4) }", "Fetch"),
        ("subscription { forever { number } }", "Subscription"),
    ] {
        let planned = ask(document, Some("dry-run")).await;
        assert_eq!(planned["data"], Value::Null, "{planned}");
        assert_eq!(planned["extensions"]["queryPlan"]["node"]["kind"], kind);
    }
    let refused = ask("{ nothing }", Some("dry-run")).await;
    assert_eq!(
        refused["errors"][0]["extensions"]["code"],
        "GRAPHQL_VALIDATION_FAILED"
    );
}

#[tokio::test]
async fn a_router_that_hides_plans_runs_what_asks_for_them() {
    let edge = Edge::start().await;
    for value in ["true", "dry-run"] {
        let case = Case::post(query("mutation { double(number: 4) }"));
        let response = case.header("x-vantage-query-plan", value).send(&edge).await;
        let answer: Value = response.json().await.expect("JSON");
        assert_eq!(answer, json!({"data": {"double": 8}}));
    }
}
