//! Planner corrections in `hive-router` from 0.3.0 to 0.3.10, by its changelog: one operation for each over a matching
//! supergraph, executed for all values of its conditions.

use std::path::PathBuf;

use graphql_tools::parser::query::{Definition, Type};
use graphql_tools::static_graphql::query::Document;
use serde_json::{Map, Value};

use super::{Universe, supergraphs};

const CORRECTIONS: &[(&str, &str, &str)] = &[
    // 0.3.10
    (
        "union members only ask for their own entity fields",
        "union-member-entity-fields",
        "{ card { components { __typename ... on ComponentA { product { id a } } ... on ComponentB { product { id b } } ... on ComponentC { product { id c } } } } }",
    ),
    // 0.3.7
    (
        "an empty conditional fragment",
        "simple-include-skip",
        "query($a: Boolean!, $b: Boolean!) { product { ... @include(if: $a) { neverCalledInclude @skip(if: $b) } ... @skip(if: $a) { neverCalledSkip @include(if: $b) } price } }",
    ),
    (
        "interface fields resolvable in several subgraphs",
        "abstract-types",
        "{ products { ... on Book { title reviews { id } } ... on Magazine { title reviews { id } } } }",
    ),
    (
        "a single union member after narrowing",
        "union-intersection",
        "{ media { __typename ... on Book { title } ... on Song { title } } viewer { media { ... on Book { title bTitle aTitle } ... on Movie { title bTitle } } book { ... on Book { title aTitle bTitle } } song { ... on Song { title aTitle } } } }",
    ),
    // 0.3.6
    (
        "key fragments navigate directly only",
        "requires-circular-keys",
        "{ list { items { valueInterfaceFragment: valueRequiresInlineFragment valueRequiresObjectFragment } } }",
    ),
    (
        "union type conditions of requirements",
        "requires-union-type-condition",
        "{ products { price } }",
    ),
    // 0.3.2
    (
        "batched calls whose fragment's condition is false",
        "simple-include-skip",
        "query($a: Boolean!, $b: Boolean!) { product { id ... on Product @include(if: $a) { isExpensive name isCheap @include(if: $b) } } }",
    ),
    (
        "an operation whose fields are all skipped",
        "simple-include-skip",
        "query($s: Boolean!) { product @skip(if: true) { id } product @include(if: false) { price } ... @skip(if: $s) { ... @include(if: $s) { again: product { name } } } }",
    ),
    (
        "a client alias with the name of a key field",
        "override_requires",
        "query($x: Boolean!) { userInA { id: name aName @include(if: $x) } }",
    ),
    (
        "a client alias with the name of a key field, at an entity call",
        "requires-alias-entity-calls",
        "{ things { id: price(currency: \"USD\") } }",
    ),
    (
        "`@requires` under a conditional fragment on Query",
        "override_requires",
        "query($x: Boolean!) { ... on Query @include(if: $x) { userInB { aName cName } } }",
    ),
    (
        "fewer requests under conditions",
        "1308",
        "query($r: Boolean!) { cage { listings { rank @include(if: $r) } } }",
    ),
    (
        "fields with other arguments, aliases or conditions are not the same",
        "requires-alias-two-requirements",
        "query($x: Boolean!, $y: Boolean!) { things { ... on Cat { gbp @include(if: $x) } ... on Dog { eur @include(if: $y) } eur a: price(currency: \"GBP\") b: price(currency: \"EUR\") @skip(if: $x) } }",
    ),
    (
        "`@include` of a field after a conditional call",
        "1647",
        "query($w: Boolean!) { record(id: \"1\") @include(if: $w) { ... on User { id email invoices } } listed: catalog { search(term: \"a\", kind: \"item\", source: \"store\") @include(if: $w) { ... on Item { id label } } } }",
    ),
    (
        "`@include` of a fragment after a conditional call",
        "1647",
        "query($w: Boolean!) { record(id: \"1\") @include(if: $w) { ... on User { id email invoices } } ... on Query @include(if: $w) { listed: catalog { search(term: \"a\", kind: \"item\", source: \"store\") { ... on Item { id label } } } } }",
    ),
    (
        "calls under nested conditions",
        "override_requires",
        "query($a: Boolean!, $b: Boolean!) { userInA { id ... on User @include(if: $a) { ... on User @include(if: $b) { name } } } }",
    ),
    (
        "a fragment inside a conditional fragment on an interface",
        "requires-alias-interface-object",
        "query($y: Boolean!) { things { ... on Node @include(if: $y) { ... on Cat { eur } } } }",
    ),
    (
        "`@requires` nested inside another",
        "1310",
        "{ pet { checkup { grade } } }",
    ),
    (
        "several fields that need the same chain of requirements",
        "requires_requires",
        "{ product { requestedA: canAffordWithAndWithoutDiscount } ... on Query { product { canAffordWithAndWithoutDiscount } } ... on Query { product { ... { ... on Product { requestedB: canAffordWithAndWithoutDiscount } } canAfford } } }",
    ),
    (
        "temporary names that a client uses, at a requirement",
        "requires-alias-entity-interface",
        "{ things { _internal_qp_alias_0: id price(currency: \"GBP\") ... on Cat { eur } } }",
    ),
    (
        "`@requires` of an object that has only a type",
        "1308",
        "{ cage { listings { rank } } }",
    ),
    (
        "`@requires` of fields of an interface's types",
        "1309",
        "{ listings { rank } }",
    ),
    (
        "`@requires` through a union, of a type that does not apply",
        "requires-inapplicable-root-fragment",
        "{ products { isExpensive } }",
    ),
    (
        "`@requires` of fields with arguments",
        "requires-alias-two-requirements",
        "{ things { ... on Cat { gbp } eur } }",
    ),
    (
        "different arguments under different types",
        "1311",
        "{ storefront { departments { ... on Aquatics { photo { thumbnail(width: 100) } } ... on Reptiles { photo { thumbnail(width: 200) } } } } }",
    ),
    // 0.3.0
    (
        "type conditions on a list of an interface object",
        "interface-object-nested-list",
        "{ me { friends { ... on User { name } credits } ... on User { name } } }",
    ),
    (
        "what is provided is there only",
        "provides-scope",
        "{ store { orders { sku weight } } user { pastOrders { sku } } }",
    ),
    (
        "what is provided, in copies made earlier",
        "provides-copies",
        "{ user { orders { sku product { name } } } }",
    ),
    (
        "provided fields of the type itself",
        "provides-copies",
        "{ user { label related { label related { label } } } }",
    ),
    (
        "members of a provided union",
        "provides-union-member",
        "{ user { orders { item { ... on Book { isbn stock } ... on Movie { title } } } } }",
    ),
    (
        "`__typename` that is provided",
        "provides-typename",
        "{ holder { item { __typename label } } }",
    ),
    (
        "`@requires` after an entity call",
        "1539",
        "{ user { orders { sku name } } order { name } }",
    ),
    (
        "`@requires` of an entity below itself",
        "1539-self-referential",
        "{ order { related { name } } }",
    ),
    (
        "aliased requirements after an entity call",
        "requires-argument-conflict-after-hop",
        "{ user { orders { usd eur } } }",
    ),
    (
        "requirements of two subgraphs after an entity call",
        "requires-from-two-subgraphs",
        "{ user { orders { name } } }",
    ),
    (
        "requirements of requirements after an entity call",
        "chained-requires-after-hop",
        "{ user { orders { name } } }",
    ),
    (
        "requirements after two entity calls",
        "requires-after-two-hops",
        "{ user { cart { orders { name } } } }",
    ),
    (
        "provided fields for requirements",
        "requires-provided-after-hop",
        "{ user { orders { name } } }",
    ),
    (
        "partly provided fields for requirements",
        "requires-partly-provided-after-hop",
        "query($x: Boolean!) { user { orders { name @include(if: $x) } } }",
    ),
    (
        "provided fields for requirements, by type",
        "provides-union-member",
        "{ user { orders { label } } }",
    ),
    (
        "provided fields for requirements, by interface",
        "provides-scope",
        "{ user { orders { mediaLabel } } }",
    ),
    (
        "`@requires` on an object of the type it is inside of",
        "requires-nested-same-type",
        "{ user { other { label } related { other { label } } } }",
    ),
    (
        "progressive overrides of a union field",
        "union-progressive-override",
        "{ me { media { ... on Book { id } ... on Movie { id } } } }",
    ),
    (
        "progressive overrides of a provided field",
        "provides-progressive-override",
        "{ me { orders { sku } } }",
    ),
    (
        "progressive overrides of a provided union field",
        "provides-union-progressive-override",
        "{ me { media { ... on Book { title } ... on Movie { title } } } }",
    ),
];

