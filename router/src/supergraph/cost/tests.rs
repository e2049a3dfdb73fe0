//! The cost directives under any name, and the defaults without them.

use super::*;
use crate::supergraph::features;

fn costs(sdl: &str) -> Costs {
    let document = graphql_tools::parser::parse_schema::<String>(sdl).expect("SDL");
    let document = features::canonical(document.into_static()).expect("supported");
    Costs::of_document(&document)
}

#[test]
fn directives_are_found_by_the_names_that_links_give_them() {
    for (link, cost, list_size) in [
        ("", "cost", "listSize"),
        (
            r#"schema @link(url: "https://specs.apollo.dev/cost/v0.1", import: ["@cost", "@listSize"]) { query: Query }"#,
            "cost",
            "listSize",
        ),
        (
            r#"schema @link(url: "https://specs.apollo.dev/cost/v0.1") { query: Query }"#,
            "cost",
            "cost__listSize",
        ),
        (
            r#"schema @link(url: "https://specs.apollo.dev/cost/v0.1", as: "dear", import: [{name: "@listSize", as: "@sized"}]) { query: Query }"#,
            "dear",
            "sized",
        ),
        (
            r#"schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"]) { query: Query }"#,
            "federation__cost",
            "federation__listSize",
        ),
    ] {
        let sdl = format!(
            "{link} type Query {{ a: [Int] @{cost}(weight: 3) @{list_size}(assumedSize: 7) }}"
        );
        let costs = costs(&sdl);
        let field = costs.field("Query", "a").expect(&sdl);
        assert_eq!(field.weight, Some(3.0), "{sdl}");
        let list = field.list.as_ref().expect(&sdl);
        assert_eq!(list.assumed, Some(7.0), "{sdl}");
    }
    // A directive linked under another name leaves its own name free.
    let other = costs(
        r#"schema @link(url: "https://specs.apollo.dev/cost/v0.1", as: "dear") { query: Query }
        type Query { a: Int @cost(weight: 3) }"#,
    );
    assert_eq!(other.field("Query", "a"), None);
}

#[test]
fn composition_may_wrap_directives() {
    let costs = costs(
        r#"schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@cost"]) { query: Query }
        type Query { a: Int @join__directive(graphs: [A], name: "cost", args: {weight: "2.5"}) }"#,
    );
    assert_eq!(costs.field("Query", "a").and_then(|a| a.weight), Some(2.5));
}

#[test]
fn pages_need_no_directive() {
    let costs = costs(
        "type Query { plain(first: Int): [A!]! page(first: Int, last: Int): As other(first: Int): A none: [A] }
         type As { nodes: [A!] edges: [E!] info: A } type E { node: A } type A { n: Int }",
    );
    let list = |field: &str| costs.field("Query", field).and_then(|f| f.list.clone());
    let plain = list("plain").expect("a list");
    assert_eq!((plain.slicing.len(), plain.sized.len()), (1, 0));
    let page = list("page").expect("a page");
    assert_eq!(page.sized, [["nodes".to_owned()], ["edges".to_owned()]]);
    assert_eq!((list("other"), list("none")), (None, None));
}

#[test]
fn an_interface_costs_what_its_most_expensive_object_does() {
    let costs = costs(
        "interface I { a: [Int] } type A implements I { a: [Int] @cost(weight: 5) }
         type B implements I { a: [Int] @listSize(assumedSize: 50) @cost(weight: 2) } type Query { i: I }",
    );
    let field = costs.field("I", "a").expect("known");
    assert_eq!(field.weight, Some(5.0));
    assert_eq!(
        field.list.as_ref().and_then(|list| list.assumed),
        Some(50.0)
    );
}
