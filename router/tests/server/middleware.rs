//! Middleware: request ids, caller identity, compression, CORS, panics.

use std::sync::Arc;
use std::time::Duration;

use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder, ZstdDecoder};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use crate::kit::Edge;
use crate::requests::{Case, GRAPHQL_RESPONSE, JSON, content_type, query};
use crate::subgraphs::Panicking;

#[tokio::test]
async fn request_ids_are_kept_or_made_and_reach_the_subgraph() {
    let edge = Edge::start().await;
    let check = async |sent: Option<&str>| -> (String, String) {
        let mut case = Case::post(query("{ caller { requestId } }"));
        if let Some(sent) = sent {
            case = case.header("x-request-id", sent);
        }
        let response = case.send(&edge).await;
        let echoed = response.headers()["x-request-id"]
            .to_str()
            .expect("text")
            .to_owned();
        let answer: Value = response.json().await.expect("JSON");
        let seen = answer["data"]["caller"]["requestId"]
            .as_str()
            .expect("text")
            .to_owned();
        (echoed, seen)
    };
    assert_eq!(
        check(Some("req-1")).await,
        ("req-1".to_owned(), "req-1".to_owned())
    );
    let (made, seen) = check(None).await;
    assert_eq!(made, seen);
    assert_eq!(
        uuid::Uuid::parse_str(&made)
            .expect("a UUID")
            .get_version_num(),
        7
    );
    let (made, _) = check(Some("two words")).await;
    assert_ne!(made, "two words");
    let refused = Case::post("")
        .header("x-request-id", "req-2")
        .send(&edge)
        .await;
    assert_eq!(refused.headers()["x-request-id"], "req-2");
}

#[tokio::test]
async fn the_verified_caller_reaches_the_subgraph() {
    let edge = Edge::start().await;
    let token = edge.token("usr_1", Duration::from_secs(60));
    let bearer = format!("Bearer {token}");
    let ask = || Case::post(query("{ caller { subject scopes ip } }"));
    let response = ask().header("authorization", &bearer).send(&edge).await;
    let answer: Value = response.json().await.expect("JSON");
    assert_eq!(
        answer["data"]["caller"],
        json!({"subject": "usr_1", "scopes": ["orders:read"], "ip": "127.0.0.1"})
    );
    let response = ask().send(&edge).await;
    let answer: Value = response.json().await.expect("JSON");
    assert_eq!(answer["data"]["caller"]["subject"], Value::Null);
}

#[tokio::test]
async fn a_refused_token_is_401_in_both_media_types_and_is_not_repeated() {
    let edge = Edge::start().await;
    for (authorization, says) in [
        ("Bearer secret-nonsense", "JSON Web Token"),
        ("Basic dTpw", "Bearer"),
    ] {
        for accept in [JSON, GRAPHQL_RESPONSE] {
            let response = Case::post(query("{ hello }"))
                .header("accept", accept)
                .header("authorization", authorization)
                .send(&edge)
                .await;
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
            assert!(response.headers().contains_key("www-authenticate"));
            let answer = response.text().await.expect("text");
            assert!(
                answer.contains("UNAUTHENTICATED") && answer.contains(says),
                "{answer}"
            );
            assert!(!answer.contains("secret-nonsense"), "{answer}");
        }
    }
}

#[tokio::test]
async fn long_answers_are_compressed_for_clients_that_can_read_it() {
    let edge = Edge::start().await;
    let encoding = async |body: String, accepted: &str| {
        let response = Case::post(body)
            .header("accept-encoding", accepted)
            .send(&edge)
            .await;
        response
            .headers()
            .get("content-encoding")
            .map(|value| value.to_str().expect("text").to_owned())
    };
    assert_eq!(
        encoding(query("{ long }"), "gzip").await.as_deref(),
        Some("gzip")
    );
    assert_eq!(encoding(query("{ long }"), "identity").await, None);
    assert_eq!(encoding(query("{ hello }"), "gzip").await, None);
    assert_eq!(encoding(query("{ long }"), "gzip;q=0").await, None);
}

#[tokio::test]
async fn every_coding_can_be_read_again() {
    let edge = Edge::start().await;
    let plain = Case::post(query("{ long }")).send(&edge).await;
    let plain = plain.bytes().await.expect("a body");
    for (accepted, coding) in [
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, br", "br"),
        ("gzip, br;q=0.9", "gzip"),
    ] {
        let response = Case::post(query("{ long }"))
            .header("accept-encoding", accepted)
            .send(&edge)
            .await;
        assert_eq!(response.headers()["content-encoding"], coding);
        let mut varies = response.headers().get_all("vary").iter();
        assert!(varies.any(|header| header == "accept-encoding"));
        let body = response.bytes().await.expect("a body");
        assert!(body.len() < plain.len() / 2, "{coding}: {}", body.len());
        let mut read = Vec::new();
        match coding {
            "zstd" => ZstdDecoder::new(&body[..]).read_to_end(&mut read).await,
            "br" => BrotliDecoder::new(&body[..]).read_to_end(&mut read).await,
            _ => GzipDecoder::new(&body[..]).read_to_end(&mut read).await,
        }
        .expect(coding);
        assert!(read == plain, "{coding}");
    }
}