/// All values of the operation's Boolean variables.
fn conditions(document: &Document) -> Vec<Map<String, Value>> {
    let mut all = vec![Map::new()];
    for definition in &document.definitions {
        let Definition::Operation(operation) = definition else {
            continue;
        };
        for variable in operation.variable_definitions() {
            assert_eq!(
                variable.var_type,
                Type::NonNullType(Box::new(Type::NamedType("Boolean".to_owned())))
            );
            all = all
                .into_iter()
                .flat_map(|values| {
                    [true, false].map(|value| {
                        let mut values = values.clone();
                        values.insert(variable.name.clone(), value.into());
                        values
                    })
                })
                .collect();
        }
    }
    all
}

#[tokio::test]
async fn what_the_planner_corrected_is_right() {
    let mut wrong = Vec::new();
    for (correction, name, query) in CORRECTIONS {
        let named = |file: &PathBuf| {
            let file = file.file_name().unwrap().to_string_lossy();
            file.strip_suffix(".supergraph.graphql") == Some(name)
        };
        let file = supergraphs().into_iter().find(named);
        let universe = Universe::open(file.expect(name)).await;
        let document = graphql_tools::parser::parse_query::<String>(query)
            .expect(query)
            .into_static();
        for variables in conditions(&document) {
            match universe.ask(&document, &variables).await {
                Some(Ok(())) => {}
                Some(Err(difference)) => wrong.push(format!("{correction}, {name}:\n{difference}")),
                None => wrong.push(format!("{correction}, {name}: {query} is rejected")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
