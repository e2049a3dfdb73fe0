//! The web pages: complete in development, absent in production, and running only operations valid against the schema.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use graphql_tools::parser::{parse_query, parse_schema};
use graphql_tools::validation::rules::default_rules_validation_plan;
use graphql_tools::validation::validate::validate;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::process::Command;

use crate::kit::{Process, vantage};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const PAGES: [&str; 2] = ["storefront.html", "tracking.html"];
/// The scripts with the operations of the pages, in the order in which they include each other's fragments.
const OPERATIONS: [&str; 2] = ["shared/operations.js", "shared/order_operations.js"];

fn folder() -> PathBuf {
    Path::new(ROOT).join("playground")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap()
}

/// Sources of the pages, by their paths in `playground/`.
fn sources() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for part in ["explorer", "shared", "storefront", "tracking"] {
        for entry in std::fs::read_dir(folder().join(part)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let path = format!("{part}/{name}");
            let text = read(&path);
            found.insert(path, text);
        }
    }
    assert!(found.contains_key("storefront/storefront.html"));
    found
}

/// All texts between `open` and the next `close`.
fn between<'a>(text: &'a str, open: &str, close: char) -> impl Iterator<Item = &'a str> {
    text.split(open)
        .skip(1)
        .filter_map(move |rest| rest.split(close).next())
}

/// Assets loaded by a page or imported by an asset.
fn named_assets(text: &str) -> BTreeSet<String> {
    let in_pages = between(text, "/assets/", '"').map(str::to_owned);
    let imports = between(text, "\"./", '"').map(str::to_owned);
    in_pages
        .chain(imports.filter(|name| name.ends_with(".js") && !name.contains('/')))
        .collect()
}