#[tokio::test]
async fn a_client_that_accepts_no_coding_is_answered_without_one() {
    let edge = Edge::start().await;
    for accepted in [
        "*;q=0",
        "gzip;q=0, *;q=0",
        "identity;q=0",
        "deflate;q=1, *;q=0.0",
    ] {
        for text in ["mutation { double(number: 1) }", "{ long }"] {
            let response = Case::post(query(text))
                .header("accept-encoding", accepted)
                .send(&edge)
                .await;
            assert_eq!(response.status(), 200, "{accepted}");
            assert!(!response.headers().contains_key("content-encoding"));
            let answer: Value = response.json().await.expect("JSON");
            assert!(answer["data"].is_object(), "{accepted}: {answer}");
        }
    }
}

#[tokio::test]
async fn answers_may_be_kept_as_long_as_all_of_their_parts() {
    let edge = Edge::start().await;
    let check = async |text: &str, expect: &str| {
        let response = Case::post(query(text)).send(&edge).await;
        let kept = response.headers()["cache-control"].to_str().expect("text");
        assert_eq!(kept, expect, "{text}");
        let varies = |name: &str| {
            let values = response.headers().get_all("vary").iter();
            values
                .filter_map(|value| value.to_str().ok())
                .any(|value| value.split(',').any(|part| part.trim() == name))
        };
        assert!(varies("accept"));
        assert_eq!(varies("accept-language"), expect != "no-store");
    };
    check("{ shop }", "max-age=60, public").await;
    check("{ shop basket }", "max-age=30, private").await;
    check("{ hello }", "no-store").await;
    check("{ closed }", "no-store").await;
    check("{ __typename }", "no-store").await;
    check("mutation { change }", "no-store").await;
}

#[tokio::test]
async fn only_listed_pages_may_read_answers() {
    let edge = Edge::with(|config| {
        config.development = false;
        config.cors.origins = vec!["https://shop.example.com".to_owned()];
    })
    .await;
    let preflight = async |origin: &str| {
        let mut case = Case::post("");
        case.method = Method::OPTIONS;
        let response = case
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header(
                "access-control-request-headers",
                "content-type,authorization",
            )
            .send(&edge)
            .await;
        let headers = response.headers();
        headers
            .get("access-control-allow-origin")
            .map(|value| value.to_str().expect("text").to_owned())
    };
    assert_eq!(
        preflight("https://shop.example.com").await.as_deref(),
        Some("https://shop.example.com")
    );
    assert_eq!(preflight("https://evil.test").await, None);
    assert_eq!(preflight("http://localhost:3000").await, None);
    let response = Case::post(query("{ hello }"))
        .header("origin", "https://shop.example.com")
        .send(&edge)
        .await;
    assert_eq!(
        response.headers()["access-control-allow-origin"],
        "https://shop.example.com"
    );
    assert_eq!(
        response.headers()["access-control-expose-headers"],
        "x-request-id,ratelimit-limit,ratelimit-remaining,ratelimit-reset,retry-after,etag"
    );
}

#[tokio::test]
async fn pages_may_send_what_clients_name_themselves_by() {
    let edge = Edge::with(|config| {
        config.cors.allow_headers.push("x-shop".to_owned());
        config.forward_headers.push("authorization".to_owned());
    })
    .await;
    let mut preflight = Case::post("");
    preflight.method = Method::OPTIONS;
    let response = preflight
        .header("origin", "http://localhost:3000")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type,x-shop")
        .send(&edge)
        .await;
    let allowed = response.headers()["access-control-allow-headers"]
        .to_str()
        .expect("text");
    let allowed: Vec<&str> = allowed.split(',').map(str::trim).collect();
    for name in [
        "content-type",
        "authorization",
        "accept",
        "last-event-id",
        "x-request-id",
        "x-vantage-csrf",
        "apollographql-client-name",
        "apollographql-client-version",
        "graphql-client-name",
        "graphql-client-version",
        "apollo-require-preflight",
        "x-apollo-operation-name",
        "sentry-trace",
        "baggage",
        "traceparent",
        "tracestate",
        "x-shop",
    ] {
        let times = allowed.iter().filter(|allowed| **allowed == name).count();
        assert_eq!(times, 1, "{name} in {allowed:?}");
    }
}

#[tokio::test]
async fn browsers_get_the_page_in_development_only() {
    let html = "text/html,application/xhtml+xml,*/*;q=0.8";
    let ask = || Case::get("").header("accept", html);
    let development = Edge::start().await;
    let response = ask().send(&development).await;
    assert_eq!(
        (response.status(), content_type(&response)),
        (StatusCode::OK, "text/html; charset=utf-8")
    );
    assert!(response.text().await.expect("text").contains("IDE"));
    let query = Case::get("?query={hello}")
        .header("accept", html)
        .send(&development)
        .await;
    assert!(content_type(&query).starts_with(JSON));

    let production = Edge::with(|config| config.development = false).await;
    let response = ask().send(&production).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_panic_costs_only_its_own_request_and_shows_nothing() {
    let edge = Edge::over(Arc::new(Panicking), |_| {}).await;
    for operation in ["{ hello }", "mutation { double(number: 1) }"] {
        let response = Case::post(query(operation)).send(&edge).await;
        assert_eq!(response.status(), 500, "{operation}");
        let answer = response.text().await.expect("text");
        assert!(answer.contains("INTERNAL"), "{answer}");
        assert!(!answer.contains("bug"), "{answer}");
    }
    let response = Case::get("?query={__typename}").send(&edge).await;
    assert_eq!(response.status(), 200);
}
