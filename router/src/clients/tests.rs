//! Invalid clients files and their error messages.

use std::path::Path;

use super::*;

fn load(text: &str) -> Result<Clients, String> {
    let files = ClientsFiles::of(Path::new("clients.yaml"), text.to_owned());
    Clients::load(&files).map_err(|error| error.to_string())
}

#[test]
fn a_file_of_comments_has_no_clients() {
    assert!(load("# nothing yet\n").expect("clients").is_empty());
    assert!(load("clients: []").expect("clients").is_empty());
}

#[test]
fn every_key_is_read() {
    let hash = Sha256Hash::of(b"a key");
    let text = format!(
        "clients:
          - name: acme
            mode: log-unknown
            keys: [{{ id: k1, sha256: {hash} }}]
            token_clients: [acme-app]
            rate: {{ cost_per_minute: 6000, burst: 1200 }}
            cost_limit: 2000
            introspection: false
            scopes: [orders:read]
            origins: ['https://ACME.example.com:443']"
    );
    let clients = load(&text).expect("clients");
    let acme = clients.by_name("acme").expect("acme");
    assert_eq!(acme.mode, ClientMode::LogUnknown);
    let rate = acme.rate.expect("a rate");
    assert_eq!((rate.cost_per_minute.get(), rate.burst.get()), (6000, 1200));
    assert_eq!(
        (acme.cost_limit, acme.introspection),
        (Some(2000), Some(false))
    );
    assert!(clients.allow_origin("https://acme.example.com"));
    assert!(clients.by_key(&hash).is_some() && clients.by_token("acme-app").is_some());
}

#[test]
fn what_is_wrong_is_told_with_the_file_and_the_client() {
    let hash = Sha256Hash::of(b"a key");
    let check = |text: &str, words: &[&str]| {
        let error = load(text).expect_err(text);
        for words in words.iter().chain(&["clients.yaml"]) {
            assert!(error.contains(words), "{words}: {error}");
        }
    };
    check("clients: [", &["line 1"]);
    check("client: []", &["unknown field", "client"]);
    check(
        "clients: [{ name: a, modes: allow }]",
        &["unknown field", "modes"],
    );
    check("clients: [{ name: a, mode: deny }]", &["deny"]);
    check("clients: [{ name: a, cost_limit: 0 }]", &["zero"]);
    check(
        "clients: [{ name: '' }]",
        &["client ``", "1 to 64 characters"],
    );
    check("clients: [{ name: ' a' }]", &["visible ASCII"]);
    check(
        "clients: [{ name: a }, { name: a }]",
        &["client `a`", "another client has the same name"],
    );
    check(
        "clients: [{ name: a, keys: [{ id: k, sha256: 12 }] }]",
        &["64 characters"],
    );
    check(
        "clients: [{ name: a, origins: ['https://a/b'] }]",
        &["client `a`", "not an origin"],
    );
    check(
        &format!(
            "clients: [{{ name: a, keys: [{{ id: k, sha256: {hash} }}, {{ id: k, sha256: {hash} }}] }}]"
        ),
        &["client `a`", "two keys named `k`"],
    );
    check(
        &format!(
            "clients: [{{ name: a, keys: [{{ id: k, sha256: {hash} }}] }}, {{ name: b, keys: [{{ id: k, sha256: {hash} }}] }}]"
        ),
        &["client `b`", "another client has its key `k`"],
    );
    check(
        "clients: [{ name: a, token_clients: [t] }, { name: b, token_clients: [t] }]",
        &["client `b`", "another client has its token client `t`"],
    );
}

#[test]
fn a_manifest_that_cannot_be_used_is_told_with_its_operation() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("clients.yaml");
    let text = "clients: [{ name: a, manifests: [a.json] }]";
    std::fs::write(&path, text).expect("written");
    let load = || {
        let files = ClientsFiles::read(&path).expect("a file");
        Clients::load(&files).map_err(|error| error.to_string())
    };
    let check = |words: &[&str]| {
        let error = load().expect_err("refused");
        for words in words
            .iter()
            .chain(&["clients.yaml", "client `a`", "a.json"])
        {
            assert!(error.contains(words), "{words}: {error}");
        }
    };
    check(&["cannot be read"]);
    let write =
        |text: &str| std::fs::write(directory.path().join("a.json"), text).expect("written");
    write("[]");
    check(&["not a JSON object"]);
    write(r#"{"one": "query A { a"}"#);
    check(&["operation `one`", "line 1"]);
    write(r#"{"one": "query A { a }"}"#);
    let clients = load().expect("clients");
    assert_eq!(clients.operations().count(), 1);
    assert!(clients.shared_operations().by_id("one").is_some());
    // The ids of a client that must authenticate are not shared.
    let text = text.replace("name: a", "name: a, mode: require");
    std::fs::write(&path, text).expect("written");
    let clients = load().expect("clients");
    assert_eq!(clients.operations().count(), 1);
    assert!(clients.shared_operations().by_id("one").is_none());
}

#[test]
fn its_queries_are_tools_and_the_mutations_it_names() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("clients.yaml");
    let load = |tools: &str, operations: &[&str]| {
        let operations = operations.iter().enumerate();
        let manifest: serde_json::Map<_, _> = operations
            .map(|(index, document)| (index.to_string(), (*document).into()))
            .collect();
        let manifest = serde_json::to_string(&manifest).expect("JSON");
        std::fs::write(directory.path().join("a.json"), manifest).expect("written");
        let text = format!("clients: [{{ name: a, manifests: [a.json], tools: {tools} }}]");
        std::fs::write(&path, text).expect("written");
        let clients = Clients::load(&ClientsFiles::read(&path).expect("a file"));
        clients.map_err(|error| error.to_string()).map(|clients| {
            let client = clients.by_name("a").expect("the client");
            let tools = client.tools.as_ref()?;
            Some(
                tools
                    .iter()
                    .map(|tool| tool.name.clone())
                    .collect::<Vec<_>>(),
            )
        })
    };
    let all = [
        "query Q { a }",
        "mutation M { a }",
        "mutation N { b }",
        "subscription S { a }",
    ];
    let offered = |names: &[&str]| Ok(Some(names.iter().map(|&name| name.to_owned()).collect()));
    assert_eq!(load("false", &all), Ok(None));
    assert_eq!(load("", &all), Ok(None));
    assert_eq!(load("true", &all), offered(&["Q"]));
    assert_eq!(load("{}", &all), offered(&["Q"]));
    assert_eq!(load("{ mutations: [M] }", &all), offered(&["Q", "M"]));
    // What is no tool may have any name.
    assert_eq!(
        load("true", &["mutation { a }", "mutation { b }"]),
        offered(&[])
    );
    let check = |tools: &str, operations: &[&str], words: &str| {
        let error = load(tools, operations).expect_err(words);
        assert!(
            error.contains(words) && error.contains("clients.yaml"),
            "{error}"
        );
    };
    check("yes please", &all, "true, false, or an object");
    check("{ mutation: [M] }", &all, "unknown field");
    check("{ mutations: [Q] }", &all, "mutations is named `Q`");
    check("true", &["{ a }"], "operation `0` has no name");
    check(
        "true",
        &["query A { a }", "query A { b }"],
        "two operations are named `A`",
    );
    let long = format!("query {} {{ a }}", "A".repeat(129));
    check("true", &[&long], "more than 128 characters");
}
