//! A small catalog in which each product is there for a case.

use chrono::{Duration, TimeZone, Utc};
use entities::search::product;
use search::engine::Document;
use uuid::Uuid;

/// A product with the attributes relevant to search.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item {
    pub title: &'static str,
    pub brand: &'static str,
    pub category: &'static str,
    pub description: &'static str,
    pub cents: i64,
    /// Zero for none.
    pub rating: f64,
    pub reviews: i32,
    pub quantity: i32,
    pub popularity: i64,
}

impl Item {
    pub(crate) const PLAIN: Self = item("Thing", "", "Things", "", 1_000, 0.0, 0, 1, 0);

    /// The row of the product with this number, which determines its id and age.
    pub(crate) fn row(self, number: usize) -> product::Model {
        let created_at = Utc.with_ymd_and_hms(2025, 1, 1, 0, 0, 0).unwrap()
            + Duration::hours(i64::try_from(number).unwrap());
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        product::Model {
            id: id(number),
            title: self.title.to_owned(),
            description: self.description.to_owned(),
            brand: some(self.brand),
            category: self.category.to_owned(),
            image_url: None,
            rating: (self.rating > 0.0).then_some(self.rating),
            review_count: self.reviews,
            available_quantity: self.quantity,
            price_usd_minor: self.cents,
            popularity: self.popularity,
            active: self.title != GONE,
            created_at,
            updated_at: created_at,
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
            stock_announced_at: None,
        }
    }

    /// The product with this number as engines index it.
    pub(crate) fn document(self, number: usize) -> Document {
        Document::new(self.row(number))
    }
}

/// The id of the product with this number. Numbers and ids sort differently.
pub(crate) fn id(number: usize) -> Uuid {
    Uuid::from_u128((number as u128 * 7_919) % 1_000_003 + (1 << 100))
}

/// The rows of the catalog.
pub(crate) fn rows() -> Vec<product::Model> {
    let rows = CATALOG.iter().enumerate();
    rows.map(|(number, item)| item.row(number)).collect()
}

#[expect(clippy::too_many_arguments, reason = "a row of a table")]
const fn item(
    title: &'static str,
    brand: &'static str,
    category: &'static str,
    description: &'static str,
    cents: i64,
    rating: f64,
    reviews: i32,
    quantity: i32,
    popularity: i64,
) -> Item {
    Item {
        title,
        brand,
        category,
        description,
        cents,
        rating,
        reviews,
        quantity,
        popularity,
    }
}

/// The title of the product that is not active.
const GONE: &str = "Gone Headphones";

#[rustfmt::skip]
pub(crate) const CATALOG: [Item; 34] = [
    item("Wireless Headphones", "Auralis", "Headphones", "Over-ear, with thirty hours of battery life.", 12_999, 4.6, 320, 12, 5_000),
    item("Wireless Headphones Case", "Kestrel", "Accessories", "Protects any size.", 1_999, 4.1, 40, 30, 90_000),
    item("Studio Headphones", "Auralis", "Headphones", "Closed, for recording.", 19_999, 4.8, 150, 0, 1_200),
    item("Noise Cancelling Earbuds", "Auralis", "Headphones", "Small and light.", 14_999, 4.4, 510, 44, 9_000),
    item("WH-1000XM5 Headphones", "Sonora", "Headphones", "Foldable.", 34_900, 4.7, 2_100, 7, 20_000),
    item("WH-1000XM4 Headphones", "Sonora", "Headphones", "The previous model.", 27_900, 4.6, 3_100, 5, 15_000),
    item("55 inch Television", "Lumora", "Screens", "A bright panel with four ports.", 64_900, 4.3, 87, 3, 700),
    item("TV Stand", "Timberline", "Furniture", "For screens up to 65 inches.", 15_900, 4.0, 12, 9, 60),
    item("4K Monitor Pro 32 inch", "Lumora", "Screens", "Sharp, on an adjustable foot.", 54_900, 4.5, 230, 8, 800),
    item("AA Batteries", "Vectra", "Power", "Pack of eight.", 999, 4.2, 1_900, 400, 3_000),
    item("Robot Vacuum", "Hearthline", "Appliances", "Cleans floors and carpets.", 29_900, 3.9, 640, 15, 2_500),
    item("Kettle", "Hearthline", "Kitchen", "Boils a litre in two minutes.", 4_900, 4.4, 820, 25, 4_000),
    item("Café Crème Mug", "Hearthline", "Kitchen", "Stoneware.", 1_400, 4.9, 77, 60, 300),
    item("Chef's Knife", "Edgeworth", "Kitchen", "Forged steel.", 8_900, 4.7, 410, 18, 900),
    item("Running Shoes", "Tidewater", "Shoes", "Light and cushioned.", 9_900, 4.1, 530, 33, 2_200),
    item("Trail Running Shoes", "Tidewater", "Shoes", "Grip for wet rock.", 12_900, 4.3, 210, 0, 8_000),
    item("Women's Rain Jacket", "Fernhill", "Jackets", "Waterproof.", 11_900, 4.0, 95, 14, 500),
    item("Hooded Sweatshirt", "Fernhill", "Clothing", "Brushed cotton.", 5_900, 4.2, 160, 40, 650),
    item("T-Shirt", "Fernhill", "Clothing", "Organic cotton.", 1_900, 3.8, 900, 200, 1_500),
    item("Headlamp", "Kestrel", "Camping", "For dark trails; fits over headphones.", 3_900, 4.5, 140, 22, 350),
    item("Two-Person Tent", "Kestrel", "Camping", "Three seasons.", 24_900, 4.6, 66, 4, 250),
    item("Auralis Poster", "", "Wall Art", "A fan's delight.", 1_500, 0.0, 0, 5, 5),
    item("Desk Lamp", "Lumora", "Lighting", "Dimmable.", 3_499, 4.1, 88, 19, 4_200),
    item("Camp Stove", "Kestrel", "Camping", "Burns gas.", 6_900, 4.4, 35, 6, 110_000),
    item("革靴", "", "Shoes", "本革の紳士靴。", 15_900, 4.0, 8, 3, 20),
    item("無線ヘッドホン", "Sonora", "Headphones", "軽い。", 9_900, 4.2, 15, 9, 30),
    item("سماعات لاسلكية", "Sonora", "Headphones", "خفيفة.", 8_900, 4.1, 6, 2, 10),
    item(GONE, "Auralis", "Headphones", "Not sold any more.", 9_900, 4.0, 10, 3, 50_000),
    item("Lamp", "Lumora", "Lighting", "Plain.", 2_500, 0.0, 0, 2, 1),
    item("USB-C Cable", "Vectra", "Power", "Two metres.", 999, 4.2, 1_900, 0, 700),
    item("Blue Notebook", "Papyra", "Stationery", "Ruled.", 499, 4.2, 20, 80, 40),
    item("Green Notebook", "Papyra", "Stationery", "Ruled.", 499, 4.2, 20, 80, 4_000),
    item("Red Notebook", "Papyra", "Stationery", "Ruled.", 499, 4.2, 20, 80, 400),
    item("Cable Winder", "Vectra", "Power", "Tidy.", 2_499, 3.0, 2, 5, 3),
];
