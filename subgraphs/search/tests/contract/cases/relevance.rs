//! What a text finds, and in which order.

use search::engine::{Matching, SearchQuery};

use crate::shop::{Shop, all, text};

pub(crate) async fn an_exact_title_comes_first(shop: &Shop) {
    let cases = [
        ("kettle", "Kettle"),
        ("4k monitor pro 32 inch", "4K Monitor Pro 32 inch"),
        ("running shoes", "Running Shoes"),
    ];
    shop.first(&cases).await;
}

pub(crate) async fn an_exact_title_comes_before_more_popular_longer_ones(shop: &Shop) {
    let cases = [
        ("wireless headphones", "Wireless Headphones"),
        ("lamp", "Lamp"),
    ];
    shop.first(&cases).await;
}

pub(crate) async fn a_title_that_starts_with_the_query_comes_before_one_that_contains_it(
    shop: &Shop,
) {
    // The one that contains it is more popular.
    let titles = shop.titles(text("cable")).await;
    assert_eq!(titles[..2], ["Cable Winder", "USB-C Cable"]);
}

pub(crate) async fn a_title_comes_before_a_brand(shop: &Shop) {
    let titles = shop.titles(text("auralis")).await;
    assert_eq!(titles[0], "Auralis Poster");
    assert_eq!(titles.len(), 4, "{titles:?}");
}

pub(crate) async fn a_brand_is_found(shop: &Shop) {
    shop.finds(&[
        ("edgeworth", &["Chef's Knife"]),
        (
            "papyra",
            &["Blue Notebook", "Green Notebook", "Red Notebook"],
        ),
    ])
    .await;
}

pub(crate) async fn a_category_is_found(shop: &Shop) {
    shop.includes("Two-Person Tent", &["camping"]).await;
    shop.includes("Café Crème Mug", &["kitchen"]).await;
}

pub(crate) async fn a_description_comes_last(shop: &Shop) {
    let titles = shop.titles(text("headphones")).await;
    let at = |title| titles.iter().position(|found| *found == title).unwrap();
    assert!(at("Headlamp") > at("Studio Headphones"), "{titles:?}");
    assert!(
        at("Headlamp") > at("Noise Cancelling Earbuds"),
        "{titles:?}"
    );
}

pub(crate) async fn words_are_found_in_any_order(shop: &Shop) {
    let cases = [
        ("shoes trail running", "Trail Running Shoes"),
        ("jacket rain", "Women's Rain Jacket"),
    ];
    shop.first(&cases).await;
}

pub(crate) async fn both_of_two_words_are_required(shop: &Shop) {
    shop.finds_nothing(&["kettle zebra", "auralis kettle"])
        .await;
    shop.finds(&[("auralis studio", &["Studio Headphones"])])
        .await;
}

pub(crate) async fn three_of_four_words_are_enough(shop: &Shop) {
    let cases = [("trail running shoes zebra", "Trail Running Shoes")];
    shop.first(&cases).await;
    shop.finds_nothing(&["trail running zebra quagga"]).await;
}

pub(crate) async fn one_word_is_enough_if_any_is_asked_for(shop: &Shop) {
    let any = |words: &str| SearchQuery {
        matching: Matching::Any,
        ..text(words)
    };
    assert_eq!(shop.titles(any("kettle zebra")).await, ["Kettle"]);
    let titles = shop.titles(any("trail running zebra quagga")).await;
    assert_eq!(titles[0], "Trail Running Shoes");
    assert!(titles.contains(&"Running Shoes"), "{titles:?}");
    assert!(shop.titles(any("zebra quagga")).await.is_empty());
}

pub(crate) async fn upper_and_lower_case_are_the_same(shop: &Shop) {
    let queries = ["KETTLE", "kettle", "KeTtLe"];
    for query in queries {
        assert_eq!(shop.titles(text(query)).await, ["Kettle"], "{query}");
    }
}

pub(crate) async fn a_missing_an_added_and_a_changed_letter_are_forgiven(shop: &Shop) {
    shop.includes("Kettle", &["ketle", "kettele", "kertle"])
        .await;
    shop.includes(
        "Wireless Headphones",
        &["hedphones", "headphoones", "headphomes"],
    )
    .await;
}

pub(crate) async fn swapped_letters_are_one_typo(shop: &Shop) {
    shop.includes("Kettle", &["kettel", "ekttle"]).await;
    shop.includes("Robot Vacuum", &["vaccum", "vaucum"]).await;
}

pub(crate) async fn two_typos_are_forgiven_in_long_words_only(shop: &Shop) {
    shop.includes("Wireless Headphones", &["haedphonas"]).await;
    shop.finds_nothing(&["kittla", "hdphns"]).await;
}

pub(crate) async fn short_words_are_found_exactly(shop: &Shop) {
    // One letter from "mug" and from "pro".
    shop.finds_nothing(&["mig", "prx"]).await;
    shop.finds(&[("mug", &["Café Crème Mug"])]).await;
}

pub(crate) async fn model_numbers_are_found_exactly(shop: &Shop) {
    shop.finds(&[
        ("1000xm4", &["WH-1000XM4 Headphones"]),
        ("WH-1000XM5", &["WH-1000XM5 Headphones"]),
        ("1000xm6", &[]),
    ])
    .await;
}

