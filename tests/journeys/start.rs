//! Startup and shutdown, and the one-line error when startup fails.

use std::time::Duration;

use crate::kit::{Process, vantage};
use crate::tracking_client::Client;
use crate::wait::until;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Runs to completion and returns the exit code and stderr.
async fn failure(command: &mut tokio::process::Command) -> (i32, String) {
    let output = command
        .stderr(std::process::Stdio::piped())
        .output()
        .await
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), told)
}

/// Enough orders for returns in every state.
fn small_shop(data: &std::path::Path) -> tokio::process::Command {
    let mut command = vantage(data);
    command
        .env("VANTAGE_DEMO__ORDERS", "600")
        .args(["serve", "--listen", "127.0.0.1:0"]);
    command
}

#[tokio::test]
async fn the_first_start_seeds_introduces_itself_and_the_second_finds_the_same_shop() {
    let data = tempfile::tempdir().unwrap();
    let query = json!({ "query": "{ me { name orders(first: 2) { totalCount nodes { id } } } }" });
    let mut answers = Vec::new();
    for _ in 0..2 {
        let log = data.path().join("log");
        let mut command = small_shop(data.path());
        command
            .env("VANTAGE_TELEMETRY__LOG_LEVEL", "info")
            .stderr(std::fs::File::create(&log).unwrap());
        let mut process = Process::start(command).await;
        let mut told = Vec::new();
        while told.len() < 5 {
            told.push(process.output.next_line().await.unwrap().unwrap());
        }
        let after = |line: usize, word: &str| -> String {
            let text = told[line].strip_prefix(word);
            let text = text.unwrap_or_else(|| panic!("{word}: {told:#?}"));
            text.trim().to_owned()
        };
        after(0, "Simulated at ");
        let emails = after(1, "Emails:");
        assert_eq!(reqwest::get(emails).await.unwrap().status(), 200);
        let (shop, explorer, token) =
            (after(2, "Shop:"), after(3, "Explorer:"), after(4, "Token:"));
        assert_eq!(explorer, format!("{}/graphql", process.base));
        let (shop, signed_in) = shop.split_once("#token=").unwrap();
        assert_eq!(signed_in, token);
        for page in [shop, &explorer] {
            let page = reqwest::Client::new()
                .get(page)
                .header("accept", "text/html");
            let page = page.send().await.unwrap();
            assert_eq!(page.status(), 200);
            assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
        }

        let answer = reqwest::Client::new()
            .post(format!("{}/graphql", process.base))
            .bearer_auth(&token)
            .json(&query)
            .send()
            .await
            .unwrap();
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer.get("errors"), None, "{answer:#}");
        assert_eq!(answer["data"]["me"]["name"], "Demo Customer");
        answers.push(answer);

        for path in ["/healthz", "/readyz", "/metrics"] {
            let response = reqwest::get(format!("{}{path}", process.base))
                .await
                .unwrap();
            assert_eq!(response.status(), 200, "{path}");
        }
        // The demo shop is consistent, so the reconciliation jobs find nothing.
        let settled = "vantage_job_runs_total{job=\"returns.reconciliation\",outcome=\"done\"}";
        until("the first reconciliation", async || {
            let metrics = reqwest::get(format!("{}/metrics", process.base)).await;
            let metrics = metrics.unwrap().text().await.unwrap();
            let again = answers.len() > 1;
            (again || metrics.contains(settled)).then_some(())
        })
        .await;
        assert_eq!(process.stop().await.code(), Some(0));
        let log = std::fs::read_to_string(log).unwrap();
        assert!(log.contains(" INFO "), "{log}");
        assert!(!log.contains(" WARN ") && !log.contains(" ERROR "), "{log}");
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn a_busy_port_an_unusable_directory_and_an_unknown_key_are_told_in_one_line() {
    let data = tempfile::tempdir().unwrap();
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, told) = failure(vantage(data.path()).args(["serve", "--listen", &address])).await;
    assert_eq!(code, 1);
    assert_eq!(
        told,
        format!(
            "error: {address} is in use: stop the process listening there, or choose another address with --listen\n"
        )
    );

    let file = data.path().join("file");
    std::fs::write(&file, "").unwrap();
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--data", "file/data"];
    let (code, told) = failure(vantage(data.path()).args(arguments)).await;
    assert_eq!(code, 1);
    assert!(
        told.starts_with("error: cannot create the data directory"),
        "{told}"
    );
    assert!(
        told.contains("--data") && told.lines().count() == 1,
        "{told}"
    );

    let (code, told) = failure(vantage(data.path()).env("VANTAGE_LISEN", "x").arg("serve")).await;
    assert_eq!(code, 1);
    assert_eq!(
        told,
        "error: unknown configuration variable VANTAGE_LISEN; did you mean VANTAGE_LISTEN?\n"
    );
}