/// All assets.
fn assets() -> Vec<String> {
    let listed = read("dist/assets.in");
    between(&listed, "    (\"", '"')
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn developers_get_the_pages_and_everything_they_name() {
    let data = tempfile::tempdir().unwrap();
    let mut command = vantage(data.path());
    command
        .env("VANTAGE_DEMO__ORDERS", "60")
        .env("VANTAGE_SERVER__PATH", "/api/graphql")
        .env("VANTAGE_CLIENTS__FILE", clients_file())
        .args(["serve", "--listen", "127.0.0.1:0"]);
    let mut process = Process::start(command).await;
    let base = process.base.trim_end_matches("/api").to_owned();

    let first = reqwest::get(format!("{base}/")).await.unwrap();
    assert_eq!(first.url().path(), "/playground/storefront.html");
    assert_eq!(first.status(), 200);

    let mut left = Vec::new();
    for page in PAGES {
        let address = format!("{base}/playground/{page}");
        let response = reqwest::get(&address).await.unwrap();
        check_headers(page, response.headers());
        assert_eq!(response.headers()["cache-control"], "no-cache");
        check_known(&address, response.headers()).await;
        let text = response.text().await.unwrap();
        for setting in [
            "\"graphql-endpoint\" content=\"/api/graphql\"",
            "\"pages\" content=\"/playground/\"",
        ] {
            assert!(text.contains(setting), "{text}");
        }
        assert!(!text.contains("{{"), "{text}");
        // Where customers confirm payments with their bank.
        let is_shop = text.contains("\"payments\" content=\"http://127.0.0.1:");
        assert_eq!(is_shop, page == "storefront.html", "{text}");
        left.extend(named_assets(&text));
    }
    let explorer = reqwest::Client::new()
        .get(format!("{base}/api/graphql"))
        .header("accept", "text/html");
    let explorer = explorer.send().await.unwrap();
    assert_eq!(
        explorer.headers()["content-type"],
        "text/html; charset=utf-8"
    );
    let policy = explorer.headers()["content-security-policy"]
        .to_str()
        .unwrap();
    for directive in [
        "default-src 'none'",
        "script-src 'self';",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(directive), "{policy}");
    }
    assert!(
        !policy.contains("unsafe-eval") && !policy.contains("http"),
        "{policy}"
    );
    let text = explorer.text().await.unwrap();
    assert!(text.contains("\"graphql-endpoint\" content=\"/api/graphql\""));
    assert!(text.contains("\"shop\" content=\"yes\""));
    assert!(!text.contains("{{"), "{text}");
    left.extend(named_assets(&text));
    // Workers and fonts are referenced only from scripts and style sheets.
    left.extend(assets());

    let mut seen = BTreeSet::new();
    while let Some(name) = left.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        let address = format!("{base}/playground/assets/{name}");
        // The client requests and decodes gzip.
        let response = reqwest::get(&address).await.unwrap();
        assert_eq!(response.status(), 200, "{name}");
        check_headers(&name, response.headers());
        let caching = response.headers()["cache-control"].to_str().unwrap();
        assert!(caching.contains("immutable"), "{name}: {caching}");
        check_known(&address, response.headers()).await;
        let contents = response.bytes().await.unwrap();
        let plain = reqwest::Client::builder().no_gzip().build().unwrap();
        let plain = plain.get(&address).send().await.unwrap();
        assert!(!plain.headers().contains_key("content-encoding"));
        assert_eq!(plain.bytes().await.unwrap(), contents, "{name}");
        if name.ends_with(".js") {
            left.extend(named_assets(std::str::from_utf8(&contents).unwrap()));
        }
    }
    assert!(seen.len() > 5, "{seen:?}");
    for nothing in ["README.md", "assets/nothing.js", "assets/assets.in"] {
        let nothing = format!("{base}/playground/{nothing}");
        assert_eq!(reqwest::get(nothing).await.unwrap().status(), 404);
    }

    let customers: Value = json_at(&format!("{base}/playground/customers.json")).await;
    let customers = customers.as_array().unwrap();
    let names: Vec<_> = customers.iter().map(|customer| &customer["name"]).collect();
    assert_eq!(names, ["Demo Customer", "Customer 1", "Customer 2"]);
    for customer in customers {
        let request = reqwest::Client::new().post(format!("{base}/api/graphql"));
        let request = request.bearer_auth(customer["token"].as_str().unwrap());
        let request = request.json(&json!({ "query": "{ me { name } }" }));
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["data"]["me"]["name"], customer["name"], "{answer:#}");
    }
    let operations = json_at(&format!("{base}/playground/operations.json")).await;
    let clients = operations["clients"].as_array().unwrap();
    let acme = clients
        .iter()
        .find(|client| client["name"] == "acme-marketplace");
    let acme = acme.unwrap();
    assert_eq!(acme["mode"], "require");
    let first = &acme["operations"][0];
    assert!(first["id"].is_string() && first["name"].is_string());
    assert_eq!(
        problems(first["document"].as_str().unwrap()),
        [] as [String; 0]
    );
    for secret in ["keys", "sha256"] {
        assert_eq!(acme.get(secret), None);
    }
    assert_eq!(process.stop().await.code(), Some(0));
}

/// The clients file in the repository.
fn clients_file() -> PathBuf {
    Path::new(ROOT).join("router-config/clients.yaml")
}

async fn json_at(address: &str) -> Value {
    let response = reqwest::get(address).await.unwrap();
    assert_eq!(response.headers()["cache-control"], "no-store", "{address}");
    response.json().await.unwrap()
}

/// A browser with a cached file gets 304.
async fn check_known(address: &str, headers: &HeaderMap) {
    let tag = headers["etag"].to_str().unwrap();
    for (known, status) in [
        (tag.to_owned(), 304),
        (format!("\"other\", W/{tag}"), 304),
        ("\"other\"".to_owned(), 200),
    ] {
        let request = reqwest::Client::new().get(address);
        let request = request.header("if-none-match", &known);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status, "{address} {known}");
        assert_eq!(response.headers()["etag"], tag);
    }
}

