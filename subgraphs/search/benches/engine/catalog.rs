//! A generated catalog of any size, and what people search for in it. The same numbers give the same products.

use chrono::{DateTime, TimeDelta, Utc};
use entities::search::product;
use rand::rngs::ChaCha8Rng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;

/// Words that titles and descriptions are made of; brands and models are generated.
const ADJECTIVES: [&str; 48] = [
    "advanced",
    "classic",
    "compact",
    "cordless",
    "curved",
    "daily",
    "deluxe",
    "digital",
    "double",
    "durable",
    "electric",
    "essential",
    "extra",
    "fast",
    "flexible",
    "folding",
    "foldable",
    "gentle",
    "heavy",
    "insulated",
    "junior",
    "large",
    "light",
    "magnetic",
    "mini",
    "modern",
    "natural",
    "organic",
    "original",
    "outdoor",
    "padded",
    "portable",
    "premium",
    "quiet",
    "rapid",
    "reusable",
    "rustic",
    "silent",
    "slim",
    "smart",
    "soft",
    "solid",
    "travel",
    "ultra",
    "vintage",
    "waterproof",
    "wide",
    "wireless",
];
const NOUNS: [&str; 96] = [
    "backpack",
    "bag",
    "basket",
    "battery",
    "bench",
    "bike",
    "blanket",
    "blender",
    "board",
    "boots",
    "bottle",
    "bowl",
    "bracelet",
    "brush",
    "bulb",
    "cabinet",
    "cable",
    "camera",
    "candle",
    "cap",
    "case",
    "chair",
    "charger",
    "clock",
    "coat",
    "coffee",
    "comb",
    "cooker",
    "cover",
    "cup",
    "curtain",
    "cushion",
    "desk",
    "dress",
    "drill",
    "earbuds",
    "fan",
    "filter",
    "fork",
    "frame",
    "game",
    "glasses",
    "gloves",
    "grill",
    "hammer",
    "hat",
    "headphones",
    "heater",
    "helmet",
    "jacket",
    "jar",
    "jeans",
    "kettle",
    "keyboard",
    "knife",
    "ladder",
    "lamp",
    "laptop",
    "lock",
    "mat",
    "mattress",
    "microphone",
    "mirror",
    "mixer",
    "monitor",
    "mouse",
    "mug",
    "notebook",
    "oven",
    "pan",
    "pants",
    "pen",
    "phone",
    "pillow",
    "plate",
    "printer",
    "pump",
    "puzzle",
    "radio",
    "ring",
    "router",
    "rug",
    "sandals",
    "saw",
    "scale",
    "scarf",
    "shelf",
    "shirt",
    "shoes",
    "sofa",
    "speaker",
    "table",
    "tent",
    "toaster",
    "vacuum",
    "watch",
];
const USES: [&str; 40] = [
    "baby", "bath", "beach", "bed", "bedroom", "boat", "camping", "car", "city", "coffee",
    "cooking", "dog", "family", "fishing", "garden", "gaming", "garage", "gift", "guest", "hiking",
    "home", "kids", "kitchen", "music", "night", "office", "party", "patio", "photo", "rain",
    "running", "school", "sleep", "sport", "studio", "summer", "wall", "winter", "work", "yoga",
];
const PARTS: [&str; 60] = [
    "aluminium",
    "bamboo",
    "battery",
    "black",
    "blue",
    "bright",
    "brown",
    "button",
    "canvas",
    "ceramic",
    "comfortable",
    "cotton",
    "cover",
    "design",
    "dishwasher",
    "easy",
    "edge",
    "fabric",
    "finish",
    "fits",
    "foot",
    "glass",
    "gold",
    "green",
    "grey",
    "grip",
    "handle",
    "hours",
    "inside",
    "leather",
    "lid",
    "lifetime",
    "linen",
    "made",
    "metal",
    "minutes",
    "nylon",
    "orange",
    "pack",
    "pink",
    "plastic",
    "pocket",
    "power",
    "purple",
    "red",
    "rubber",
    "safe",
    "set",
    "side",
    "silver",
    "size",
    "stainless",
    "steel",
    "strap",
    "style",
    "surface",
    "warm",
    "washable",
    "white",
    "wood",
];
const SYLLABLES: [&str; 24] = [
    "al", "ar", "bel", "cor", "dan", "el", "fen", "gar", "hol", "in", "jor", "kal", "lum", "mar",
    "nor", "or", "pel", "quin", "ros", "sol", "tar", "ul", "ver", "wen",
];
const BRANDS: usize = 400;

/// A brand's name: three syllables that belong to it alone.
fn brand(number: usize) -> String {
    let mut rest = number % BRANDS;
    let mut name = String::new();
    for _ in 0..3 {
        name.push_str(SYLLABLES[(rest * 7 + name.len()) % SYLLABLES.len()]);
        rest /= 8;
    }
    name[..1].to_uppercase() + &name[1..] + if number.is_multiple_of(3) { "co" } else { "" }
}

