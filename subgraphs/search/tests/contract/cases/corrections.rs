//! "Did you mean".

use crate::shop::Shop;

pub(crate) async fn a_misspelled_word_is_corrected(shop: &Shop) {
    shop.corrects(&[
        ("ketle", Some("kettle")),
        ("hedphones", Some("headphones")),
        ("vaccum", Some("vacuum")),
    ])
    .await;
}

pub(crate) async fn each_misspelled_word_is_corrected_and_the_rest_stays(shop: &Shop) {
    shop.corrects(&[
        ("Wireles HEDPHONES!", Some("wireless headphones!")),
        ("Trail Runing, Shoes", Some("Trail running, Shoes")),
        ("the ketle for 4K", Some("the kettle for 4K")),
    ])
    .await;
}

pub(crate) async fn known_words_are_not_corrected(shop: &Shop) {
    let known = [
        "kettle",
        "Kettles",
        "battery",
        "cushioned",
        "1000xm5",
        "革靴",
        "CAFE",
        "",
    ];
    for query in known {
        shop.corrects(&[(query, None)]).await;
    }
}

pub(crate) async fn synonyms_are_not_corrected(shop: &Shop) {
    shop.corrects(&[("telly", None), ("hoover", None)]).await;
}

pub(crate) async fn what_resembles_nothing_is_not_corrected(shop: &Shop) {
    shop.corrects(&[
        ("zzzzzzzz", None),
        ("kttl", None),
        ("mig", None),
        ("1000xm9", None),
        ("!?", None),
    ])
    .await;
}

pub(crate) async fn brands_and_categories_are_corrected(shop: &Shop) {
    shop.corrects(&[
        ("auralsi", Some("auralis")),
        ("hearthlime kettle", Some("hearthline kettle")),
        ("kitchne", Some("kitchen")),
    ])
    .await;
}
