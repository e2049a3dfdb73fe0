//! Products in a file: CSV with the columns of [`CatalogRecords`], or JSON with fields of the same names.

use std::borrow::Cow;
use std::collections::BTreeMap;

use platform::record_file::{ExactDecimal, REMOVE, Records, Row, Unreadable};
use serde::de::Error;
use serde_json::value::RawValue;

use crate::catalog_input::{Change, Problem, ProductInput};

/// The products of a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CatalogRecords;

impl Records for CatalogRecords {
    type Record = ProductInput;

    const COLUMNS: &'static [&'static str] = &[
        "id",
        "title",
        "description",
        "brand",
        "category",
        "imageUrl",
        "active",
        "deleted",
        "availableQuantity",
        "rating",
        "reviewCount",
        "weightGrams",
        "lengthMm",
        "widthMm",
        "heightMm",
        "hsCode",
        "originCountry",
        "basePriceUsd",
    ];

    fn read_row(&self, row: &Row<'_>) -> Result<ProductInput, Vec<Unreadable>> {
        let mut problems = Vec::new();
        let owned = |name| row.text(name).map(str::to_owned);
        let product = ProductInput {
            id: row.text("id").unwrap_or_default().to_owned(),
            title: owned("title"),
            category: owned("category"),
            description: text(row, "description"),
            brand: text(row, "brand"),
            image_url: text(row, "imageUrl"),
            active: row.flag("active", &mut problems),
            deleted: row.flag("deleted", &mut problems),
            available_quantity: row.integer("availableQuantity", &mut problems),
            rating: change(row, "rating", || {
                row.decimal("rating", &mut problems).map(ExactDecimal)
            }),
            review_count: row.integer("reviewCount", &mut problems),
            weight_grams: integer(row, "weightGrams", &mut problems),
            length_mm: integer(row, "lengthMm", &mut problems),
            width_mm: integer(row, "widthMm", &mut problems),
            height_mm: integer(row, "heightMm", &mut problems),
            hs_code: text(row, "hsCode"),
            origin_country: text(row, "originCountry"),
            base_price_usd: row.decimal("basePriceUsd", &mut problems).map(ExactDecimal),
        };
        if problems.is_empty() {
            Ok(product)
        } else {
            Err(problems)
        }
    }

    fn read_json(&self, object: &str) -> serde_json::Result<ProductInput> {
        let fields: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(object)?;
        // Events may have fields that a later version knows. In a file a misspelt one would be lost.
        if let Some(unknown) = fields
            .keys()
            .find(|name| !Self::COLUMNS.contains(&&***name))
        {
            let known = Self::COLUMNS.join(", ");
            return Err(serde_json::Error::custom(format!(
                "unknown field `{unknown}`: the fields are {known}"
            )));
        }
        if !fields.contains_key(Self::COLUMNS[0]) {
            return Err(serde_json::Error::missing_field(Self::COLUMNS[0]));
        }
        serde_json::from_str(object)
    }
}

fn change<T>(row: &Row<'_>, name: &str, read: impl FnOnce() -> Option<T>) -> Change<T> {
    match row.text(name) {
        Some(REMOVE) => Change::Remove,
        _ => read().map_or(Change::Unchanged, Change::Set),
    }
}

fn text(row: &Row<'_>, name: &str) -> Change<String> {
    change(row, name, || row.text(name).map(str::to_owned))
}

fn integer(row: &Row<'_>, name: &'static str, problems: &mut Vec<Unreadable>) -> Change<i32> {
    change(row, name, || row.integer(name, problems))
}

impl From<Unreadable> for Problem {
    fn from(unreadable: Unreadable) -> Self {
        Self {
            field: unreadable.field,
            message: unreadable.message,
        }
    }
}
