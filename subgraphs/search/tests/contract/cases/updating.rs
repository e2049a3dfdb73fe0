//! Changes of single products in the current index.

use std::sync::Arc;

use search::engine::{Document, Filters, SearchEngine, SearchQuery, Sort, UsdRange};

use crate::catalog::{CATALOG, Item, id};
use crate::shop::{Shop, all, build, text};

const KETTLE: usize = 11;

async fn total(engine: &dyn SearchEngine, query: SearchQuery) -> u64 {
    engine.search(query).await.unwrap().total
}

async fn update(engine: &dyn SearchEngine, item: Item, number: usize) {
    engine.update(vec![item.document(number)]).await.unwrap();
}

pub(crate) async fn stock_price_and_rating_follow(engine: Arc<dyn SearchEngine>) {
    let shop = Shop::filled(engine).await;
    let kettle = Item {
        cents: 7_777,
        quantity: 0,
        rating: 1.5,
        reviews: 1,
        ..CATALOG[KETTLE]
    };
    update(&*shop.engine, kettle, KETTLE).await;
    let filters = [
        Filters {
            in_stock: Some(false),
            ..Filters::default()
        },
        Filters {
            price: UsdRange {
                min: Some(7_777),
                max: Some(7_777),
            },
            ..Filters::default()
        },
        Filters::default(),
    ];
    for filters in filters {
        let query = SearchQuery {
            filters,
            ..text("kettle")
        };
        assert_eq!(shop.titles(query).await, ["Kettle"]);
    }
    let rated = Filters {
        min_rating: Some(1.6),
        ..Filters::default()
    };
    assert_eq!(
        total(
            &*shop.engine,
            SearchQuery {
                filters: rated,
                ..text("kettle")
            }
        )
        .await,
        0
    );
    let by_rating = shop
        .titles(SearchQuery {
            sort: Sort::Rating,
            ..all()
        })
        .await;
    assert_eq!(by_rating[30], "Kettle", "the last that is rated");
}

pub(crate) async fn a_changed_title_is_found_and_the_old_one_is_not(engine: Arc<dyn SearchEngine>) {
    let shop = Shop::filled(engine).await;
    let renamed = Item {
        title: "Samovar",
        ..CATALOG[KETTLE]
    };
    update(&*shop.engine, renamed, KETTLE).await;
    assert_eq!(shop.ids(text("samovar")).await, [id(KETTLE)]);
    shop.finds_nothing(&["kettle"]).await;
    assert_eq!(
        shop.engine.suggest("samo".to_owned(), 5).await.unwrap(),
        [id(KETTLE)]
    );
    shop.corrects(&[("samvoar", Some("samovar"))]).await;
}

pub(crate) async fn a_new_product_is_found(engine: Arc<dyn SearchEngine>) {
    let shop = Shop::filled(engine).await;
    let samovar = Item {
        title: "Samovar",
        brand: "Tula",
        category: "Tea",
        ..Item::PLAIN
    };
    update(&*shop.engine, samovar, 500).await;
    for query in ["samovar", "tula", "tea", "samvoar"] {
        assert_eq!(shop.ids(text(query)).await, [id(500)], "{query}");
    }
    let newest = shop
        .ids(SearchQuery {
            sort: Sort::Newest,
            limit: 1,
            ..all()
        })
        .await;
    assert_eq!(newest, [id(500)]);
}

pub(crate) async fn a_product_is_there_once_however_often_it_is_updated(
    engine: Arc<dyn SearchEngine>,
) {
    let shop = Shop::filled(engine).await;
    for cents in 1..=5 {
        update(
            &*shop.engine,
            Item {
                cents,
                ..CATALOG[KETTLE]
            },
            KETTLE,
        )
        .await;
        assert_eq!(total(&*shop.engine, all()).await, 33);
    }
    let twice = [8, 9].map(|cents| {
        Item {
            cents,
            ..CATALOG[KETTLE]
        }
        .document(KETTLE)
    });
    shop.engine.update(twice.into()).await.unwrap();
    let price = UsdRange {
        min: Some(9),
        max: Some(9),
    };
    let filters = Filters {
        price,
        ..Filters::default()
    };
    assert_eq!(
        shop.ids(SearchQuery { filters, ..all() }).await,
        [id(KETTLE)],
        "the last of both"
    );
    assert_eq!(shop.engine.status().await.unwrap().products, Some(33));
}

