//! What a catalog says of a product, in a file or in another system's event, and its validation.

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use entities::search::product;
use platform::record_file::ExactDecimal;
use resolvers::id::IdKind;
use resolvers::money::{CurrencyCode, Money, Rounding};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Deserializer};
use url::Url;
use uuid::Uuid;

use crate::rules::customs;

const MAX_TITLE_CHARS: usize = 255;
const MAX_DESCRIPTION_CHARS: usize = 10_000;
/// Of a brand and of a category.
const MAX_NAME_CHARS: usize = 100;
const MAX_URL_CHARS: usize = 2_000;
/// Ten tonnes: more is a wrong unit.
const MAX_GRAMS: i32 = 10_000_000;
/// Twenty metres.
const MAX_MILLIMETRES: i32 = 20_000;
/// As pricing's: ten billion dollars.
const MAX_USD: Decimal = Decimal::from_parts(1_410_065_408, 2, 0, false, 0);

/// What is set of an attribute that a product need not have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Change<T> {
    #[default]
    Unchanged,
    Remove,
    Set(T),
}

/// A product in a catalog: what is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ProductInput {
    pub id: String,
    /// Required for a new product, as the category.
    pub title: Option<String>,
    pub category: Option<String>,
    pub description: Change<String>,
    pub brand: Change<String>,
    pub image_url: Change<String>,
    /// Whether it is for sale; a product that is named is, unless this says otherwise.
    pub active: Option<bool>,
    /// The opposite of `active`.
    pub deleted: Option<bool>,
    pub available_quantity: Option<i32>,
    pub rating: Change<ExactDecimal>,
    pub review_count: Option<i32>,
    pub weight_grams: Change<i32>,
    /// All three sides are set or removed together.
    pub length_mm: Change<i32>,
    pub width_mm: Change<i32>,
    pub height_mm: Change<i32>,
    pub hs_code: Change<String>,
    pub origin_country: Change<String>,
    /// Only used for a new product, as is `available_quantity`.
    pub base_price_usd: Option<ExactDecimal>,
}

/// What is wrong with a product in a catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub field: &'static str,
    pub message: String,
}

/// A valid change of a product.
#[derive(Clone, Debug)]
pub(crate) struct ProductChange {
    pub product: Uuid,
    /// Whether it is for sale from now on.
    pub active: bool,
    pub base_price_usd: Option<Decimal>,
    input: ProductInput,
}

impl ProductInput {
    /// Removes a product from sale.
    pub(crate) fn removal(id: Uuid) -> ProductChange {
        ProductChange {
            product: id,
            active: false,
            base_price_usd: None,
            input: Self::default(),
        }
    }

    /// What it changes, or everything that is wrong with it.
    pub(crate) fn check(mut self) -> Result<ProductChange, Vec<Problem>> {
        let mut problems = Problems::default();
        let product = IdKind::Product.parse(&self.id);
        if product.is_none() {
            let message = format!(
                "{:?} is not a product's id, such as prd_ and 26 characters",
                self.id
            );
            problems.add("id", message);
        }
        problems.text("title", self.title.as_mut(), 1, MAX_TITLE_CHARS);
        problems.text("category", self.category.as_mut(), 1, MAX_NAME_CHARS);
        problems.text(
            "description",
            self.description.set(),
            0,
            MAX_DESCRIPTION_CHARS,
        );
        problems.text("brand", self.brand.set(), 1, MAX_NAME_CHARS);
        problems.text("imageUrl", self.image_url.set(), 1, MAX_URL_CHARS);
        if self.image_url.set().is_some_and(|url| !is_image_url(url)) {
            problems.add(
                "imageUrl",
                "This is not an address such as https://cdn.example.com/1.jpg, or a path of this shop such as /pictures/1.svg",
            );
        }
        if let (Some(active), Some(deleted)) = (self.active, self.deleted)
            && active == deleted
        {
            problems.add("deleted", "A product is either active or deleted");
        }
        let zero_or_more = 0..=i32::MAX;
        problems.number(
            "availableQuantity",
            self.available_quantity,
            zero_or_more.clone(),
        );
        problems.number("reviewCount", self.review_count, zero_or_more);
        if let Some(rating) = self.rating.set()
            && !(Decimal::ONE..=Decimal::from(5)).contains(&rating.0)
        {
            problems.add("rating", "A rating is from 1 to 5");
        }
        problems.number(
            "weightGrams",
            self.weight_grams.set().copied(),
            1..=MAX_GRAMS,
        );
        self.check_sides(&mut problems);
        if let Some(code) = self.hs_code.set() {
            match customs::hs_code(code) {
                Some(digits) => *code = digits,
                None => problems.add(
                    "hsCode",
                    "This is not a code of the Harmonized System: 6 to 13 digits, such as 8518.30",
                ),
            }
        }
        if let Some(code) = self.origin_country.set() {
            code.make_ascii_uppercase();
            if !customs::is_country(code) {
                problems.add(
                    "originCountry",
                    "This is not a country's code (ISO 3166-1), such as DE",
                );
            }
        }
        if self.base_price_usd.is_some_and(|usd| !is_price(usd.0)) {
            problems.add(
                "basePriceUsd",
                "A price is in whole cents, from 0 to 10 billion dollars",
            );
        }
        match product {
            Some(product) if problems.0.is_empty() => Ok(ProductChange {
                product,
                active: self.active.unwrap_or(self.deleted != Some(true)),
                base_price_usd: self.base_price_usd.map(|usd| usd.0),
                input: self,
            }),
            _ => Err(problems.0),
        }
    }

