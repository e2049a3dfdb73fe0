//! The web pages: served whole to developers and to nobody else, and asking only what the schema answers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use graphql_tools::parser::{parse_query, parse_schema};
use graphql_tools::validation::rules::default_rules_validation_plan;
use graphql_tools::validation::validate::validate;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::kit::{Process, vantage};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The explorer is served at the endpoint, and the description not at all.
const NOT_SERVED: [&str; 2] = ["README.md", "explorer.html"];

/// The files of the pages, by name.
fn files() -> BTreeMap<String, String> {
    let files: BTreeMap<_, _> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .filter(|(name, _)| !NOT_SERVED.contains(&name.as_str()))
        .collect();
    assert!(files.contains_key("storefront.html") && files.contains_key("tracking.html"));
    files
}

fn folder() -> PathBuf {
    Path::new(ROOT).join("playground")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap()
}

/// What stands between `open` and the next `close`, each time.
fn between<'a>(text: &'a str, open: &str, close: char) -> impl Iterator<Item = &'a str> {
    text.split(open)
        .skip(1)
        .filter_map(move |rest| rest.split(close).next())
}

#[tokio::test]
async fn developers_get_the_pages_and_everything_they_name() {
    let data = tempfile::tempdir().unwrap();
    let mut command = vantage(data.path());
    command
        .env("VANTAGE_DEMO__ORDERS", "60")
        .env("VANTAGE_SERVER__PATH", "/api/graphql")
        .args(["serve", "--listen", "127.0.0.1:0"]);
    let mut process = Process::start(command).await;
    let base = process.base.trim_end_matches("/api").to_owned();

    let first = reqwest::get(format!("{base}/")).await.unwrap();
    assert_eq!(first.url().path(), "/playground/storefront.html");
    assert_eq!(first.status(), 200);

    let mut named = BTreeSet::from(["endpoint.js".to_owned()]);
    for (name, text) in files() {
        let address = format!("{base}/playground/{name}");
        let response = reqwest::get(address).await.unwrap();
        assert_eq!(response.status(), 200, "{name}");
        check_headers(&name, response.headers());
        assert_eq!(response.text().await.unwrap(), text, "{name}");
        for mark in ["from \"./", "src=\"", "href=\""] {
            // `href: "#/…"` and the like are addresses of a page's own views.
            named.extend(between(&text, mark, '"').map(str::to_owned));
        }
    }
    assert!(named.contains("vantage.js"), "{named:?}");
    for name in named {
        let address = format!("{base}/playground/{name}");
        let response = reqwest::get(address).await.unwrap();
        assert_eq!(response.status(), 200, "{name}");
    }
    let endpoint = reqwest::get(format!("{base}/playground/endpoint.js"))
        .await
        .unwrap();
    assert_eq!(
        endpoint.text().await.unwrap(),
        "export const ENDPOINT = \"/api/graphql\";\n"
    );
    // Who has a file is not sent it again.
    let address = format!("{base}/playground/dom.js");
    let tag = reqwest::get(&address).await.unwrap().headers()["etag"].clone();
    for (known, status) in [
        (tag.to_str().unwrap().to_owned(), 304),
        (format!("\"other\", W/{}", tag.to_str().unwrap()), 304),
        ("\"other\"".to_owned(), 200),
    ] {
        let request = reqwest::Client::new().get(&address);
        let response = request
            .header("if-none-match", &known)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), status, "{known}");
        assert_eq!(response.headers()["etag"], tag);
    }
    let nothing = reqwest::get(format!("{base}/playground/README.md"))
        .await
        .unwrap();
    assert_eq!(nothing.status(), 404);

    let page = read("explorer.html");
    let example = between(&page, "spellcheck=\"false\">", '<').next().unwrap();
    let introspection = between(&page, "query: `", '`').next().unwrap();
    for query in [example, introspection] {
        let request = reqwest::Client::new().post(format!("{base}/api/graphql"));
        let request = request.json(&json!({ "query": query }));
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer.get("errors"), None, "{query}: {answer:#}");
    }
    assert_eq!(process.stop().await.code(), Some(0));
}

