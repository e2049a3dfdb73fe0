//! What shipping and customs need to know of the demo shop's products: typical values of their category, which need no
//! random numbers.

/// A category's packed goods.
struct Goods {
    category: &'static str,
    /// The lightest and the heaviest product, in grams.
    grams: (i32, i32),
    /// Length, width and height of a product's box, in millimetres.
    size: [i32; 3],
    /// Headings of the Harmonized System, one for each of the category's kinds.
    hs_codes: [&'static str; 5],
}

/// A product's values. Digital products have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attributes {
    pub(super) weight_grams: i32,
    /// Length, width and height, in millimetres.
    pub(super) size: [i32; 3],
    pub(super) hs_code: &'static str,
    /// ISO 3166-1 alpha-2.
    pub(super) origin_country: &'static str,
}

/// The values of a category's product: its kind and its line count from 0 to 4.
pub(super) fn attributes(
    category: &str,
    brand: &str,
    kind: usize,
    line: usize,
) -> Option<Attributes> {
    let goods = GOODS.iter().find(|goods| goods.category == category)?;
    let hs_code = goods.hs_codes.get(kind)?;
    let (low, high) = goods.grams;
    // From 0 to 24.
    let step = i32::try_from(line * goods.hs_codes.len() + kind).ok()?;
    let weight_grams = low + (high - low) * step / 24;
    // A heavier product has a larger box: up to a quarter in each direction.
    let size = goods.size.map(|side| side + side * step / 96);
    Some(Attributes {
        weight_grams,
        size,
        hs_code,
        origin_country: origin_country(brand),
    })
}

fn origin_country(brand: &str) -> &'static str {
    match brand {
        "Auralis" => "TW",
        "Kestrel" | "Larkfield" => "CN",
        "Lumora" | "Hearthline" => "VN",
        "Vectra" => "KR",
        "Alderwood" => "PT",
        "Fernhill" => "IT",
        "Marlow Lane" => "IN",
        "Tidewater" => "TR",
        "Copperleaf" => "DE",
        "Stonebridge" => "PL",
        _ => "US",
    }
}

const fn goods(
    category: &'static str,
    grams: (i32, i32),
    size: [i32; 3],
    hs_codes: [&'static str; 5],
) -> Goods {
    Goods {
        category,
        grams,
        size,
        hs_codes,
    }
}

const GOODS: [Goods; 18] = [
    goods("Monitors", (3_200, 9_800), [720, 480, 190], ["852852"; 5]),
    goods("Headphones", (220, 480), [210, 190, 90], ["851830"; 5]),
    goods("Earbuds", (45, 120), [110, 90, 40], ["851830"; 5]),
    goods("Laptops", (1_100, 3_100), [420, 300, 80], ["847130"; 5]),
    goods("Phones", (165, 330), [180, 100, 55], ["851713"; 5]),
    goods("Cameras", (180, 1_250), [190, 150, 130], ["852589"; 5]),
    goods("Keyboards", (480, 1_250), [460, 170, 60], ["847160"; 5]),
    goods(
        "Smart Home",
        (180, 3_900),
        [240, 200, 140],
        ["853952", "903210", "853110", "851762", "850860"],
    ),
    goods(
        "Batteries",
        (150, 1_900),
        [180, 110, 60],
        ["850760", "850760", "850750", "850760", "850760"],
    ),
    goods(
        "Cleaning Chemicals",
        (520, 2_200),
        [120, 90, 270],
        ["340250", "282890", "340250", "381400", "340250"],
    ),
    goods(
        "Engraved Jewelry",
        (25, 140),
        [100, 100, 50],
        ["711311", "711311", "711311", "910211", "711719"],
    ),
    goods(
        "Monogrammed Accessories",
        (110, 900),
        [260, 190, 70],
        ["420231", "611710", "420222", "420330", "630260"],
    ),
    goods(
        "Shoes",
        (520, 1_500),
        [330, 210, 120],
        ["640411", "640399", "640391", "640420", "640419"],
    ),
    goods("Jackets", (380, 1_450), [380, 300, 80], ["620140"; 5]),
    goods("Backpacks", (650, 1_900), [500, 320, 150], ["420292"; 5]),
    goods(
        "Kitchen",
        (320, 4_800),
        [340, 240, 190],
        ["821192", "732391", "850940", "850940", "851679"],
    ),
    goods(
        "Furniture",
        (4_500, 28_000),
        [1_150, 620, 160],
        ["940330", "940130", "940360", "940360", "940521"],
    ),
    goods(
        "Toys",
        (260, 1_700),
        [320, 240, 80],
        ["950300", "950490", "950300", "950300", "950300"],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goods_have_sensible_values_and_downloads_have_none() {
        for goods in &GOODS {
            for (kind, line) in (0..5).flat_map(|kind| (0..5).map(move |line| (kind, line))) {
                let found = attributes(goods.category, "Auralis", kind, line).unwrap();
                let (low, high) = goods.grams;
                assert!((low..=high).contains(&found.weight_grams));
                assert!(found.size.iter().all(|side| *side > 0));
                assert!(found.hs_code.len() == 6 && found.hs_code.parse::<u32>().is_ok());
            }
        }
        assert_eq!(attributes("Gift Cards", "Copperleaf", 0, 0), None);
        assert_eq!(attributes("Software Downloads", "Kestrel", 1, 1), None);
    }
}
