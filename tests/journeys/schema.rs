//! The committed SDL and the schemas of events match the code. Update them with `cargo run -- schema export`.

use std::path::Path;

use crate::kit::vantage;

#[tokio::test]
async fn the_committed_schema_is_up_to_date() {
    let scratch = tempfile::tempdir().unwrap();
    let output = vantage(scratch.path())
        .args(["schema", "export", "--directory", "exported"])
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
    let exported = scratch.path().join("exported");
    let names = files(&exported);
    assert_eq!(
        names.len() - events(&names).len(),
        11,
        "six subgraphs, the node subgraph, the supergraph, the public schema, the REST routes and the topics"
    );
    assert_eq!(events(&names), events(&files(&committed)));
    for name in names {
        let text = std::fs::read_to_string(committed.join(&name)).unwrap_or_default();
        let current = std::fs::read_to_string(exported.join(&name)).unwrap();
        assert!(
            text == current,
            "schema/{name} is out of date: run `cargo run -- schema export`"
        );
    }
}

/// The files of a directory and its directories, as paths in it.
fn files(directory: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            let inside = files(&entry.path());
            names.extend(inside.into_iter().map(|file| format!("{name}/{file}")));
        } else {
            names.push(name);
        }
    }
    names.sort();
    names
}

fn events(names: &[String]) -> Vec<&String> {
    let is_event = |name: &&String| name.starts_with("events/");
    names.iter().filter(is_event).collect()
}

#[tokio::test]
async fn a_change_that_breaks_an_events_consumers_is_not_exported() {
    let scratch = tempfile::tempdir().unwrap();
    let export = async || {
        let output = vantage(scratch.path())
            .args(["schema", "export", "--directory", "exported"])
            .stderr(std::process::Stdio::piped())
            .output()
            .await
            .unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        (output.status.success(), told)
    };
    let folder = scratch.path().join("exported/events");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("order.placed.json");
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/events/order.placed.json");
    let text = std::fs::read_to_string(committed).unwrap();
    let mut schema: serde_json::Value = serde_json::from_str(&text).unwrap();
    // As if this version no longer had a field, and had added an optional one.
    let fields = schema.pointer_mut("/properties/data/properties").unwrap();
    fields["coupon"] = serde_json::json!({ "type": ["string", "null"] });
    let language = fields.as_object_mut().unwrap().remove("language");
    assert!(language.is_some());
    std::fs::write(&file, schema.to_string()).unwrap();
    std::fs::write(folder.join("order.lost.json"), "{}").unwrap();
    let (is_ok, told) = export().await;
    assert!(!is_ok);
    assert!(
        told.contains("order.placed: data.coupon was removed")
            && told.contains("order.lost: is no longer published")
            && !told.contains("language"),
        "{told}"
    );
    std::fs::remove_file(&file).unwrap();
    std::fs::remove_file(folder.join("order.lost.json")).unwrap();
    let (is_ok, told) = export().await;
    assert!(is_ok, "{told}");
}

