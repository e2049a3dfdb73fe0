//! The demo catalog: products in 20 categories, some of which cannot be returned.

use chrono::{DateTime, Duration, Utc};
use entities::orders::order_item::Restriction;
use rand::RngExt;
use rand::seq::IndexedRandom;
use uuid::Uuid;

use super::attributes::{Attributes, attributes};
use super::{Plan, Stream};
use crate::pictures;

/// The number of categories. The indexes of a category's products differ by this number.
pub(super) const CATEGORY_COUNT: u32 = 20;

struct Category {
    name: &'static str,
    restriction: Option<Restriction>,
    /// Lowest and highest price, in cents.
    price: (i64, i64),
    brands: [&'static str; 4],
    kinds: [&'static str; 5],
    lines: [&'static str; 5],
    /// A description that fits every product of the category.
    about: &'static str,
}

pub(super) struct Product {
    pub(super) id: Uuid,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) brand: &'static str,
    pub(super) category: &'static str,
    pub(super) restriction: Option<Restriction>,
    /// A path on the shop's own server.
    pub(super) image_url: String,
    pub(super) price: i64,
    pub(super) compare_at: Option<i64>,
    /// A dynamic adjustment of the price, in cents; zero for most.
    pub(super) adjustment: i64,
    /// Stars, from 1 to 5.
    pub(super) rating: f64,
    pub(super) reviews: i32,
    pub(super) available: i32,
    pub(super) attributes: Option<Attributes>,
    pub(super) created_at: DateTime<Utc>,
}

impl Plan {
    /// The product with this index, from 0. Product 0 is the monitor of the source documents.
    pub(super) fn product(&self, index: u32) -> Product {
        let mut random = self.random(Stream::Product, index.into());
        let position = index as usize;
        let category = &CATEGORIES[position % CATEGORIES.len()];
        let number = position / CATEGORIES.len();
        // A category's products combine its kinds and lines. In a larger catalog they repeat, with a number.
        let kind_index = number % category.kinds.len();
        let line_index = number / category.kinds.len() % category.lines.len();
        let (kind, line) = (category.kinds[kind_index], category.lines[line_index]);
        let brand = category
            .brands
            .choose(&mut random)
            .copied()
            .unwrap_or(category.brands[0]);
        let title = if index == 0 {
            "4K Monitor Pro 32 inch".to_owned()
        } else {
            match number / (category.kinds.len() * category.lines.len()) {
                0 => format!("{brand} {line} {kind}"),
                generation => format!("{brand} {line} {kind} {}", generation + 1),
            }
        };
        let (low, high) = category.price;
        // Prices end in .99 or .49.
        let price = random.random_range(low..=high) / 50 * 50 + 49;
        // Neighbours of all results and of a category's have different colours.
        let colour = index / 20 + index % 20 * 5;
        Product {
            id: self.id(Stream::Product, index.into()),
            description: format!("{kind} by {brand}. {}", category.about),
            title,
            brand,
            category: category.name,
            restriction: category.restriction,
            image_url: pictures::path(category.name, colour),
            attributes: attributes(category.name, brand, kind_index, line_index),
            price,
            compare_at: random.random_bool(0.2).then(|| price + price / 4),
            adjustment: if random.random_bool(0.25) {
                -(price / 20)
            } else {
                0
            },
            rating: f64::from(random.random_range(30..=50)) / 10.0,
            reviews: random.random_range(0..2_000),
            available: if random.random_bool(0.08) {
                0
            } else {
                random.random_range(1..250)
            },
            created_at: self.now - Duration::hours(random.random_range(24..24 * 700)),
        }
    }
}

const ELECTRONICS: [&str; 4] = ["Auralis", "Kestrel", "Lumora", "Vectra"];
const FASHION: [&str; 4] = ["Alderwood", "Fernhill", "Marlow Lane", "Tidewater"];
const HOME: [&str; 4] = ["Copperleaf", "Hearthline", "Larkfield", "Stonebridge"];

const fn category(
    name: &'static str,
    restriction: Option<Restriction>,
    price: (i64, i64),
    brands: [&'static str; 4],
    kinds: [&'static str; 5],
    lines: [&'static str; 5],
    about: &'static str,
) -> Category {
    Category {
        name,
        restriction,
        price,
        brands,
        kinds,
        lines,
        about,
    }
}

const CATEGORIES: [Category; CATEGORY_COUNT as usize] = [
    category(
        "Monitors",
        None,
        (14_900, 89_900),
        ELECTRONICS,
        [
            "Monitor",
            "Curved Monitor",
            "Portable Monitor",
            "Ultrawide Monitor",
            "Touch Monitor",
        ],
        [
            "Pro 32 inch",
            "View 27 inch",
            "Office 24 inch",
            "Studio 5K",
            "Play 144 Hz",
        ],
        "A sharp, evenly lit display for long days of work and play.",
    ),
    category(
        "Headphones",
        None,
        (2_900, 39_900),
        ELECTRONICS,
        [
            "Wireless Headphones",
            "Noise Cancelling Headphones",
            "Wired Headphones",
            "Gaming Headphones",
            "Sports Headphones",
        ],
        ["One", "Studio", "Air", "Max", "Lite"],
        "Clear sound and a comfortable fit, with a microphone for calls.",
    ),
    category(
        "Earbuds",
        None,
        (1_900, 24_900),
        ELECTRONICS,
        [
            "Wireless Earbuds",
            "Sleep Earbuds",
            "Running Earbuds",
            "Kids Earbuds",
            "Conference Earbuds",
        ],
        ["Mini", "Pulse", "Drop", "Echo", "Sport"],
        "Small headphones with a charging case that lasts all day.",
    ),
    category(
        "Laptops",
        None,
        (49_900, 249_900),
        ELECTRONICS,
        [
            "Laptop",
            "Gaming Laptop",
            "Convertible Laptop",
            "Business Laptop",
            "Student Laptop",
        ],
        ["13", "14 Plus", "15", "16 Ultra", "17 Max"],
        "A light computer with a bright screen and a long-lasting battery.",
    ),
    category(
        "Phones",
        None,
        (19_900, 119_900),
        ELECTRONICS,
        [
            "Phone",
            "Compact Phone",
            "Folding Phone",
            "Rugged Phone",
            "Camera Phone",
        ],
        ["S1", "S2", "X5", "X7", "Neo"],
        "A fast phone with a camera that sees in the dark.",
    ),
    category(
        "Cameras",
        None,
        (24_900, 199_900),
        ELECTRONICS,
        [
            "Mirrorless Camera",
            "Action Camera",
            "Instant Camera",
            "Travel Camera",
            "Trail Camera",
        ],
        ["M10", "M20", "V3", "V5", "Go"],
        "Takes pictures worth printing, by day and by night.",
    ),
    category(
        "Keyboards",
        None,
        (2_900, 22_900),
        ELECTRONICS,
        [
            "Mechanical Keyboard",
            "Wireless Keyboard",
            "Split Keyboard",
            "Compact Keyboard",
            "Silent Keyboard",
        ],
        ["K1", "K3", "K6", "Tactile", "Linear"],
        "Keys that feel right under every finger.",
    ),
    category(
        "Smart Home",
        None,
        (1_900, 29_900),
        ELECTRONICS,
        [
            "Light Bulb Set",
            "Thermostat",
            "Door Sensor",
            "Speaker",
            "Robot Vacuum",
        ],
        ["Home", "Home Plus", "Nest Box", "Glow", "Sense"],
        "Works by voice, by app and on schedule.",
    ),
    category(
        "Batteries",
        Some(Restriction::Hazardous),
        (900, 14_900),
        ELECTRONICS,
        [
            "Lithium Battery Pack",
            "Power Bank",
            "Rechargeable Batteries",
            "Car Jump Starter",
            "Solar Battery",
        ],
        ["5000", "10000", "20000", "Duo", "Quattro"],
        "Stored energy: ships by ground only and cannot be returned.",
    ),
    category(
        "Cleaning Chemicals",
        Some(Restriction::Hazardous),
        (600, 4_900),
        HOME,
        [
            "Drain Cleaner",
            "Bleach",
            "Oven Cleaner",
            "Solvent",
            "Descaler",
        ],
        ["Power", "Citrus", "Pure", "Heavy Duty", "Daily"],
        "Handle with gloves; cannot be returned.",
    ),
    category(
        "Gift Cards",
        Some(Restriction::Digital),
        (1_000, 20_000),
        HOME,
        [
            "Gift Card",
            "Birthday Gift Card",
            "Holiday Gift Card",
            "Thank You Gift Card",
            "Wedding Gift Card",
        ],
        ["Classic", "Gold", "Bloom", "Stars", "Confetti"],
        "Arrives by email within minutes.",
    ),
    category(
        "Software Downloads",
        Some(Restriction::Digital),
        (1_900, 29_900),
        ELECTRONICS,
        [
            "Photo Editor",
            "Music Studio",
            "Tax Software",
            "Language Course",
            "Drawing App",
        ],
        [
            "2025",
            "Home Edition",
            "Family Edition",
            "Professional",
            "Starter",
        ],
        "A licence key and a download link, at once.",
    ),
    category(
        "Engraved Jewelry",
        Some(Restriction::Personalized),
        (4_900, 49_900),
        FASHION,
        [
            "Engraved Ring",
            "Engraved Bracelet",
            "Engraved Pendant",
            "Engraved Watch",
            "Engraved Cufflinks",
        ],
        ["Silver", "Rose", "Gold", "Titan", "Ivory"],
        "Made with the words you choose.",
    ),
    category(
        "Monogrammed Accessories",
        Some(Restriction::Personalized),
        (2_900, 19_900),
        FASHION,
        [
            "Monogrammed Wallet",
            "Monogrammed Scarf",
            "Monogrammed Tote",
            "Monogrammed Belt",
            "Monogrammed Towel Set",
        ],
        ["Classic", "Coast", "Harbor", "Meadow", "Ridge"],
        "Stitched with your initials.",
    ),
    category(
        "Shoes",
        None,
        (3_900, 22_900),
        FASHION,
        [
            "Running Shoes",
            "Leather Shoes",
            "Hiking Boots",
            "Sandals",
            "Sneakers",
        ],
        ["Stride", "Trail", "City", "Summit", "Breeze"],
        "Comfortable from the first step.",
    ),
    category(
        "Jackets",
        None,
        (4_900, 34_900),
        FASHION,
        [
            "Rain Jacket",
            "Down Jacket",
            "Denim Jacket",
            "Fleece Jacket",
            "Wind Jacket",
        ],
        ["Alpine", "Harbor", "Field", "Metro", "Polar"],
        "Keeps out what the forecast missed.",
    ),
    category(
        "Backpacks",
        None,
        (2_900, 18_900),
        FASHION,
        [
            "Laptop Backpack",
            "Travel Backpack",
            "Hiking Backpack",
            "School Backpack",
            "Camera Backpack",
        ],
        ["20 L", "25 L", "30 L", "40 L", "Roll Top"],
        "Room for everything, and easy on the shoulders.",
    ),
    category(
        "Kitchen",
        None,
        (900, 29_900),
        HOME,
        [
            "Chef Knife",
            "Cast Iron Pan",
            "Coffee Grinder",
            "Stand Mixer",
            "Water Kettle",
        ],
        ["Basic", "Chef", "Heritage", "Compact", "Induction"],
        "Made to be used every day for years.",
    ),
    category(
        "Furniture",
        None,
        (4_900, 89_900),
        HOME,
        [
            "Desk",
            "Office Chair",
            "Bookshelf",
            "Side Table",
            "Floor Lamp",
        ],
        ["Oak", "Walnut", "Birch", "Steel", "Linen"],
        "Assembled in minutes, solid for decades.",
    ),
    category(
        "Toys",
        None,
        (500, 9_900),
        HOME,
        [
            "Puzzle",
            "Board Game",
            "Building Blocks",
            "Wooden Train",
            "Science Kit",
        ],
        ["Junior", "Family", "Explorer", "Wonder", "Mini"],
        "For rainy afternoons and the people of all ages in them.",
    ),
];