#[test]
fn a_page_names_every_module_that_it_needs_so_that_none_waits_for_another() {
    let files = files();
    for page in ["storefront.html", "tracking.html"] {
        let text = &files[page];
        let named: BTreeSet<_> = between(text, "rel=\"modulepreload\" href=\"", '"').collect();
        let first = between(text, "type=\"module\" src=\"", '"').next().unwrap();
        let mut needed = BTreeSet::new();
        let mut left = vec![first];
        while let Some(module) = left.pop() {
            if let Some(text) = files.get(module) {
                let imports = between(text, "from \"./", '"');
                left.extend(imports.filter(|module| needed.insert(*module)));
            }
        }
        assert_eq!(named, needed, "{page}");
    }
}

fn check_headers(name: &str, headers: &HeaderMap) {
    let header = |name: &str| headers[name].to_str().unwrap();
    let kind = match name.rsplit('.').next().unwrap() {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
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

#[tokio::test]
async fn production_has_no_pages() {
    let data = tempfile::tempdir().unwrap();
    let mut command = vantage(data.path());
    command
        .env("VANTAGE_MODE", "production")
        // Nobody answers there, and nobody is asked before the first token.
        .env("VANTAGE_AUTH__JWKS__URL", "https://127.0.0.1:1/jwks.json")
        .env("VANTAGE_SUBGRAPH_SECRET", "0".repeat(64))
        .args(["serve", "--listen", "127.0.0.1:0"]);
    let mut process = Process::start(command).await;
    let health = format!("{}/healthz", process.base);
    assert_eq!(reqwest::get(health).await.unwrap().status(), 200);
    let paths = [
        "/",
        "/playground",
        "/playground/",
        "/playground/endpoint.js",
    ];
    let files = files();
    let files = files.keys().map(|name| format!("/playground/{name}"));
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
    assert_eq!(process.stop().await.code(), Some(0));
}

/// The operations and fragments that are written in a script, by name, with the fragments they include.
fn written(script: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (before, rest) in script
        .match_indices(" = graphql`")
        .map(|(at, mark)| (&script[..at], &script[at + mark.len()..]))
    {
        let name = before.rsplit(' ').next().unwrap().to_owned();
        let mut text = rest.split('`').next().unwrap().to_owned();
        // They are written before they are included, as JavaScript wants it too.
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

/// What the rules say against a document.
fn problems(document: &str) -> Vec<String> {
    let schema = std::fs::read_to_string(Path::new(ROOT).join("schema/api.graphql")).unwrap();
    // The rules want those named too that every schema has.
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
    let written = written(&read("operations.js"));
    let operations: BTreeMap<_, _> = written
        .iter()
        .filter(|(_, text)| !text.trim_start().starts_with("fragment "))
        .collect();
    assert!(operations.len() > 15, "{:?}", operations.keys());
    for (name, text) in &operations {
        assert_eq!(problems(text), [] as [String; 0], "{name}");
    }
    // A drift would be seen.
    let drifted = written["ORDER"].replace("trackingNumber", "number");
    assert!(problems(&drifted)[0].contains("number"));

    let mut files = files();
    files.remove("operations.js");
    for name in operations.keys() {
        let used = files.values().any(|text| text.contains(name.as_str()));
        assert!(used, "no page asks {name}");
    }
}

#[test]
fn the_pages_run_no_text_as_code_and_name_no_other_origin() {
    for (name, text) in files() {
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
            !text.contains("graphql`") || name == "operations.js",
            "{name}"
        );
        if name.ends_with(".html") {
            for inline in ["<style", "<script>", " style=", " onclick="] {
                assert!(!text.contains(inline), "{name}: {inline}");
            }
        }
    }
}