/// The category of a noun: four nouns share one.
fn category(noun: usize) -> String {
    let first = noun / 4 * 4;
    let [a, b] = [first, first + 1].map(|index| NOUNS[index]);
    format!("{}{} and {b}", a[..1].to_uppercase(), &a[1..])
}

/// A number from 0 that is small more often than large, as popularity is.
fn skewed(random: &mut ChaCha8Rng, end: usize) -> usize {
    let (a, b) = (random.random_range(0..end), random.random_range(0..end));
    a.min(b)
}

/// What a product is made of.
struct Parts {
    brand: usize,
    adjective: &'static str,
    purpose: &'static str,
    noun: usize,
    model: u32,
}

fn parts(random: &mut ChaCha8Rng) -> Parts {
    Parts {
        brand: skewed(random, BRANDS),
        adjective: ADJECTIVES[skewed(random, ADJECTIVES.len())],
        purpose: USES[skewed(random, USES.len())],
        noun: skewed(random, NOUNS.len()),
        model: random.random_range(10..2_000),
    }
}

/// The product with this number.
pub(crate) fn product(number: u64, now: DateTime<Utc>) -> product::Model {
    let mut random = ChaCha8Rng::seed_from_u64(number);
    let of = parts(&mut random);
    let noun = NOUNS[of.noun];
    let brand = brand(of.brand);
    let title = format!(
        "{brand} {} {} {noun} {}",
        of.adjective, of.purpose, of.model
    );
    let words: Vec<&str> = (0..18)
        .filter_map(|_| PARTS.choose(&mut random).copied())
        .collect();
    let created_at = now - TimeDelta::minutes(random.random_range(0..1_000_000));
    product::Model {
        id: Uuid::from_u128((u128::from(number) << 64) | u128::from(random.random::<u64>())),
        description: format!(
            "{} {noun} for {}: {}.",
            of.adjective,
            of.purpose,
            words.join(" ")
        ),
        title,
        brand: Some(brand),
        category: category(of.noun),
        image_url: None,
        rating: Some(f64::from(random.random_range(10..=50)) / 10.0),
        review_count: random.random_range(0..2_000),
        available_quantity: random.random_range(0..20),
        price_usd_minor: random.random_range(500..100_000),
        popularity: random.random_range(0..5_000),
        active: true,
        created_at,
        updated_at: created_at,
        price_sequence: 1,
        weight_grams: Some(500),
        length_mm: Some(200),
        width_mm: Some(200),
        height_mm: Some(200),
        hs_code: Some("851830".to_owned()),
        origin_country: Some("US".to_owned()),
        catalog_sequence: 0,
        source_sequence: 0,
        stock_sequence: 0,
        stock_announced_at: None,
    }
}

/// What somebody searches for.
pub(crate) struct Request {
    /// Two or three words of some product.
    pub(crate) text: String,
    /// The same with an error in one of them.
    pub(crate) mistyped: String,
    /// The first letters of the same.
    pub(crate) prefix: String,
    pub(crate) categories: Vec<String>,
    pub(crate) brands: Vec<String>,
    /// In cents.
    pub(crate) price: (i64, i64),
}

/// The request with this number.
pub(crate) fn request(number: u64) -> Request {
    let mut random = ChaCha8Rng::seed_from_u64(u64::MAX - number);
    let of = parts(&mut random);
    let noun = NOUNS[of.noun];
    let brand_name = brand(of.brand);
    let text = match random.random_range(0..4) {
        0 => format!("{} {noun}", of.adjective),
        1 => format!("{} {noun}", of.purpose),
        2 => format!("{brand_name} {noun}"),
        _ => format!("{} {} {noun}", of.adjective, of.purpose),
    };
    let letters = random.random_range(3..=7);
    Request {
        mistyped: mistyped(&text, &mut random),
        prefix: text.chars().take(letters).collect(),
        text,
        categories: vec![category(of.noun), category((of.noun + 8) % NOUNS.len())],
        brands: (0..30).map(|next| brand(of.brand + next)).collect(),
        price: (1_000, 80_000),
    }
}

/// One letter of the longest word left out, doubled or replaced.
fn mistyped(text: &str, random: &mut ChaCha8Rng) -> String {
    let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    if let Some(word) = words.iter_mut().max_by_key(|word| word.len()) {
        let position = random.random_range(1..word.len());
        match random.random_range(0..3) {
            0 => drop(word.remove(position)),
            1 => word.insert(position, 'e'),
            _ => word.replace_range(position..=position, "x"),
        }
    }
    words.join(" ")
}
