//! What matches count, in every engine: how much depends on the product and on numbers that are fixed when the index is
//! built, so all engines have the same results in the same order.

/// How a word matches, the weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Match {
    CategoryTypos = 1,
    BrandTypos,
    CategoryTypo,
    TitleTypos,
    BrandTypo,
    SynonymInDescription,
    TitleTypo,
    Description,
    SynonymInCategory,
    Category,
    /// A word of the title begins with the typed text.
    Prefix,
    /// Several words in place of the typed one.
    Phrase,
    SynonymInTitle,
    Brand,
    /// Written as one word with a neighbour.
    Joined,
    Title,
}

/// What a match counts, by its number.
pub(super) const WORTH: [f32; 17] = [
    0.0, 0.36, 0.48, 0.54, 0.6, 0.72, 0.75, 0.9, 1.0, 1.5, 2.0, 2.1, 2.5, 2.8, 3.0, 3.5, 4.0,
];
/// The title equals the query; for each word. It beats every other match, also a personalized one.
pub(super) const WHOLE_TITLE: f32 = 20.0;
/// The title starts with the query; for each word.
pub(super) const TITLE_START: f32 = 2.0;
/// A suggested title starts with the typed text.
pub(super) const SUGGESTED_START: f32 = 10.0;
/// How much more a title counts that consists of the words of the query.
pub(super) const COVERAGE: f32 = 0.4;

/// The weight of popularity relative to relevance: 3 % for each factor of ten, so that it decides between equal matches
/// and never beats a better one.
pub(super) const POPULARITY_SHARE: f32 = 0.03;

/// The decimal logarithm of 1 + popularity, in thousandths.
pub(super) fn magnitude(popularity: i64) -> u64 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a logarithm from 0 to 19"
    )]
    let magnitude = ((popularity.max(0) as f64 + 1.0).log10() * 1_000.0) as u64;
    magnitude
}

impl Match {
    pub(super) fn worth(self) -> f32 {
        WORTH[self as usize]
    }
}
