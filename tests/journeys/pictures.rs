//! Pictures of the demo shop's products, in every layout.

use std::collections::BTreeMap;

use reqwest::StatusCode;
use reqwest::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use serde_json::json;

use crate::kit::{Graph, layouts};

const SHOWN: &str = "{ productSearch(query: \"\", first: 100) { nodes {
    title category imageUrl weightGrams dimensions { lengthMm widthMm heightMm } hsCode originCountry
} } }";

#[tokio::test]
async fn every_product_has_a_picture_that_browsers_cache() {
    for layout in layouts() {
        let graph = Graph::start(layout, &[("VANTAGE_DEMO__ORDERS", "50")], &[]).await;
        let answer = graph.query(None, SHOWN, json!({})).await;
        let nodes = answer["data"]["productSearch"]["nodes"].as_array().unwrap();
        assert_eq!(nodes.len(), 100, "{answer}");
        let mut pictures = BTreeMap::new();
        for node in nodes {
            let category = node["category"].as_str().unwrap();
            pictures.insert(category, node["imageUrl"].as_str().unwrap());
            let is_shipped = !["Gift Cards", "Software Downloads"].contains(&category);
            assert_eq!(node["weightGrams"].is_i64(), is_shipped, "{node}");
            assert_eq!(
                node["dimensions"]["heightMm"].is_i64(),
                is_shipped,
                "{node}"
            );
            assert_eq!(node["hsCode"].is_string(), is_shipped, "{node}");
            assert_eq!(node["originCountry"].is_string(), is_shipped, "{node}");
        }
        assert!(pictures.len() > 10, "{pictures:?}");
        let http = reqwest::Client::new();
        for (category, url) in pictures {
            let response = http.get(url).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{layout:?}: {url}");
            let header = |name| response.headers()[name].to_str().unwrap().to_owned();
            assert_eq!(header(CONTENT_TYPE), "image/svg+xml");
            assert_eq!(header(CACHE_CONTROL), "public, max-age=31536000, immutable");
            assert_eq!(
                header(CONTENT_SECURITY_POLICY),
                "default-src 'none'; sandbox"
            );
            let tag = header(ETAG);
            let text = response.text().await.unwrap();
            assert!(text.starts_with("<svg "), "{category}: {text}");
            let again = http.get(url).header(IF_NONE_MATCH, &tag).send().await;
            assert_eq!(again.unwrap().status(), StatusCode::NOT_MODIFIED);
            // Pages use the path on the server that they come from.
            let path = &url[url.find("/pictures/").unwrap()..];
            let here = http
                .get(format!("{}{path}", graph.router.base))
                .send()
                .await;
            assert_eq!(here.unwrap().text().await.unwrap(), text);
        }
        for path in [
            "/pictures/v1/shoes/%3Cscript%3E.svg",
            "/pictures/v1/shoes/1-1.svg",
            "/pictures/v1/..%2Fshoes/0-0.svg",
            "/pictures/v2/shoes/0-0.svg",
            "/pictures/v1/shoes",
        ] {
            let url = format!("{}{path}", graph.router.base);
            let response = http.get(url).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        }
        graph.stop().await;
    }
}
