//! Completions of a text that is being typed.

use crate::shop::Shop;

pub(crate) async fn a_title_that_starts_with_the_text_comes_first(shop: &Shop) {
    let suggested = shop.suggested("head", 10).await;
    assert_eq!(suggested[0], "Headlamp");
    assert!(suggested.contains(&"Wireless Headphones"), "{suggested:?}");
    assert_eq!(
        shop.suggested("wireless headphones", 10).await[..2],
        ["Wireless Headphones Case", "Wireless Headphones"]
    );
}

pub(crate) async fn the_last_word_may_be_unfinished(shop: &Shop) {
    assert_eq!(
        shop.suggested("noise canc", 10).await,
        ["Noise Cancelling Earbuds"]
    );
    assert!(shop.suggested("canc noise", 10).await.is_empty());
    assert_eq!(shop.suggested("chef's kn", 10).await, ["Chef's Knife"]);
}

pub(crate) async fn all_words_are_required(shop: &Shop) {
    assert!(
        shop.suggested("trail running zebra sh", 10)
            .await
            .is_empty()
    );
    assert_eq!(
        shop.suggested("shoes running tr", 10).await,
        ["Trail Running Shoes"]
    );
}

pub(crate) async fn a_blank_text_suggests_popular_products(shop: &Shop) {
    for prefix in ["", " ", "?"] {
        let suggested = shop.suggested(prefix, 2).await;
        assert_eq!(
            suggested,
            ["Camp Stove", "Wireless Headphones Case"],
            "{prefix:?}"
        );
    }
}

pub(crate) async fn the_limit_is_kept(shop: &Shop) {
    for limit in [0, 1, 3] {
        assert_eq!(shop.suggested("h", limit).await.len(), limit);
    }
}

pub(crate) async fn forms_and_diacritics_do_not_matter(shop: &Shop) {
    assert_eq!(shop.suggested("cafe cr", 10).await, ["Café Crème Mug"]);
    assert_eq!(shop.suggested("CAFÉ", 10).await, ["Café Crème Mug"]);
    assert_eq!(shop.suggested("aa battery", 10).await, ["AA Batteries"]);
    assert_eq!(shop.suggested("aa batteri", 10).await, ["AA Batteries"]);
}

pub(crate) async fn nothing_is_suggested_for_what_no_title_has(shop: &Shop) {
    // A brand, a description, an inactive product.
    for prefix in ["timberl", "cushioned", "gone", "zebra"] {
        assert!(shop.suggested(prefix, 10).await.is_empty(), "{prefix}");
    }
}