#[tokio::test]
async fn checkout_rates_that_cannot_be_used_are_reported_with_their_mistake() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("checkout.yaml");
    let yaml = "shipping: {standard: \"5\", free_from: \"50\"}\ntaxes: {Mars: {standard: \"1\"}}\nrestricted_categories: {}";
    std::fs::write(&file, yaml).unwrap();
    // The second is the key's former name.
    for key in ["VANTAGE_ORDERS__CHECKOUT_RATES", "VANTAGE_ORDERS__TARIFFS"] {
        let mut command = small_shop(data.path());
        let (code, told) = failure(command.env(key, &file)).await;
        assert_eq!(code, 1, "{key}: {told}");
        let expected = format!(
            "error: orders.checkout_rates: {} is not valid: \"Mars\" is not a country",
            file.display()
        );
        assert!(told.contains(&expected), "{key}: {told}");
    }
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_used_as_it_is_unless_that_version_refuses_by_name() {
    let data = tempfile::tempdir().unwrap();
    let mut first = Process::start(small_shop(data.path())).await;
    assert!(first.stop().await.success());
    change_returns(
        data.path(),
        "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29990101_000001_later', 0)",
    )
    .await;
    // Such as when a release is rolled out, and an instance of the previous one starts again.
    let mut again = Process::start(small_shop(data.path())).await;
    let ready = reqwest::get(format!("{}/readyz", again.base)).await;
    assert_eq!(ready.unwrap().status(), 200);
    assert!(again.stop().await.success());

    change_returns(
        data.path(),
        "UPDATE schema_compatibility SET oldest_release = '1000.0.0'",
    )
    .await;
    let (code, told) = failure(&mut small_shop(data.path())).await;
    assert_eq!(code, 1);
    assert!(
        told.contains("returns") && told.contains("newer version"),
        "{told}"
    );
    assert_eq!(told.lines().count(), 1);
}

async fn change_returns(data: &std::path::Path, sql: &str) {
    use sea_orm::ConnectionTrait;
    let url = format!("sqlite://{}", data.join("returns.sqlite").display());
    let connection = sea_orm::Database::connect(url).await.unwrap();
    connection.execute_unprepared(sql).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_subgraph_answers_its_router_only() {
    let data = tempfile::tempdir().unwrap();
    let mut command = vantage(data.path());
    command.args(["subgraph", "pricing", "--listen", "127.0.0.1:0"]);
    let mut process = Process::start(command).await;
    let response = reqwest::Client::new()
        .post(format!("{}/graphql", process.base))
        .header("x-vantage-caller", "eyJhbGciOiJIUzI1NiJ9.e30.forged")
        .json(&json!({ "query": "{ currencies { code } }" }))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 401);
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");

    // Anonymous requests are rejected before their body is read.
    let address = process.base.trim_start_matches("http://");
    let mut stranger = TcpStream::connect(address).await.unwrap();
    let head = "POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n";
    stranger.write_all(head.as_bytes()).await.unwrap();
    let mut status = [0; 12];
    let read = stranger.read_exact(&mut status);
    let answered = tokio::time::timeout(Duration::from_secs(60), read).await;
    answered.expect("an answer").unwrap();
    assert_eq!(&status, b"HTTP/1.1 401");
    assert_eq!(process.stop().await.code(), Some(0));
}

