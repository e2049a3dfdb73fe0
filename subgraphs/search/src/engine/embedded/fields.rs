//! The fields of the embedded index.

use std::sync::Arc;

use tantivy::schema::{
    FAST, Field, IndexRecordOption, Schema, SchemaBuilder, TextFieldIndexing, TextOptions,
};
use tantivy::{Index, TantivyDocument, Term};
use uuid::Uuid;

use crate::engine::Document;
use crate::engine::relevance::magnitude;
use crate::rules::analysis::{Analysis, words};
use crate::rules::packed_vector::PackedVector;

/// The version of the field layout, and of how `rules::tokens` and `rules::analysis` read texts: an index of another version
/// is rebuilt.
pub(super) const VERSION: &str = "v6";

pub(super) const ID: &str = "id";
pub(super) const ID_HIGH: &str = "id_high";
pub(super) const ID_LOW: &str = "id_low";
pub(super) const CATEGORY: &str = "category_name";
pub(super) const BRAND: &str = "brand_name";
/// The stems of the title.
pub(super) const WHOLE_TITLE: &str = "whole_title";
pub(super) const PRICE: &str = "price";
pub(super) const RATING: &str = "rating";
pub(super) const REVIEWS: &str = "reviews";
pub(super) const AVAILABLE: &str = "available";
/// See [`magnitude`].
pub(super) const POPULARITY: &str = "popularity";
pub(super) const CREATED: &str = "created";
/// The packed vector, in several numbers.
pub(super) const VECTOR: &str = "vector";

/// The searchable text fields.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    pub title: Field,
    pub brand: Field,
    pub category: Field,
    pub description: Field,
    /// The words of the title as they are spelled.
    pub title_words: Field,
    /// The words of title, brand and category as they are spelled.
    pub spelling: Field,
}

/// Text is already split and stemmed, so the index only splits at white space.
const WORDS: &str = "whitespace";

fn schema() -> Schema {
    let mut schema = SchemaBuilder::default();
    let indexed = |tokenizer| {
        TextFieldIndexing::default()
            .set_tokenizer(tokenizer)
            .set_index_option(IndexRecordOption::Basic)
    };
    let text = |indexing| TextOptions::default().set_indexing_options(indexing);
    schema.add_text_field("title", text(indexed(WORDS)));
    for name in [
        "brand",
        "category",
        "description",
        "title_words",
        "spelling",
    ] {
        schema.add_text_field(name, text(indexed(WORDS).set_fieldnorms(false)));
    }
    schema.add_text_field(ID, text(indexed("raw").set_fieldnorms(false)));
    let name = TextOptions::default().set_fast("raw");
    for column in [CATEGORY, BRAND, WHOLE_TITLE] {
        schema.add_text_field(column, name.clone());
    }
    for name in [ID_HIGH, ID_LOW, REVIEWS, AVAILABLE, POPULARITY, VECTOR] {
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
            title_words: schema.get_field("title_words")?,
            spelling: schema.get_field("spelling")?,
        })
    }
}

/// Writes products into an index.
pub(super) struct DocumentWriter {
    schema: Schema,
    fields: Fields,
    analysis: Arc<Analysis>,
}

impl DocumentWriter {
    pub(super) fn new(index: &Index, analysis: Arc<Analysis>) -> tantivy::Result<Self> {
        Ok(Self {
            schema: index.schema(),
            fields: Fields::of(index)?,
            analysis,
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
        let brand = product.brand.as_deref().unwrap_or_default();
        for (field, text) in [
            (self.fields.title, product.title.as_str()),
            (self.fields.brand, brand),
            (self.fields.category, &product.category),
            (self.fields.description, &product.description),
        ] {
            document.add_text(field, self.analysis.indexed_stems(text).join(" "));
        }
        document.add_text(self.fields.title_words, words(&product.title).join(" "));
        for text in [&product.title, brand, &product.category] {
            document.add_text(self.fields.spelling, words(text).join(" "));
        }

        let field = |name| self.schema.get_field(name);
        document.add_text(field(CATEGORY)?, &product.category);
        if let Some(brand) = &product.brand {
            document.add_text(field(BRAND)?, brand);
        }
        let title = self.analysis.normalized(&product.title);
        document.add_text(field(WHOLE_TITLE)?, title);
        document.add_text(field(ID)?, product.id.simple().to_string());
        let (high, low) = product.id.as_u64_pair();
        let count = |count: i64| u64::try_from(count).unwrap_or(0);
        for (name, value) in [
            (ID_HIGH, high),
            (ID_LOW, low),
            (REVIEWS, count(product.review_count.into())),
            (AVAILABLE, count(product.available_quantity.into())),
            (POPULARITY, magnitude(product.popularity)),
        ] {
            document.add_u64(field(name)?, value);
        }
        document.add_i64(field(PRICE)?, product.price_usd_minor);
        document.add_i64(field(CREATED)?, product.created_at.timestamp_micros());
        if let Some(rating) = product.rating {
            document.add_f64(field(RATING)?, rating);
        }
        if let Some(vector) = &indexed.vector {
            for word in PackedVector::new(vector).to_words() {
                document.add_u64(field(VECTOR)?, word);
            }
        }
        Ok(document)
    }
}