pub(crate) async fn an_inactive_product_is_removed(engine: Arc<dyn SearchEngine>) {
    let shop = Shop::filled(engine).await;
    let mut row = CATALOG[KETTLE].row(KETTLE);
    row.active = false;
    shop.engine.update(vec![Document::new(row)]).await.unwrap();
    shop.finds_nothing(&["kettle"]).await;
    assert!(
        shop.engine
            .suggest("kettle".to_owned(), 5)
            .await
            .unwrap()
            .is_empty()
    );
    update(&*shop.engine, CATALOG[KETTLE], KETTLE).await;
    assert_eq!(
        shop.titles(text("kettle")).await,
        ["Kettle"],
        "active again"
    );
}

pub(crate) async fn a_deleted_product_is_removed(engine: Arc<dyn SearchEngine>) {
    let shop = Shop::filled(engine).await;
    shop.engine.delete(vec![id(KETTLE), id(0)]).await.unwrap();
    shop.finds_nothing(&["kettle"]).await;
    assert_eq!(total(&*shop.engine, all()).await, 31);
    assert_eq!(shop.engine.status().await.unwrap().products, Some(31));
}

pub(crate) async fn deleting_what_is_not_there_changes_nothing(engine: Arc<dyn SearchEngine>) {
    let shop = Shop::filled(engine).await;
    shop.engine.delete(vec![id(999)]).await.unwrap();
    shop.engine.delete(Vec::new()).await.unwrap();
    shop.engine.update(Vec::new()).await.unwrap();
    assert_eq!(total(&*shop.engine, all()).await, 33);
}

pub(crate) async fn facets_follow(engine: Arc<dyn SearchEngine>) {
    let shop = Shop::filled(engine).await;
    let count = async |category: &str| {
        let facets = shop.facets(all()).await;
        let bucket = facets
            .categories
            .into_iter()
            .find(|bucket| bucket.value == category);
        bucket.map(|bucket| bucket.count)
    };
    assert_eq!(
        (count("Kitchen").await, count("Tea").await),
        (Some(3), None)
    );
    update(
        &*shop.engine,
        Item {
            category: "Tea",
            ..CATALOG[KETTLE]
        },
        KETTLE,
    )
    .await;
    assert_eq!(
        (count("Kitchen").await, count("Tea").await),
        (Some(2), Some(1))
    );
}

pub(crate) async fn a_thousand_products_are_updated_at_once(engine: Arc<dyn SearchEngine>) {
    build(&*engine, Vec::new()).await;
    let items = |cents| {
        (0..1_000).map(move |number| {
            Item {
                cents,
                ..Item::PLAIN
            }
            .document(number)
        })
    };
    for cents in [100, 200] {
        engine.update(items(cents).collect()).await.unwrap();
        let price = UsdRange {
            min: Some(cents),
            max: Some(cents),
        };
        let filters = Filters {
            price,
            ..Filters::default()
        };
        assert_eq!(
            total(&*engine, SearchQuery { filters, ..all() }).await,
            1_000
        );
        assert_eq!(total(&*engine, all()).await, 1_000);
    }
    engine.delete((0..999).map(id).collect()).await.unwrap();
    assert_eq!(total(&*engine, all()).await, 1);
}

pub(crate) async fn without_an_index_nothing_happens(engine: Arc<dyn SearchEngine>) {
    update(&*engine, CATALOG[KETTLE], KETTLE).await;
    engine.delete(vec![id(KETTLE)]).await.unwrap();
    assert_eq!(engine.status().await.unwrap().products, None);
    assert_eq!(engine.built_at().await.unwrap(), None);
}