/// A supergraph over a subgraph that returns the `authorization` header it received.
async fn token_supergraph() -> String {
    use async_graphql::{Context, EmptyMutation, EmptySubscription, Object, Schema};
    use axum::http::HeaderMap;

    /// The `authorization` header of a request.
    struct Token(Option<String>);
    struct Query;

    #[Object]
    impl Query {
        async fn token(&self, context: &Context<'_>) -> Option<String> {
            context.data_unchecked::<Token>().0.clone()
        }
    }

    let schema = Schema::build(Query, EmptyMutation, EmptySubscription).finish();
    let answer = move |headers: HeaderMap,
                       axum::Json(request): axum::Json<async_graphql::Request>| async move {
        let token = headers
            .get("authorization")
            .map(|value| value.to_str().unwrap().to_owned());
        axum::Json(schema.execute(request.data(Token(token))).await)
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(
        axum::serve(
            listener,
            axum::Router::new().route("/", axum::routing::post(answer)),
        )
        .into_future(),
    );

    format!(
        r#"schema
  @link(url: "https://specs.apollo.dev/link/v1.0")
  @link(url: "https://specs.apollo.dev/join/v0.3", for: EXECUTION)
{{ query: Query }}
directive @join__field(graph: join__Graph, requires: join__FieldSet, provides: join__FieldSet, type: String, external: Boolean, override: String, usedOverridden: Boolean) repeatable on FIELD_DEFINITION | INPUT_FIELD_DEFINITION
directive @join__graph(name: String!, url: String!) on ENUM_VALUE
directive @join__type(graph: join__Graph!, key: join__FieldSet, extension: Boolean! = false, resolvable: Boolean! = true, isInterfaceObject: Boolean! = false) repeatable on OBJECT | INTERFACE | UNION | ENUM | INPUT_OBJECT | SCALAR
directive @link(url: String, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA
scalar join__FieldSet
scalar link__Import
enum link__Purpose {{ SECURITY EXECUTION }}
enum join__Graph {{ ACCOUNTS @join__graph(name: "accounts", url: "{url}") }}
type Query @join__type(graph: ACCOUNTS) {{ token: String }}
"#
    )
}

#[tokio::test]
async fn the_router_alone_verifies_tokens_and_hands_them_on() {
    use router::auth::{AuthConfig, DevelopmentKey, NewToken};

    let data = tempfile::tempdir().unwrap();
    let supergraph = token_supergraph().await;
    std::fs::write(data.path().join("supergraph.graphql"), &supergraph).unwrap();
    let secret = "a secret between this test and the router";
    let auth = AuthConfig {
        development_secret: Some(platform::config::Secret::new(secret)),
        ..AuthConfig::default()
    };
    let token = NewToken {
        subject: "usr_1".to_owned(),
        scopes: Vec::new(),
        ttl: Duration::from_secs(600),
    };
    let key = DevelopmentKey::from_config(&auth).unwrap().unwrap();
    let token = key.mint(&token, std::time::SystemTime::now()).unwrap();
    let command = |settings: &[(&str, &str)]| {
        let mut command = vantage(data.path());
        command.args([
            "router",
            "--supergraph",
            "supergraph.graphql",
            "--listen",
            "127.0.0.1:0",
        ]);
        command.envs(settings.iter().copied());
        command
    };
    let ask = async |process: &Process, token: &str, query: &str| -> Value {
        let request = reqwest::Client::new().post(format!("{}/graphql", process.base));
        let request = request.bearer_auth(token).json(&json!({ "query": query }));
        request.send().await.unwrap().json().await.unwrap()
    };

    let verifying = [("VANTAGE_AUTH__DEVELOPMENT_SECRET", secret)];
    let mut process = Process::start(command(&verifying)).await;
    let kept = json!({ "data": { "token": null } });
    assert_eq!(ask(&process, &token, "{ token }").await, kept);
    assert_eq!(process.stop().await.code(), Some(0));

    let forwarding = [
        verifying[0],
        ("VANTAGE_SERVER__FORWARD_HEADERS", "Authorization"),
    ];
    let mut process = Process::start(command(&forwarding)).await;
    let handed_on = json!({ "data": { "token": format!("Bearer {token}") } });
    assert_eq!(ask(&process, &token, "{ token }").await, handed_on);
    let refused = ask(&process, "forged", "{ token }").await;
    assert_eq!(
        refused["errors"][0]["extensions"]["code"],
        "UNAUTHENTICATED"
    );
    assert_eq!(process.stop().await.code(), Some(0));

    // In production mode, tokens are passed through and introspection is rejected.
    let production = [
        ("VANTAGE_MODE", "production"),
        ("VANTAGE_AUTH__PASS_THROUGH", "true"),
    ];
    let mut process = Process::start(command(&production)).await;
    let handed_on = json!({ "data": { "token": "Bearer opaque" } });
    assert_eq!(ask(&process, "opaque", "{ token }").await, handed_on);
    for query in [
        "{ __schema { types { name } } }",
        "{ token __type(name: \"Query\") { name } }",
    ] {
        let refused = ask(&process, "opaque", query).await;
        assert_eq!(
            refused["errors"][0]["extensions"]["code"], "FORBIDDEN",
            "{query}"
        );
    }
    assert_eq!(process.stop().await.code(), Some(0));
}

#[tokio::test]
async fn the_router_alone_serves_any_supergraph_and_hands_tokens_on() {
    let data = tempfile::tempdir().unwrap();
    let supergraph = token_supergraph().await;
    let file = data.path().join("supergraph.graphql");
    std::fs::write(&file, &supergraph).unwrap();
    let operations = data.path().join("operations.json");
    let command = || {
        let mut command = vantage(data.path());
        command.args([
            "router",
            "--supergraph",
            "supergraph.graphql",
            "--listen",
            "127.0.0.1:0",
        ]);
        command.env("VANTAGE_ROUTER__WARM_UP", "operations.json");
        command.env("VANTAGE_SERVER__WEBSOCKET__DRAIN_WINDOW", "200ms");
        command
    };
    let (code, told) = failure(&mut command()).await;
    assert_eq!(code, 1, "{told}");
    assert!(
        told.contains("router.warm_up: cannot read operations.json"),
        "{told}"
    );
    std::fs::write(&operations, r#"{"format": "unknown"}"#).unwrap();
    let (code, told) = failure(&mut command()).await;
    assert_eq!(code, 1, "{told}");
    assert!(
        told.contains("router.warm_up: operations.json: neither"),
        "{told}"
    );
    std::fs::write(&operations, r#"{"1": "{ token }", "2": "{ gone }"}"#).unwrap();
    let mut process = Process::start(command()).await;
    let metrics = reqwest::get(format!("{}/metrics", process.base));
    let metrics = metrics.await.unwrap().text().await.unwrap();
    assert!(
        metrics.contains("router_prepare_seconds_count 1"),
        "{metrics}"
    );
    let health = reqwest::get(format!("{}/healthz", process.base))
        .await
        .unwrap();
    assert_eq!(health.status(), 200);
    let url = format!("{}/graphql", process.base);
    let ask = async |query: &str| -> Value {
        let request = reqwest::Client::new().post(&url).bearer_auth("opaque");
        let request = request.json(&json!({ "query": query }));
        request.send().await.unwrap().json().await.unwrap()
    };
    let token = json!({ "data": { "token": "Bearer opaque" } });
    assert_eq!(ask("{ token }").await, token);

    // The explorer is there, and the shop is not.
    let explorer = reqwest::Client::new()
        .get(&process.base)
        .header("accept", "text/html");
    let explorer = explorer.send().await.unwrap().text().await.unwrap();
    assert!(explorer.contains("\"shop\" content=\"no\""), "{explorer}");
    let script = explorer.split("src=\"").nth(1).unwrap();
    let script = script.split('"').next().unwrap();
    for (path, status) in [
        (script, 200),
        ("/playground/operations.json", 200),
        ("/playground/customers.json", 404),
        ("/playground/storefront.html", 404),
    ] {
        let answer = reqwest::get(format!("{}{path}", process.base)).await;
        assert_eq!(answer.unwrap().status(), status, "{path}");
    }

    // An unusable file changes nothing; a usable one is served without a restart.
    std::fs::write(&file, "type Query {").unwrap();
    assert_eq!(ask("{ token }").await, token);
    let changed = supergraph.replace("token: String }", "token: String other: String }");
    std::fs::write(&file, changed).unwrap();
    let fields = "{ __type(name: \"Query\") { fields { name } } }";
    until("the new schema is served", async || {
        (ask(fields).await["data"]["__type"]["fields"][1]["name"] == "other").then_some(())
    })
    .await;
    assert_eq!(ask("{ token }").await, token);

    // Connected clients are asked to reconnect elsewhere.
    let mut client = Client::connect(&process.base, None).await;
    let (code, status) = tokio::join!(client.closed(), process.stop());
    assert_eq!(code, Some(1001));
    assert_eq!(status.code(), Some(0));
}