    fn check_sides(&mut self, problems: &mut Problems) {
        let sides = [&mut self.length_mm, &mut self.width_mm, &mut self.height_mm];
        let kinds = sides.each_ref().map(|side| std::mem::discriminant(&**side));
        if kinds.iter().any(|kind| *kind != kinds[0]) {
            problems.add(
                "lengthMm",
                "Length, width and height are set or removed together",
            );
        }
        for (field, side) in ["lengthMm", "widthMm", "heightMm"].into_iter().zip(sides) {
            problems.number(field, side.set().copied(), 1..=MAX_MILLIMETRES);
        }
    }
}

impl ProductChange {
    /// What its stock is to begin with.
    pub(crate) fn available_quantity(&self) -> Option<i32> {
        self.input.available_quantity
    }

    /// The product after the change; `None` if it is not there and not wanted.
    ///
    /// # Errors
    /// A new product that lacks something.
    pub(crate) fn apply(
        self,
        stored: Option<&product::Model>,
        now: DateTime<Utc>,
    ) -> Result<Option<product::Model>, Vec<Problem>> {
        let Self {
            product: id,
            active,
            base_price_usd,
            input,
        } = self;
        let row = match stored {
            Some(row) => row.clone(),
            None if !active => return Ok(None),
            None => new_product(id, &input, base_price_usd, now)?,
        };
        Ok(Some(product::Model {
            title: input.title.unwrap_or(row.title),
            category: input.category.unwrap_or(row.category),
            description: input
                .description
                .of(Some(row.description))
                .unwrap_or_default(),
            brand: input.brand.of(row.brand),
            image_url: input.image_url.of(row.image_url),
            active,
            rating: match input.rating {
                Change::Set(rating) => rating.0.to_f64(),
                Change::Remove => None,
                Change::Unchanged => row.rating,
            },
            review_count: input.review_count.unwrap_or(row.review_count),
            weight_grams: input.weight_grams.of(row.weight_grams),
            length_mm: input.length_mm.of(row.length_mm),
            width_mm: input.width_mm.of(row.width_mm),
            height_mm: input.height_mm.of(row.height_mm),
            hs_code: input.hs_code.of(row.hs_code),
            origin_country: input.origin_country.of(row.origin_country),
            ..row
        }))
    }
}

fn new_product(
    id: Uuid,
    input: &ProductInput,
    base_price_usd: Option<Decimal>,
    now: DateTime<Utc>,
) -> Result<product::Model, Vec<Problem>> {
    let mut problems = Problems::default();
    for (field, text) in [("title", &input.title), ("category", &input.category)] {
        if text.is_none() {
            problems.add(field, format!("A new product needs a {field}"));
        }
    }
    if !problems.0.is_empty() {
        return Err(problems.0);
    }
    Ok(product::Model {
        id,
        title: String::new(),
        description: String::new(),
        brand: None,
        category: String::new(),
        image_url: None,
        rating: None,
        review_count: 0,
        // What the ledger of stock begins with.
        available_quantity: input.available_quantity.unwrap_or(0),
        // Until pricing publishes it.
        price_usd_minor: base_price_usd.and_then(cents).unwrap_or(0),
        popularity: 0,
        active: true,
        created_at: now,
        updated_at: now,
        price_sequence: 0,
        weight_grams: None,
        length_mm: None,
        width_mm: None,
        height_mm: None,
        hs_code: None,
        origin_country: None,
        catalog_sequence: 0,
        source_sequence: 0,
        stock_sequence: 0,
        stock_announced_at: Some(now),
    })
}

fn cents(usd: Decimal) -> Option<i64> {
    Money::from_decimal(usd, CurrencyCode::Usd, Rounding::Down).map(|usd| usd.minor)
}

fn is_price(usd: Decimal) -> bool {
    (Decimal::ZERO..=MAX_USD).contains(&usd) && usd.normalize().scale() <= 2
}

/// An address of the web, or a path on this shop's own server.
fn is_image_url(text: &str) -> bool {
    if text.starts_with('/') {
        // A second slash would name another server.
        return !text.starts_with("//") && !text.contains(['\\', ' ', '<', '>', '"']);
    }
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, field: &'static str, message: impl Into<String>) {
        self.0.push(Problem {
            field,
            message: message.into(),
        });
    }

    fn text(&mut self, field: &'static str, text: Option<&mut String>, min: usize, max: usize) {
        let Some(text) = text else { return };
        *text = text.trim().to_owned();
        let count = text.chars().count();
        if count < min || count > max {
            self.add(
                field,
                format!("This has {count} characters: {min} to {max} are allowed"),
            );
        } else if text.contains('\0') {
            self.add(field, "This has a character that databases refuse");
        }
    }

    fn number(
        &mut self,
        field: &'static str,
        number: Option<i32>,
        allowed: std::ops::RangeInclusive<i32>,
    ) {
        if number.is_some_and(|number| !allowed.contains(&number)) {
            let (min, max) = (allowed.start(), allowed.end());
            self.add(field, format!("This is not from {min} to {max}"));
        }
    }
}

impl<T> Change<T> {
    /// The value that is set.
    fn set(&mut self) -> Option<&mut T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Unchanged | Self::Remove => None,
        }
    }

    /// What a stored value becomes.
    fn of(self, stored: Option<T>) -> Option<T> {
        match self {
            Self::Unchanged => stored,
            Self::Remove => None,
            Self::Set(value) => Some(value),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Option::deserialize(deserializer)?;
        Ok(value.map_or(Self::Remove, Self::Set))
    }
}