/// Runs `schema check` and returns its success and output.
async fn check(directory: &Path, arguments: &[&str]) -> (bool, String, String) {
    let output = vantage(directory)
        .args(["schema", "check"])
        .args(arguments)
        .output()
        .await
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let is_ok = output.status.success();
    (is_ok, text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn a_schema_that_lost_something_is_refused_by_the_check() {
    let scratch = tempfile::tempdir().unwrap();
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
    let text = std::fs::read_to_string(committed.join("api.graphql")).unwrap();
    std::fs::write(scratch.path().join("same.graphql"), &text).unwrap();
    let more = text + "\ntype Gone { field: Int }\n";
    std::fs::write(scratch.path().join("more.graphql"), more).unwrap();

    let (is_ok, told, _) = check(scratch.path(), &["--old", "same.graphql"]).await;
    let expected = "same.graphql → this program: 0 breaking, 0 dangerous and 0 safe changes\n";
    assert!(is_ok && told == expected, "{told}");
    let (is_ok, told, error) = check(scratch.path(), &["--old", "more.graphql"]).await;
    assert!(!is_ok);
    assert!(
        told.starts_with("breaking   TYPE_REMOVED  Gone was removed.\n"),
        "{told}"
    );
    assert_eq!(error, "error: one change breaks clients of more.graphql\n");
    // Supergraphs are compared by their public schema.
    let supergraph = committed.join("supergraph.graphql");
    let supergraph = [
        "--old",
        "same.graphql",
        "--new",
        supergraph.to_str().unwrap(),
    ];
    let (is_ok, told, _) = check(scratch.path(), &supergraph).await;
    assert!(
        is_ok && told.contains(": 0 breaking, 0 dangerous and 0 safe"),
        "{told}"
    );
}

#[tokio::test]
async fn only_what_an_operation_uses_counts() {
    let scratch = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(scratch.path().join(name), text).unwrap();
    write(
        "old.graphql",
        "type Query { used: Int unused: Int status: Status } enum Status { A }",
    );
    write(
        "new.graphql",
        "type Query { status: Status } enum Status { A B }",
    );
    write(
        "web.json",
        r#"{"1": "query Used { used }", "2": "{ status }"}"#,
    );
    write(
        "ios.json",
        r#"{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [
            {"id": "a", "name": "Status", "type": "query", "body": "query Status { status }"}]}"#,
    );
    write("other.json", r#"{"1": "{ nothing }"}"#);
    let schemas = ["--old", "old.graphql", "--new", "new.graphql"];
    let all = |more: &[&'static str]| [&schemas[..], more].concat();

    let json = all(&["--operations", "web.json", "ios.json", "--format", "json"]);
    let (is_ok, told, _) = check(scratch.path(), &json).await;
    assert!(!is_ok);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let counts = ["breaking", "dangerous", "safe", "unused", "operations"];
    assert_eq!(
        counts.map(|name| told[name].as_u64().unwrap()),
        [1, 1, 0, 1, 3]
    );
    assert_eq!(
        told["changes"][0]["operations"],
        serde_json::json!(["1 (web.json)"])
    );
    let users = serde_json::json!(["2 (web.json)", "Status (ios.json)"]);
    assert_eq!(told["changes"][1]["operations"], users);

    // Nothing this client uses breaks.
    let (is_ok, told, _) = check(scratch.path(), &all(&["--operations", "ios.json"])).await;
    assert!(is_ok, "{told}");
    assert!(
        told.ends_with(
            "0 breaking, 1 dangerous and 0 safe changes; 2 more affect none of the 1 operations\n"
        ),
        "{told}"
    );
    let with_all = all(&["--operations", "ios.json", "--all", "--format", "markdown"]);
    let (is_ok, told, _) = check(scratch.path(), &with_all).await;
    assert!(
        !is_ok && told.contains("| `Query.unused` | Field Query.unused was removed. |  |"),
        "{told}"
    );

    write(
        "clients.yaml",
        "clients: [{ name: shop, manifests: [web.json] }, { name: phone, manifests: [ios.json] }]",
    );
    let json = all(&["--clients", "clients.yaml", "--format", "json"]);
    let (is_ok, told, _) = check(scratch.path(), &json).await;
    assert!(!is_ok);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        counts.map(|name| told[name].as_u64().unwrap()),
        [1, 1, 0, 1, 3]
    );
    let users = [["shop: Used"].as_slice(), &["shop: 2", "phone: Status"]];
    for (change, users) in std::iter::zip(told["changes"].as_array().unwrap(), users) {
        assert_eq!(change["operations"], serde_json::json!(users));
    }
    write("vantage.yaml", "clients: { file: clients.yaml }");
    let configured = all(&["--clients", "--config", "vantage.yaml"]);
    let (_, by_configuration, _) = check(scratch.path(), &configured).await;
    assert!(
        by_configuration.contains("shop: Used"),
        "{by_configuration}"
    );
    let (is_ok, _, error) = check(scratch.path(), &all(&["--clients"])).await;
    assert!(
        !is_ok && error.contains("no clients file is configured"),
        "{error}"
    );
    let (is_ok, _, error) = check(scratch.path(), &all(&["--clients", "lost.yaml"])).await;
    assert!(!is_ok && error.contains("lost.yaml"), "{error}");

    let (is_ok, _, error) = check(scratch.path(), &all(&["--operations", "other.json"])).await;
    assert!(!is_ok);
    assert_eq!(
        error,
        "error: operations are not valid against the old schema: 1 (other.json), 1:3: Cannot query field \"nothing\" on type \"Query\".\n"
    );
}
