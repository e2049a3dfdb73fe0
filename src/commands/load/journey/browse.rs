//! A visitor who searches, types, filters and looks at a product, without signing in.

use serde_json::json;

use super::{Journey, present, some, text};
use crate::commands::load::failure::Failure;
use crate::commands::load::operations::{PRODUCT, SEARCH, SUGGESTIONS};
use crate::commands::load::shop::pick;

/// Products on a page.
const PAGE: u32 = 24;
/// How much of a word is typed before suggestions are read.
const TYPED: usize = 3;

pub(super) async fn run(journey: &mut Journey<'_>) -> Result<(), Failure> {
    let shop = &journey.context.shop;
    let product = shop.product().ok_or(Failure::Unexpected("no product"))?;
    let word = pick(&product.words).map_or("", String::as_str);
    let currency = shop.currency();

    let variables = json!({ "query": word, "first": PAGE, "currency": currency });
    journey
        .request("search", &SEARCH, variables, None, |data| {
            some(&data, "/productSearch/nodes")
        })
        .await?;

    journey.think().await;
    let typed: String = word.chars().take(TYPED).collect();
    let variables = json!({ "prefix": typed });
    journey
        .request("suggestions", &SUGGESTIONS, variables, None, |data| {
            present(&data, "/searchSuggestions")
        })
        .await?;

    journey.think().await;
    let filters = json!({ "categories": [product.category] });
    let variables = json!({ "query": "", "filters": filters, "first": PAGE, "currency": currency });
    let found = journey
        .request("filter", &SEARCH, variables, None, |data| {
            some(&data, "/productSearch/nodes")
        })
        .await?;
    let chosen = pick(&found).and_then(|node| text(node, "/id").ok());
    let chosen = chosen.unwrap_or_else(|| product.id.clone());

    journey.think().await;
    let variables = json!({ "id": chosen, "currency": currency });
    journey
        .request("product", &PRODUCT, variables, None, |data| {
            present(&data, "/product")
        })
        .await
}
