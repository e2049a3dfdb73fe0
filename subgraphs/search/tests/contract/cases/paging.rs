//! Pages by cursor, while the index stays as it is and while it changes.

use std::collections::HashSet;
use std::sync::Arc;

use entities::search::product;
use search::engine::{Direction, Document, Position, SearchEngine, SearchHits, SearchQuery, Sort};
use uuid::Uuid;

use crate::catalog::{Item, id};
use crate::shop::{SORTS, Shop, all, text};

/// Products whose attributes repeat with different periods, so that there are many ties.
fn many(count: usize) -> Vec<product::Model> {
    let row = |number: usize| {
        Item {
            title: ["Lamp", "Desk Lamp", "Lantern", "Garden Lamp"][number % 4],
            brand: ["Auralis", "Kestrel", ""][number % 3],
            cents: i64::try_from(number % 10).unwrap() * 2_499,
            rating: [0.0, 2.5, 4.0, 4.9, 1.0][number % 5],
            popularity: i64::try_from(number % 7).unwrap() * 100,
            ..Item::PLAIN
        }
        .row(number)
    };
    (0..count).map(row).collect()
}

async fn shop(engine: Arc<dyn SearchEngine>) -> Shop {
    Shop::of(engine, many(130)).await
}

/// The page of this size after another one, in the same direction.
async fn next(shop: &Shop, query: &SearchQuery, page: Option<&SearchHits>) -> SearchHits {
    let beyond = page.and_then(|page| page.hits.last());
    shop.search(SearchQuery {
        beyond: beyond.map(|hit| hit.position),
        snapshot: page.and_then(|page| page.snapshot.clone()),
        ..query.clone()
    })
    .await
}

fn ids(page: &SearchHits) -> impl Iterator<Item = Uuid> {
    page.hits.iter().map(|hit| hit.position.id)
}

/// The results on all pages, in the order of travel.
async fn walk(shop: &Shop, query: &SearchQuery) -> Vec<Uuid> {
    let mut seen = Vec::new();
    let mut page = next(shop, query, None).await;
    while !page.hits.is_empty() {
        seen.extend(ids(&page));
        page = next(shop, query, Some(&page)).await;
    }
    seen
}

fn queries() -> Vec<SearchQuery> {
    let sorts = SORTS.into_iter();
    sorts
        .flat_map(|sort| {
            ["", "lamp", "lapm"].map(|words| SearchQuery {
                sort,
                limit: 17,
                ..text(words)
            })
        })
        .collect()
}

pub(crate) async fn forward_through_all_results_in_every_order(engine: Arc<dyn SearchEngine>) {
    let shop = shop(engine).await;
    for query in queries() {
        let seen = walk(&shop, &query).await;
        let whole = shop
            .search(SearchQuery {
                limit: 200,
                ..query.clone()
            })
            .await;
        assert_eq!(seen, ids(&whole).collect::<Vec<_>>(), "{query:?}");
        assert_eq!(seen.len() as u64, whole.total);
        assert_eq!(seen.iter().collect::<HashSet<_>>().len(), seen.len());
        assert!(whole.total >= 97);
    }
}

pub(crate) async fn backward_through_all_results_in_every_order(engine: Arc<dyn SearchEngine>) {
    let shop = shop(engine).await;
    for query in queries() {
        let forward = walk(&shop, &query).await;
        let direction = Direction::Backward;
        let mut backward = walk(
            &shop,
            &SearchQuery {
                direction,
                ..query.clone()
            },
        )
        .await;
        backward.reverse();
        assert_eq!(backward, forward, "{query:?}");
    }
}

pub(crate) async fn back_from_a_page_is_the_page_before(engine: Arc<dyn SearchEngine>) {
    let shop = shop(engine).await;
    for query in queries() {
        let first = next(&shop, &query, None).await;
        let second = next(&shop, &query, Some(&first)).await;
        let back = shop
            .search(SearchQuery {
                direction: Direction::Backward,
                beyond: Some(second.hits[0].position),
                snapshot: second.snapshot.clone(),
                ..query.clone()
            })
            .await;
        let mut back: Vec<_> = ids(&back).collect();
        back.reverse();
        assert_eq!(back, ids(&first).collect::<Vec<_>>(), "{query:?}");
    }
}

