//! Documents that our router never sends but other routers may: `@skip`/`@include` with variables, selections reduced
//! to nothing, and representations of unknown entities.

use serde_json::{Value, json};

use crate::subgraphs::Subgraphs;

#[tokio::test]
async fn every_subgraph_answers_any_router_as_the_specification_says() {
    let graph = Subgraphs::start(60).await;
    let of = |answer: &Value, pointer: &str| answer.pointer(pointer).cloned().unwrap_or_default();
    let products = "{ productSearch(query: \"\", first: 1) { nodes { id } } }";
    let product = graph.ask("search", products, json!({})).await;
    let product = of(&product, "/data/productSearch/nodes/0/id");
    let me = "{ me { id orders(first: 1) { nodes { id } } } }";
    let me = graph.ask("orders", me, json!({})).await;
    let order = of(&me, "/data/me/orders/nodes/0/id");
    let customer = of(&me, "/data/me/id");
    assert!(product.is_string() && order.is_string(), "{product} {me}");
    for (domain, ty, id) in [
        ("pricing", "Product", &product),
        ("search", "Product", &product),
        ("orders", "Order", &order),
        ("orders", "Customer", &customer),
        ("returns", "Order", &order),
        ("notifications", "Customer", &customer),
        ("tracking", "Order", &order),
    ] {
        let known = json!({ "__typename": ty, "id": id });
        let ask = async |variables: &str, selected: &str, more: Value, of: Value| {
            let query = format!(
                "query($of: [_Any!]!{variables}) {{ _entities(representations: $of) {{ {selected} }} }}"
            );
            let mut values = json!({ "of": of });
            values
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            graph.ask(domain, &query, values).await
        };
        let whole = format!("... on {ty} {{ id }}");
        let nobody = json!({ "__typename": "Nonsense", "id": "1" });
        let keyless = json!({ "__typename": ty });
        let answer = ask(
            "",
            &whole,
            json!({}),
            json!([known, nobody, keyless, known]),
        )
        .await;
        let found = json!({ "id": id });
        let expect = json!([found, null, null, found]);
        assert_eq!(answer["data"]["_entities"], expect, "{domain} {answer}");
        let paths: Vec<_> = answer["errors"].as_array().unwrap().iter().collect();
        let at = |index: usize| json!(["_entities", index]);
        assert!(
            paths.len() == 2 && paths.iter().any(|error| error["path"] == at(1)),
            "{domain} {answer}"
        );

        let nothing = json!({});
        for (variables, selected, given, expect) in [
            (
                ", $x: Boolean!",
                format!("... on {ty} {{ id @skip(if: $x) }}"),
                json!({ "x": true }),
                &nothing,
            ),
            (
                ", $x: Boolean! = true",
                format!("... on {ty} {{ id @skip(if: $x) }}"),
                json!({}),
                &nothing,
            ),
            (
                ", $x: Boolean! = true",
                format!("... on {ty} {{ id @include(if: $x) }}"),
                json!({}),
                &found,
            ),
            (
                ", $x: Boolean! = true",
                format!("... on {ty} @skip(if: $x) {{ id }}"),
                json!({}),
                &nothing,
            ),
            (
                ", $x: Boolean! = true",
                format!("... on {ty} @skip(if: $x) {{ id }}"),
                json!({ "x": false }),
                &found,
            ),
            (
                ", $x: Boolean!",
                format!("__typename @skip(if: $x) ... on {ty} {{ id }}"),
                json!({ "x": true }),
                &found,
            ),
            (
                ", $x: Boolean!",
                format!("... on {ty} {{ __typename @include(if: $x) }}"),
                json!({ "x": false }),
                &nothing,
            ),
        ] {
            let answer = ask(variables, &selected, given, json!([known])).await;
            let expect = json!({ "data": { "_entities": [expect] } });
            assert_eq!(answer, expect, "{domain}: {selected}");
        }
    }
}

/// A router that leaves `@authenticated` to the subgraphs must reveal no more than one that enforces it.
#[tokio::test]
async fn fields_for_the_signed_in_refuse_visitors_before_they_read_arguments() {
    let graph = Subgraphs::start(20).await;
    let address = "{ name: \"\", line1: \"\", city: \"\", postalCode: \"\", countryCode: \"\" }";
    let order = format!(
        "mutation {{ field: orderPlace(idempotencyKey: \"\", input: {{ items: [], shippingAddress: {address}, paymentMethodToken: \"\" }}) {{ userErrors {{ code }} }} }}"
    );
    for (domain, query) in [
        ("orders", "{ field: me { id } }"),
        ("orders", "{ field: order(id: \"\") { id } }"),
        ("orders", &order),
        (
            "orders",
            "mutation { field: orderCancel(id: \"\", idempotencyKey: \"\") { userErrors { code } } }",
        ),
        ("returns", "{ field: return(id: \"\") { id } }"),
        (
            "returns",
            "{ field: returnPreview(input: { orderId: \"\", items: [] }) { eligible } }",
        ),
        (
            "returns",
            "mutation { field: returnCreate(idempotencyKey: \"\", input: { orderId: \"\", items: [] }) { return { id } } }",
        ),
        (
            "returns",
            "mutation { field: returnCancel(id: \"\", idempotencyKey: \"\") { userErrors { code } } }",
        ),
        (
            "returns",
            "mutation { field: returnLabelGenerate(id: \"\", idempotencyKey: \"\") { userErrors { code } } }",
        ),
        ("tracking", "{ field: shipment(id: \"\") { id } }"),
        (
            "notifications",
            "mutation { field: deviceRegister(input: { token: \"\", platform: WEB }) { deviceTokens } }",
        ),
        (
            "notifications",
            "mutation { field: deviceUnregister(token: \"\") { deviceTokens } }",
        ),
        (
            "notifications",
            "mutation { field: notificationPreferencesUpdate(customerId: \"\", idempotencyKey: \"\", input: { updates: [] }) { updated } }",
        ),
    ] {
        let answer = graph.ask_as(None, domain, query, json!({})).await;
        let error = &answer["errors"][0];
        assert_eq!(
            error["extensions"]["code"], "UNAUTHENTICATED",
            "{query}: {answer}"
        );
        assert_eq!(error["path"], json!(["field"]), "{query}: {answer}");
    }
}
