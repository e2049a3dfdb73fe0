//! Explains why a product was found: which words of the query matched which of its texts.

use super::analysis::{Analysis, words};
use super::parsed_query::{ParsedQuery, QueryWord};

/// The texts of a product that the query is compared with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Texts<'a> {
    pub title: &'a str,
    pub brand: Option<&'a str>,
    pub category: &'a str,
    pub description: &'a str,
}

/// One reason for each matched word, for its most significant match: `title: headphones`, `title starts: head`, `title
/// means: telly`, `title resembles: hedphones`. Empty for an empty query.
pub(crate) fn reasons(query: &ParsedQuery, analysis: &Analysis, texts: Texts<'_>) -> Vec<String> {
    let mut reasons = Vec::new();
    if !query.words.is_empty() && query.whole == analysis.normalized(texts.title) {
        reasons.push("exact title".to_owned());
    }
    let fields = [
        ("title", texts.title),
        ("brand", texts.brand.unwrap_or_default()),
        ("category", texts.category),
        ("description", texts.description),
    ]
    .map(|(name, text)| (name, analysis.indexed_stems(text)));
    let title = words(texts.title);
    reasons.extend(
        query
            .words
            .iter()
            .filter_map(|word| reason(word, &fields, &title)),
    );
    reasons
}

fn reason(word: &QueryWord, fields: &[(&str, Vec<String>); 4], title: &[String]) -> Option<String> {
    let typed = &word.typed;
    let first = |matches: &dyn Fn(&[String]) -> bool| {
        let field = fields.iter().find(|(_, stems)| matches(stems));
        field.map(|(name, _)| *name)
    };
    if let Some(name) = first(&|stems| stems.contains(&word.stem)) {
        return Some(format!("{name}: {typed}"));
    }
    if title.iter().any(|text| text.starts_with(typed.as_str())) {
        return Some(format!("title starts: {typed}"));
    }
    let joined = |stems: &[String]| word.joined.iter().any(|joined| stems.contains(joined));
    if let Some(name) = first(&joined) {
        return Some(format!("{name}: {typed}"));
    }
    let means = |stems: &[String]| {
        let mut synonyms = word.synonyms.iter();
        synonyms.any(|synonym| synonym.iter().all(|stem| stems.contains(stem)))
    };
    if let Some(name) = first(&means) {
        return Some(format!("{name} means: {typed}"));
    }
    let typos = usize::from(word.typos);
    let resembles = |stems: &[String]| {
        let mut stems = stems.iter();
        typos > 0 && stems.any(|stem| strsim::osa_distance(stem, &word.stem) <= typos)
    };
    first(&resembles).map(|name| format!("{name} resembles: {typed}"))
}

/// The similarity from which a preference has moved a product noticeably.
const MOVED: f32 = 0.25;

/// Which of a customer's preferences moved a product up: its category or brand, if these are interests of the customer.
/// `preference: headphones`.
pub(crate) fn preference(
    similarity: f32,
    texts: Texts<'_>,
    categories: &[String],
    brands: &[String],
) -> Option<String> {
    if similarity < MOVED {
        return None;
    }
    let is_of_category = categories.iter().any(|category| category == texts.category);
    let brand = texts
        .brand
        .filter(|name| brands.iter().any(|brand| brand == name));
    let interest = match brand {
        _ if is_of_category => texts.category,
        Some(brand) => brand,
        None => "similar products",
    };
    Some(format!("preference: {}", interest.to_lowercase()))
}

/// From this value on, a feature speaks for a product that was moved up.
const STRONG: f64 = 0.5;
/// The same for the similarity with the customer's preferences.
const FITS: f64 = 0.25;

/// What a ranking did to a product, and the features it knew besides the text; from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Moved {
    /// By how many places it was moved up.
    pub places: i64,
    pub similarity: f64,
    pub recency: f64,
    pub popularity: f64,
}

/// How a ranking has moved a product: `ranked 3 higher: popular, new`, `ranked 1 lower`.
pub(crate) fn ranking(moved: Moved) -> Option<String> {
    let places = moved.places.unsigned_abs();
    if moved.places < 0 {
        return Some(format!("ranked {places} lower"));
    }
    if places == 0 {
        return None;
    }
    let features = [
        (moved.similarity >= FITS, "fits preferences"),
        (moved.popularity >= STRONG, "popular"),
        (moved.recency >= STRONG, "new"),
    ];
    let strong = features.iter().filter(|(is_strong, _)| *is_strong);
    let strong: Vec<&str> = strong.map(|(_, name)| *name).collect();
    let colon = if strong.is_empty() { "" } else { ": " };
    Some(format!(
        "ranked {places} higher{colon}{}",
        strong.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::analysis::AnalysisFiles;

    #[test]
    fn each_word_is_explained_by_the_most_telling_text_it_meets() {
        let texts = Texts {
            title: "Wireless Headphones",
            brand: Some("Auralis"),
            category: "Audio",
            description: "Over-ear, with a case by Auralis.",
        };
        let analysis = Analysis::parse(&AnalysisFiles::default()).unwrap();
        let cases: [(&str, &[&str]); 8] = [
            (
                "wireless headphone",
                &["exact title", "title: wireless", "title: headphone"],
            ),
            (
                "AURALIS audio case",
                &["brand: auralis", "category: audio", "description: case"],
            ),
            ("headph", &["title starts: headph"]),
            ("head phones", &["title starts: head", "title: phones"]),
            ("headset", &["title means: headset"]),
            ("hedphones", &["title resembles: hedphones"]),
            ("kettle", &[]),
            ("", &[]),
        ];
        for (query, expected) in cases {
            let parsed = ParsedQuery::new(query, &analysis);
            assert_eq!(reasons(&parsed, &analysis, texts), expected, "{query}");
        }
    }

    #[test]
    fn a_preference_is_named_by_category_or_brand_if_it_moved_the_product() {
        let texts = |category, brand| Texts {
            title: "",
            brand,
            category,
            description: "",
        };
        let categories = ["Headphones".to_owned()];
        let brands = ["Auralis".to_owned()];
        let cases = [
            (
                0.6,
                "Headphones",
                Some("Auralis"),
                Some("preference: headphones"),
            ),
            (
                0.3,
                "Monitors",
                Some("Auralis"),
                Some("preference: auralis"),
            ),
            (0.3, "Earbuds", None, Some("preference: similar products")),
            (0.2, "Headphones", Some("Auralis"), None),
        ];
        for (similarity, category, brand, expected) in cases {
            let reason = preference(similarity, texts(category, brand), &categories, &brands);
            assert_eq!(reason.as_deref(), expected, "{category} {similarity}");
        }
    }

    #[test]
    fn a_ranking_says_how_far_it_moved_a_product_and_why_up() {
        let moved = |places| Moved {
            places,
            ..Moved::default()
        };
        let cases = [
            (moved(0), None),
            (moved(-2), Some("ranked 2 lower")),
            (moved(4), Some("ranked 4 higher")),
            (
                Moved {
                    popularity: 0.5,
                    recency: 0.49,
                    ..moved(1)
                },
                Some("ranked 1 higher: popular"),
            ),
            (
                Moved {
                    similarity: 0.25,
                    popularity: 0.9,
                    recency: 1.0,
                    ..moved(17)
                },
                Some("ranked 17 higher: fits preferences, popular, new"),
            ),
        ];
        for (moved, expected) in cases {
            assert_eq!(ranking(moved).as_deref(), expected, "{moved:?}");
        }
    }
}
