//! Texts that customers rarely mean, and that must not fail.

use crate::shop::{Shop, text};

pub(crate) async fn the_longest_query_is_searched(shop: &Shop) {
    let spaces = format!("kettle{}", " ".repeat(250));
    assert_eq!(shop.titles(text(&spaces)).await, ["Kettle"]);
    for letter in ["x", "ü", "鞄", "🎧", "\u{301}"] {
        shop.search(text(&letter.repeat(256))).await;
    }
    shop.search(text(&"kettle ".repeat(36))).await;
}

pub(crate) async fn emoji_are_ignored(shop: &Shop) {
    shop.finds_nothing(&["🎧", "👩‍👩‍👧‍👦 🎧"]).await;
    assert_eq!(shop.titles(text("kettle ☕️🎧")).await, ["Kettle"]);
}

pub(crate) async fn right_to_left_scripts_are_found(shop: &Shop) {
    let expected = ["سماعات لاسلكية"];
    for query in ["سماعات", "لاسلكية سماعات", "\u{202B}سَمَّاعَات\u{202C}"]
    {
        assert_eq!(shop.titles(text(query)).await, expected, "{query:?}");
    }
}

pub(crate) async fn scripts_without_spaces_are_found(shop: &Shop) {
    shop.includes("革靴", &["革靴", "靴", "革"]).await;
    shop.includes("無線ヘッドホン", &["無線", "ヘッドホン", "無線ヘッドホン"])
        .await;
}

pub(crate) async fn combining_accents_are_the_same_as_composed_letters(shop: &Shop) {
    let decomposed = "Cafe\u{301} Cre\u{300}me";
    assert_eq!(shop.titles(text(decomposed)).await, ["Café Crème Mug"]);
}

pub(crate) async fn quotes_and_apostrophes_are_ignored(shop: &Shop) {
    for query in [
        "\"chef's knife\"",
        "chef’s knife",
        "'chefs' knife",
        "«chef» knife",
    ] {
        let titles = shop.titles(text(query)).await;
        assert_eq!(titles.first(), Some(&"Chef's Knife"), "{query}");
    }
}

pub(crate) async fn operators_are_text(shop: &Shop) {
    for query in [
        "+kettle",
        "-kettle",
        "kettle~",
        "kettle^",
        "(kettle)",
        "kettle AND",
        "kettle]",
        "/kettle/",
        "kettle\\",
    ] {
        shop.includes("Kettle", &[query]).await;
    }
    // A word like any other.
    shop.finds_nothing(&["NOT kettle", "id:1 OR zebra"]).await;
}

pub(crate) async fn wildcards_are_text(shop: &Shop) {
    shop.finds_nothing(&["*", "?", "*:*", "%", "_"]).await;
    assert_eq!(shop.titles(text("kettle*")).await, ["Kettle"]);
}

pub(crate) async fn nul_characters_are_ignored(shop: &Shop) {
    assert_eq!(shop.titles(text("kettle\0")).await, ["Kettle"]);
    shop.finds_nothing(&["\0"]).await;
}

pub(crate) async fn only_stop_words_are_searched_as_words(shop: &Shop) {
    // "for" is in descriptions.
    shop.includes("TV Stand", &["for"]).await;
    shop.search(text("the of and")).await;
}

pub(crate) async fn only_punctuation_finds_nothing(shop: &Shop) {
    shop.finds_nothing(&["!?", "---", "\u{200B}!", "…"]).await;
}

pub(crate) async fn very_long_words_find_nothing(shop: &Shop) {
    shop.finds_nothing(&[&"k".repeat(256), &"kettle".repeat(40)])
        .await;
}

pub(crate) async fn words_beyond_the_sixteenth_are_ignored(shop: &Shop) {
    let zebras: String = (0..16).map(|n| format!("zebra{n} ")).collect();
    shop.finds_nothing(&[&format!("{zebras} kettle")]).await;
}

pub(crate) async fn every_kind_of_space_separates_words(shop: &Shop) {
    for space in ["\t", "\n", "\u{A0}", "\u{2003}", "\u{3000}", "\r\n"] {
        let query = format!("trail{space}running{space}shoes");
        let titles = shop.titles(text(&query)).await;
        assert_eq!(titles.first(), Some(&"Trail Running Shoes"), "{query:?}");
    }
}

pub(crate) async fn characters_of_full_width_are_found(shop: &Shop) {
    assert_eq!(shop.titles(text("ｋｅｔｔｌｅ")).await, ["Kettle"]);
}
