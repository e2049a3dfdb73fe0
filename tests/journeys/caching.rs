//! Cache headers in every layout: public data is cacheable by anyone, user-specific data is not.

use crate::kit::{Graph, layouts};

async fn told(graph: &Graph, token: Option<&str>, query: &str) -> String {
    let endpoint = format!("{}/graphql", graph.router.base);
    let url = url::Url::parse_with_params(&endpoint, [("query", query)]).unwrap();
    let mut request = reqwest::Client::new()
        .get(url)
        .header("x-vantage-csrf", "1");
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let answer = request.send().await.unwrap();
    let headers = answer.headers().clone();
    let body: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(body.get("errors"), None, "{query}: {body}");
    let told = headers["cache-control"].to_str().unwrap().to_owned();
    assert_eq!(
        headers.contains_key("etag"),
        told.contains("public"),
        "{query}: {headers:?}"
    );
    told
}

#[tokio::test]
async fn public_facts_may_be_kept_and_nothing_that_depends_on_who_asks() {
    for layout in layouts() {
        let graph = Graph::start(layout, &[("VANTAGE_DEMO__ORDERS", "50")], &[]).await;
        let token = graph.demo_token().await;
        let check = async |token: Option<&str>, query: &str, expected: &str| {
            let found = told(&graph, token, query).await;
            assert_eq!(found, expected, "{layout:?}: {query}");
        };
        let user = Some(&*token);
        for (query, seconds) in [
            ("{ currencies { code } }", 3600),
            ("{ returnReasons { code } }", 3600),
            ("{ currencies { code } returnReasons { code } }", 3600),
            ("{ searchSuggestions(prefix: \"a\") { text } }", 60),
            ("{ productSearch(query: \"a\") { nodes { id title } } }", 30),
        ] {
            check(None, query, &format!("max-age={seconds}, public")).await;
            // Public data, but a request with a token is never publicly cacheable.
            check(user, query, &format!("max-age={seconds}, private")).await;
        }
        let price =
            "{ productSearch(query: \"a\") { nodes { price { current { amount { amount } } } } } }";
        // Nobody's address is located here, so prices depend on what the request says alone.
        check(None, price, "max-age=30, public").await;
        check(user, price, "max-age=30, private").await;
        for query in [
            "{ me { name } }",
            "{ currencies { code } me { name } }",
            "{ shippingCountries { code } me { name } }",
            "{ currencies { code } currencyContext { currency } }",
            "{ returnReasons { code } return(id: \"ret_01h455vb4pex5vsknk084sn02q\") { id } }",
            "{ me { orders(first: 3) { nodes { items { product { title } } } } } }",
        ] {
            check(user, query, "no-store").await;
        }
        graph.stop().await;
    }
}