pub(crate) async fn an_exact_word_comes_before_a_similar_one(shop: &Shop) {
    // "Camp Stove" is far more popular, and one letter from "lamp".
    let titles = shop.titles(text("lamp")).await;
    let at = |title| titles.iter().position(|found| *found == title);
    assert!(at("Desk Lamp") < at("Camp Stove"), "{titles:?}");
    assert!(at("Camp Stove").is_some(), "{titles:?}");
}

pub(crate) async fn the_start_of_a_word_is_found(shop: &Shop) {
    let cases = [
        ("headl", "Headlamp"),
        ("televi", "55 inch Television"),
        ("trail run", "Trail Running Shoes"),
    ];
    shop.first(&cases).await;
}

pub(crate) async fn forms_of_a_word_are_the_same(shop: &Shop) {
    shop.includes("AA Batteries", &["battery", "batteries"])
        .await;
    shop.includes("Kettle", &["kettles"]).await;
    shop.includes("Running Shoes", &["shoe"]).await;
    shop.includes("Noise Cancelling Earbuds", &["noise canceling"])
        .await;
}

pub(crate) async fn irregular_plurals_are_found(shop: &Shop) {
    shop.includes("Chef's Knife", &["knives", "knife"]).await;
    shop.includes("Women's Rain Jacket", &["woman jacket", "women jacket"])
        .await;
}

pub(crate) async fn synonyms_are_found_both_ways(shop: &Shop) {
    for query in ["tv", "television"] {
        shop.includes("55 inch Television", &[query]).await;
        shop.includes("TV Stand", &[query]).await;
    }
}

pub(crate) async fn one_way_synonyms_are_found_one_way(shop: &Shop) {
    shop.includes("Wireless Headphones", &["headset", "wireless headset"])
        .await;
    shop.finds(&[("hoover", &["Robot Vacuum"])]).await;
}

pub(crate) async fn a_phrase_and_its_abbreviation_are_the_same(shop: &Shop) {
    shop.includes(
        "Noise Cancelling Earbuds",
        &[
            "anc",
            "anc earbuds",
            "noise cancelling ear buds",
            "noise cancelling",
        ],
    )
    .await;
    shop.includes("Hooded Sweatshirt", &["hoodie"]).await;
}

pub(crate) async fn own_words_come_before_synonyms(shop: &Shop) {
    shop.first(&[("tv", "TV Stand"), ("television", "55 inch Television")])
        .await;
}

pub(crate) async fn words_with_hyphens_are_found_in_each_spelling(shop: &Shop) {
    shop.includes("T-Shirt", &["t-shirt", "t shirt", "tshirt", "T‑Shirts"])
        .await;
    shop.includes(
        "WH-1000XM5 Headphones",
        &[
            "wh-1000xm5",
            "wh 1000xm5",
            "wh1000xm5",
            "WH1000XM5 headphones",
        ],
    )
    .await;
    shop.includes("USB-C Cable", &["usb c cable", "usb-c", "usbc cable"])
        .await;
}

pub(crate) async fn compound_words_are_found_in_two(shop: &Shop) {
    shop.includes("Headlamp", &["head lamp"]).await;
    shop.includes("Wireless Headphones", &["wireless head phones"])
        .await;
}

pub(crate) async fn diacritics_do_not_matter(shop: &Shop) {
    shop.first(&[
        ("cafe creme", "Café Crème Mug"),
        ("Café Crème", "Café Crème Mug"),
        ("câfe", "Café Crème Mug"),
        ("kéttlë", "Kettle"),
    ])
    .await;
}

pub(crate) async fn stop_words_do_not_matter(shop: &Shop) {
    let plain = shop.titles(text("running shoes")).await;
    let with = shop.titles(text("the shoes for my running")).await;
    assert_eq!(with.len(), plain.len());
}

pub(crate) async fn popularity_decides_between_equal_matches(shop: &Shop) {
    let expected = ["Green Notebook", "Red Notebook", "Blue Notebook"];
    assert_eq!(shop.titles(text("notebook")).await[..3], expected);
}

pub(crate) async fn a_blank_query_finds_everything_popular_first(shop: &Shop) {
    for query in ["", "   "] {
        let found = shop.search(text(query)).await;
        assert_eq!(found.total, 33);
        let titles = shop.titles(text(query)).await;
        assert_eq!(titles[..2], ["Camp Stove", "Wireless Headphones Case"]);
    }
}

pub(crate) async fn scores_are_relative_to_the_best_result(shop: &Shop) {
    for query in ["headphones", "hedphones", "lamp", ""] {
        let found = shop.search(text(query)).await;
        let scores: Vec<_> = found.hits.iter().map(|hit| hit.score).collect();
        assert!((scores[0] - 1.0).abs() < 1e-6, "{query}: {scores:?}");
        assert!(scores.is_sorted_by(|a, b| a >= b), "{query}: {scores:?}");
        assert!(
            scores.iter().all(|score| *score > 0.0),
            "{query}: {scores:?}"
        );
        assert!(found.hits.iter().all(|hit| hit.similarity.is_none()));
    }
}

pub(crate) async fn inactive_products_are_never_found(shop: &Shop) {
    shop.finds_nothing(&["gone"]).await;
    for query in [all(), text("headphones")] {
        assert!(!shop.titles(query).await.contains(&"Gone Headphones"));
    }
}