fn check_headers(name: &str, headers: &HeaderMap) {
    let header = |name: &str| headers[name].to_str().unwrap();
    let kind = match name.rsplit('.').next().unwrap() {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "ttf" => "font/ttf",
        "txt" => "text/plain; charset=utf-8",
        other => panic!("what type is .{other}?"),
    };
    assert_eq!(header("content-type"), kind, "{name}");
    assert_eq!(header("x-content-type-options"), "nosniff");
    let policy = header("content-security-policy");
    for directive in [
        "default-src 'none'",
        "script-src 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    ] {
        assert!(policy.contains(directive), "{policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains("http"));
}

/// `playground/build.sh --check` compares contents; this check needs no Node.js.
#[test]
fn the_bundles_are_built_from_these_sources() {
    let recorded = read("dist/sources.sha256");
    let mut stale = Vec::new();
    let mut recorded_paths = BTreeSet::new();
    for line in recorded.lines() {
        let (hash, path) = line.split_once("  ").unwrap();
        recorded_paths.insert(path.to_owned());
        let text = std::fs::read(folder().join(path)).unwrap_or_default();
        let actual: String = Sha256::digest(&text)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        if actual != hash {
            stale.push(path);
        }
    }
    assert_eq!(stale, [] as [&str; 0], "run playground/build.sh");
    let sources: BTreeSet<_> = sources().into_keys().collect();
    let missing: Vec<_> = sources.difference(&recorded_paths).collect();
    assert_eq!(missing, [] as [&String; 0], "run playground/build.sh");
}

#[tokio::test]
async fn production_has_no_pages() {
    let data = tempfile::tempdir().unwrap();
    let mut command = vantage(data.path());
    command
        .env("VANTAGE_MODE", "production")
        // Nothing listens there; it is not contacted before the first token.
        .env("VANTAGE_AUTH__JWKS__URL", "https://127.0.0.1:1/jwks.json")
        .env("VANTAGE_SUBGRAPH_SECRET", "0".repeat(64))
        .args(["serve", "--listen", "127.0.0.1:0"]);
    let mut process = Process::start(command).await;
    let health = format!("{}/healthz", process.base);
    assert_eq!(reqwest::get(health).await.unwrap().status(), 200);
    let paths = ["/", "/playground", "/playground/"];
    let assets = assets().into_iter().map(|name| format!("assets/{name}"));
    let files = PAGES
        .into_iter()
        .chain(["customers.json", "operations.json"]);
    let files = files.map(str::to_owned).chain(assets);
    let files = files.map(|name| format!("/playground/{name}"));
    for path in paths.map(str::to_owned).into_iter().chain(files) {
        let response = reqwest::get(format!("{}{path}", process.base))
            .await
            .unwrap();
        assert_eq!(response.status(), 404, "{path}");
    }
    let page = reqwest::Client::new()
        .get(format!("{}/graphql", process.base))
        .header("accept", "text/html")
        .send()
        .await
        .unwrap();
    assert_ne!(page.status(), 200, "the explorer is for developers");
    let planned = reqwest::Client::new()
        .post(format!("{}/graphql", process.base))
        .header("x-vantage-query-plan", "dry-run")
        .json(&json!({ "query": "{ __typename }" }));
    let planned: Value = planned.send().await.unwrap().json().await.unwrap();
    assert_eq!(planned, json!({ "data": { "__typename": "Query" } }));
    assert_eq!(process.stop().await.code(), Some(0));
}

/// Operations and fragments in a script by name, with the fragments they include.
fn written(script: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (before, rest) in script
        .match_indices(" = graphql`")
        .map(|(at, mark)| (&script[..at], &script[at + mark.len()..]))
    {
        let name = before.rsplit(' ').next().unwrap().to_owned();
        let mut text = rest.split('`').next().unwrap().to_owned();
        // Fragments are declared before use, as JavaScript requires.
        while let Some((open, rest)) = text.split_once("${") {
            let (fragment, close) = rest.split_once('}').unwrap();
            let included = found
                .get(fragment)
                .unwrap_or_else(|| panic!("{name}: {fragment}"));
            text = format!("{open}{included}{close}");
        }
        found.insert(name, text);
    }
    found
}

/// Validation errors of a document.
fn problems(document: &str) -> Vec<String> {
    let schema = std::fs::read_to_string(Path::new(ROOT).join("schema/api.graphql")).unwrap();
    // The validator requires built-in scalars to be declared.
    let schema = schema + "scalar Boolean scalar Float scalar ID scalar Int scalar String";
    let schema = parse_schema::<String>(&schema).unwrap().into_static();
    let document = match parse_query::<String>(document) {
        Ok(document) => document.into_static(),
        Err(error) => return vec![error.to_string()],
    };
    validate(&schema, &document, &default_rules_validation_plan())
        .into_iter()
        .map(|error| error.message)
        .collect()
}

#[test]
fn every_operation_of_the_pages_fits_the_public_schema() {
    let shared = OPERATIONS.map(read).concat();
    let shared = written(&shared);
    let explorer = written(&read("explorer/operations.js"));
    let operations: Vec<_> = shared
        .iter()
        .chain(&explorer)
        .filter(|(_, text)| !text.trim_start().starts_with("fragment "))
        .collect();
    assert!(operations.len() > 20, "{}", operations.len());
    for (name, text) in &operations {
        assert_eq!(problems(text), [] as [String; 0], "{name}");
    }
    // The check detects drift.
    let drifted = shared["ORDER"].replace("trackingNumber", "number");
    assert!(problems(&drifted)[0].contains("number"));

    let mut sources = sources();
    for name in OPERATIONS {
        sources.remove(name);
    }
    for (name, _) in operations {
        let used = sources.values().any(|text| text.contains(name.as_str()));
        assert!(used, "no page runs {name}");
    }
}

#[test]
fn the_pages_run_no_text_as_code_and_name_no_other_origin() {
    for (name, text) in sources() {
        for danger in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
        ] {
            assert!(!text.contains(danger), "{name}: {danger}");
        }
        let text = text.replace("http://www.w3.org/2000/svg", "");
        assert!(!text.contains("://"), "{name} names another origin");
        assert!(
            !text.contains("graphql`") || name.ends_with("operations.js"),
            "{name}"
        );
        if name.ends_with(".html") {
            for inline in ["<style", "<script>", " style=", " onclick="] {
                assert!(!text.contains(inline), "{name}: {inline}");
            }
        }
    }
}

/// Long enough for every view, outage and delivery on a busy machine.
const BROWSING: Duration = Duration::from_secs(1_800);

#[tokio::test]
#[ignore = "needs Node.js, its packages and Chromium: run playground/tests/run.sh"]
async fn browsers_show_the_pages() {
    let data = tempfile::tempdir().unwrap();
    let mut command = vantage(data.path());
    command
        .env("VANTAGE_CLIENTS__FILE", clients_file())
        // What a browser orders arrives within a minute.
        .env("VANTAGE_SANDBOX__PACE", "1s")
        .args(["serve", "--demo", "--listen", "127.0.0.1:0"]);
    let mut process = Process::start(command).await;
    let mut sandbox = None;
    let token = loop {
        let line = process.output.next_line().await.unwrap().unwrap();
        if let Some(simulated) = line.strip_prefix("Simulated at ") {
            sandbox = simulated.split_once(": ").map(|(url, _)| url.to_owned());
        } else if let Some(token) = line.strip_prefix("Token:") {
            break token.trim().to_owned();
        }
    };
    let support = vantage(data.path())
        .args(["token", "--support", "--scope", "merchandising"])
        .output()
        .await
        .unwrap();
    assert!(support.status.success(), "{support:?}");
    let support = String::from_utf8(support.stdout).unwrap();
    let running = Command::new("node")
        .args([
            "--test",
            "--test-timeout=900000",
            "--test-reporter=spec",
            "tests/",
        ])
        .current_dir(folder())
        .env("VANTAGE_URL", format!("{}/graphql", process.base))
        .env("VANTAGE_TOKEN", token)
        .env("VANTAGE_SUPPORT_TOKEN", support.trim())
        .env("VANTAGE_SANDBOX", sandbox.expect("a sandbox runs"))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .status();
    let status = tokio::time::timeout(BROWSING, running)
        .await
        .expect("done in time")
        .expect("node");
    assert!(status.success(), "{status}");
    assert_eq!(process.stop().await.code(), Some(0));
}
