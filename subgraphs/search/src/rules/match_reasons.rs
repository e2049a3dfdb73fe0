//! Explains why a product was found: which words of the query matched which of its texts.

use super::text::{Word, allowed_typos, normalized, singulars};

/// The texts of a product that the query is compared with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Texts<'a> {
    pub title: &'a str,
    pub brand: Option<&'a str>,
    pub category: &'a str,
    pub description: &'a str,
}

/// One reason for each matched word, for its most significant match: `title: headphones`, `title starts: head`, `title
/// resembles: hedphones`. Empty for an empty query.
pub(crate) fn reasons(query: &str, words: &[Word], texts: Texts<'_>) -> Vec<String> {
    let mut reasons = Vec::new();
    if !words.is_empty() && normalized(query) == normalized(texts.title) {
        reasons.push("exact title".to_owned());
    }
    let fields = [
        ("title", texts.title),
        ("brand", texts.brand.unwrap_or_default()),
        ("category", texts.category),
        ("description", texts.description),
    ]
    .map(|(name, text)| (name, singulars(text).collect::<Vec<_>>()));
    let title = &fields[0].1;
    for word in words {
        let typed = &word.typed;
        let typos = usize::from(allowed_typos(&word.singular));
        let same = |text: &String| *text == word.singular;
        let close =
            |text: &String| typos > 0 && strsim::osa_distance(text, &word.singular) <= typos;
        let met = |(_, texts): &&(&str, Vec<String>), close: &dyn Fn(&String) -> bool| {
            texts.iter().any(close)
        };
        if let Some((name, _)) = fields.iter().find(|field| met(field, &same)) {
            reasons.push(format!("{name}: {typed}"));
        } else if title.iter().any(|text| text.starts_with(typed.as_str())) {
            reasons.push(format!("title starts: {typed}"));
        } else if let Some((name, _)) = fields.iter().find(|field| met(field, &close)) {
            reasons.push(format!("{name} resembles: {typed}"));
        }
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::text::query_words;

    #[test]
    fn each_word_is_explained_by_the_most_telling_text_it_meets() {
        let texts = Texts {
            title: "Wireless Headphones",
            brand: Some("Auralis"),
            category: "Audio",
            description: "Over-ear, with a case by Auralis.",
        };
        let cases: [(&str, &[&str]); 6] = [
            (
                "wireless headphone",
                &["exact title", "title: wireless", "title: headphone"],
            ),
            (
                "AURALIS audio case",
                &["brand: auralis", "category: audio", "description: case"],
            ),
            ("headph", &["title starts: headph"]),
            ("hedphones", &["title resembles: hedphones"]),
            ("kettle", &[]),
            ("", &[]),
        ];
        for (query, expected) in cases {
            assert_eq!(
                reasons(query, &query_words(query), texts),
                expected,
                "{query}"
            );
        }
    }
}
