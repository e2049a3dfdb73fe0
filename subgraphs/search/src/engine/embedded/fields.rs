//! The fields of the embedded index.

use tantivy::schema::{
    FAST, Field, IndexRecordOption, Schema, SchemaBuilder, TextFieldIndexing, TextOptions,
};
use tantivy::{Index, TantivyDocument, Term};
use uuid::Uuid;

use crate::engine::Document;
use crate::rules::text::{normalized, singulars, typed};

/// The version of the field layout and of `rules::text`: an index of another version is rebuilt.
pub(super) const VERSION: &str = "v3";

pub(super) const ID: &str = "id";
pub(super) const ID_HIGH: &str = "id_high";
pub(super) const ID_LOW: &str = "id_low";
pub(super) const CATEGORY: &str = "category_name";
pub(super) const BRAND: &str = "brand_name";
pub(super) const PRICE: &str = "price";
pub(super) const RATING: &str = "rating";
pub(super) const REVIEWS: &str = "reviews";
pub(super) const AVAILABLE: &str = "available";
pub(super) const POPULARITY: &str = "popularity";
pub(super) const CREATED: &str = "created";

/// The searchable text fields.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    pub title: Field,
    pub brand: Field,
    pub category: Field,
    pub description: Field,
    /// The whole title as one term.
    pub whole_title: Field,
    /// The words of title, brand and category as they are spelled.
    pub spelling: Field,
}

/// Text is already split and singularized (`rules::text`), so the index only splits at white space.
const WORDS: &str = "whitespace";

fn schema() -> Schema {
    let mut schema = SchemaBuilder::default();
    let words = TextOptions::default().set_indexing_options(
        TextFieldIndexing::default()
            .set_tokenizer(WORDS)
            .set_index_option(IndexRecordOption::WithFreqs),
    );
    for name in ["title", "brand", "category", "description"] {
        schema.add_text_field(name, words.clone());
    }
    let whole = TextFieldIndexing::default()
        .set_tokenizer("raw")
        .set_fieldnorms(false)
        .set_index_option(IndexRecordOption::Basic);
    schema.add_text_field(
        "whole_title",
        TextOptions::default().set_indexing_options(whole),
    );
    let term = TextFieldIndexing::default()
        .set_tokenizer("raw")
        .set_fieldnorms(false)
        .set_index_option(IndexRecordOption::Basic);
    let spelling = TextFieldIndexing::default()
        .set_tokenizer(WORDS)
        .set_fieldnorms(false)
        .set_index_option(IndexRecordOption::Basic);
    schema.add_text_field(
        "spelling",
        TextOptions::default().set_indexing_options(spelling),
    );
    schema.add_text_field(ID, TextOptions::default().set_indexing_options(term));
    let name = TextOptions::default().set_fast("raw");
    schema.add_text_field(CATEGORY, name.clone());
    schema.add_text_field(BRAND, name);
    for name in [ID_HIGH, ID_LOW, REVIEWS, AVAILABLE, POPULARITY] {
        schema.add_u64_field(name, FAST);
    }
    for name in [PRICE, CREATED] {
        schema.add_i64_field(name, FAST);
    }
    schema.add_f64_field(RATING, FAST);
    schema.build()
}

/// Creates an empty index in an empty folder.
pub(super) fn create(folder: &std::path::Path) -> tantivy::Result<Index> {
    Index::create_in_dir(folder, schema())
}

impl Fields {
    pub(super) fn of(index: &Index) -> tantivy::Result<Self> {
        let schema = index.schema();
        Ok(Self {
            title: schema.get_field("title")?,
            brand: schema.get_field("brand")?,
            category: schema.get_field("category")?,
            description: schema.get_field("description")?,
            whole_title: schema.get_field("whole_title")?,
            spelling: schema.get_field("spelling")?,
        })
    }
}

/// Writes products into an index.
pub(super) struct DocumentWriter {
    schema: Schema,
    fields: Fields,
}

impl DocumentWriter {
    pub(super) fn new(index: &Index) -> tantivy::Result<Self> {
        Ok(Self {
            schema: index.schema(),
            fields: Fields::of(index)?,
        })
    }

    /// What identifies a product's document in the index.
    pub(super) fn term(&self, product: Uuid) -> tantivy::Result<Term> {
        let id = self.schema.get_field(ID)?;
        Ok(Term::from_field_text(id, &product.simple().to_string()))
    }

    pub(super) fn document(&self, indexed: &Document) -> tantivy::Result<TantivyDocument> {
        let product = &indexed.product;
        let mut document = TantivyDocument::default();
        let Fields {
            title,
            brand,
            category,
            description,
            whole_title,
            spelling,
        } = self.fields;
        let brand_name = product.brand.as_deref().unwrap_or_default();
        let words = |text: &str| singulars(text).collect::<Vec<_>>().join(" ");
        document.add_text(title, words(&product.title));
        document.add_text(brand, words(brand_name));
        document.add_text(category, words(&product.category));
        document.add_text(description, words(&product.description));
        document.add_text(whole_title, normalized(&product.title));
        for text in [&product.title, brand_name, &product.category] {
            document.add_text(spelling, typed(text).join(" "));
        }

        let field = |name| self.schema.get_field(name);
        document.add_text(field(CATEGORY)?, &product.category);
        if let Some(brand) = &product.brand {
            document.add_text(field(BRAND)?, brand);
        }
        document.add_text(field(ID)?, product.id.simple().to_string());
        let (high, low) = product.id.as_u64_pair();
        let count = |count: i64| u64::try_from(count).unwrap_or(0);
        for (name, value) in [
            (ID_HIGH, high),
            (ID_LOW, low),
            (REVIEWS, count(product.review_count.into())),
            (AVAILABLE, count(product.available_quantity.into())),
            (POPULARITY, count(product.popularity)),
        ] {
            document.add_u64(field(name)?, value);
        }
        document.add_i64(field(PRICE)?, product.price_usd_minor);
        document.add_i64(field(CREATED)?, product.created_at.timestamp_micros());
        if let Some(rating) = product.rating {
            document.add_f64(field(RATING)?, rating);
        }
        Ok(document)
    }
}
