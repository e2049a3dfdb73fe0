//! Products as documents of the cluster's index, with the fields of `index/index.json`.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::bulk::Operation;
use super::client::{Call, Client};
use crate::engine::relevance::magnitude;
use crate::engine::{Document, EngineError, rank};
use crate::rules::analysis::{Analysis, words};

/// The field that breaks ties.
pub(super) const ID: &str = "id";

/// The product's key in the index.
pub(super) fn key(id: Uuid) -> String {
    id.simple().to_string()
}

/// When the row was written: an older version never takes the place of a newer one.
fn version(updated_at: DateTime<Utc>) -> u64 {
    u64::try_from(updated_at.timestamp_micros()).unwrap_or(0)
}

/// Puts the product in place of what the index has of it, or removes it if it is not active.
pub(super) fn replacement(document: &Document, analysis: &Analysis) -> Operation {
    let product = &document.product;
    let version = version(product.updated_at);
    if product.active {
        Operation::index(product.id, version, source(document, analysis))
    } else {
        Operation::delete(product.id, version)
    }
}

/// Adds the product, unless the index has this version of it or a newer one, or knows that it was removed.
pub(super) fn addition(document: &Document, analysis: &Analysis) -> Operation {
    let product = &document.product;
    Operation::add(
        product.id,
        version(product.updated_at),
        source(document, analysis),
    )
}

fn source(document: &Document, analysis: &Analysis) -> Value {
    let product = &document.product;
    let brand = product.brand.as_deref().unwrap_or_default();
    let title = analysis.indexed_stems(&product.title);
    let stems = |text: &str| analysis.indexed_stems(text).join(" ");
    let spelled = [&product.title, brand, &product.category].map(|text| words(text).join(" "));
    let mut source = json!({
        ID: key(product.id),
        "title_length": title.len().max(1),
        "title": title.join(" "),
        "brand": stems(brand),
        "category": stems(&product.category),
        "description": stems(&product.description),
        "title_words": words(&product.title).join(" "),
        "spelling": spelled.join(" "),
        "whole_title": analysis.normalized(&product.title),
        "category_name": product.category,
        "category_key": product.category.to_lowercase(),
        "price": product.price_usd_minor,
        "rating_rank": rank::rating(product.rating, u64::try_from(product.review_count).unwrap_or(0)),
        "available": product.available_quantity,
        "popularity": magnitude(product.popularity),
        "created": product.created_at.timestamp_micros(),
    });
    if let Some(brand) = &product.brand {
        source["brand_name"] = json!(brand);
        source["brand_key"] = json!(brand.to_lowercase());
    }
    if let Some(rating) = product.rating {
        source["rating"] = json!(rating);
    }
    if let Some(vector) = &document.vector {
        source["vector"] = json!(vector.values().map(rounded).as_slice());
    }
    source
}

/// A component of a vector with five decimals, which change no cosine by 0.0001. With all digits of a float, vectors are
/// two and a half times as long, and most of a document.
fn rounded(component: f32) -> f64 {
    (f64::from(component) * 1e5).round() / 1e5
}

/// The versions of these products in an index, in one request; without those that it does not contain.
pub(super) async fn versions(
    client: &Client,
    index: &str,
    products: &[Uuid],
) -> Result<HashMap<Uuid, u64>, EngineError> {
    let ids: Vec<_> = products.iter().copied().map(key).collect();
    let path = format!("/{index}/_mget?_source=false");
    let answer = client
        .answer(Call::post("mget", path, json!({ "ids": ids })))
        .await?;
    let documents = answer["docs"].as_array().into_iter().flatten();
    let found = documents.filter_map(|document| {
        let id = Uuid::try_parse(document["_id"].as_str()?).ok()?;
        Some((id, document["_version"].as_u64()?))
    });
    Ok(found.collect())
}