pub(crate) async fn a_page_of_none_still_counts(engine: Arc<dyn SearchEngine>) {
    let found = shop(engine)
        .await
        .search(SearchQuery { limit: 0, ..all() })
        .await;
    assert_eq!((found.hits.len(), found.total), (0, 130));
}

pub(crate) async fn beyond_the_last_result_there_is_nothing(engine: Arc<dyn SearchEngine>) {
    let shop = shop(engine).await;
    for sort in SORTS {
        let query = SearchQuery {
            sort,
            limit: 200,
            ..all()
        };
        let whole = next(&shop, &query, None).await;
        let beyond = next(&shop, &query, Some(&whole)).await;
        assert_eq!((beyond.hits.len(), beyond.total), (0, 130), "{sort:?}");
        // Before everything that can be, there is everything.
        let start = Position {
            sort,
            rank: u64::from(f32::MAX.to_bits()),
            id: Uuid::nil(),
        };
        if sort == Sort::Relevance {
            let query = SearchQuery {
                beyond: Some(start),
                ..query
            };
            assert_eq!(shop.search(query).await.hits.len(), 130);
        }
    }
}

/// Walks all pages of each query, and changes the index after the first one; returns what was seen for each query.
async fn walk_with_changes(
    shop: &Shop,
    query: &SearchQuery,
    change: impl AsyncFnOnce(),
) -> Vec<Uuid> {
    let first = next(shop, query, None).await;
    let mut seen: Vec<_> = ids(&first).collect();
    change().await;
    let mut page = next(shop, query, Some(&first)).await;
    while !page.hits.is_empty() {
        seen.extend(ids(&page));
        page = next(shop, query, Some(&page)).await;
    }
    seen
}

/// Checks that a walk saw each of these exactly once.
fn saw_once(seen: &[Uuid], expected: impl IntoIterator<Item = Uuid>, query: &SearchQuery) {
    for id in expected {
        let times = seen.iter().filter(|seen| **seen == id).count();
        assert_eq!(times, 1, "{id} {query:?}");
    }
}

pub(crate) async fn products_added_between_pages_repeat_and_omit_no_others(
    engine: Arc<dyn SearchEngine>,
) {
    let shop = shop(engine).await;
    let mut number = 1_000;
    for query in queries() {
        let before = walk(&shop, &query).await;
        let added: Vec<_> = many(number + 40).split_off(number);
        number += 40;
        let seen = walk_with_changes(&shop, &query, async || {
            let documents = added.into_iter().map(Document::new).collect();
            shop.engine.update(documents).await.unwrap();
        })
        .await;
        saw_once(&seen, before, &query);
        assert_eq!(seen.iter().collect::<HashSet<_>>().len(), seen.len());
    }
}

pub(crate) async fn products_removed_between_pages_omit_no_others(engine: Arc<dyn SearchEngine>) {
    let shop = shop(engine).await;
    let mut removed = HashSet::new();
    for (round, query) in queries().into_iter().enumerate() {
        let before = walk(&shop, &query).await;
        let batch: Vec<_> = (0..3).map(|n| id(round * 3 + n)).collect();
        removed.extend(batch.clone());
        let seen = walk_with_changes(&shop, &query, async || {
            shop.engine.delete(batch).await.unwrap();
        })
        .await;
        let kept = before.into_iter().filter(|id| !removed.contains(id));
        saw_once(&seen, kept, &query);
    }
}

pub(crate) async fn changed_words_of_others_do_not_move_results(engine: Arc<dyn SearchEngine>) {
    let shop = shop(engine).await;
    let query = SearchQuery {
        limit: 17,
        ..text("desk lamp")
    };
    let before = walk(&shop, &query).await;
    let rare = |number| {
        Item {
            title: "Desk Desk Desk Vase",
            ..Item::PLAIN
        }
        .document(number)
    };
    let seen = walk_with_changes(&shop, &query, async || {
        // Words that were rare are frequent now.
        shop.engine
            .update((5_000..5_200).map(rare).collect())
            .await
            .unwrap();
    })
    .await;
    saw_once(&seen, before, &query);
}
