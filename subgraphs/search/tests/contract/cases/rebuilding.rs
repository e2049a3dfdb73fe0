//! New indexes in place of the current one.

use std::sync::Arc;

use chrono::{TimeDelta, Utc};
use search::engine::{Document, EngineError, Health, SearchEngine};

use crate::catalog::{self, CATALOG, Item};
use crate::shop::{Shop, all, build, text};

fn documents(count: usize) -> Vec<Document> {
    (0..count)
        .map(|number| Item::PLAIN.document(number))
        .collect()
}

async fn total(engine: &dyn SearchEngine) -> u64 {
    engine.search(all()).await.unwrap().total
}

pub(crate) async fn without_an_index_searches_fail(engine: Arc<dyn SearchEngine>) {
    let failures = [
        engine.search(all()).await.err(),
        engine.suggest("k".to_owned(), 1).await.err(),
        engine.correct("ketle".to_owned()).await.err(),
    ];
    for failure in failures {
        assert!(matches!(failure, Some(EngineError::NoIndex)), "{failure:?}");
    }
    let status = engine.status().await.unwrap();
    assert_eq!((status.health, status.problem), (Health::Unavailable, None));
}

pub(crate) async fn an_index_is_published_as_a_whole(engine: Arc<dyn SearchEngine>) {
    build(&*engine, documents(3)).await;
    let mut next = engine.begin_rebuild().await.unwrap();
    next.add(documents(10)).await.unwrap();
    next.add(vec![CATALOG[11].document(11)]).await.unwrap();
    assert_eq!(total(&*engine).await, 3);
    next.publish().await.unwrap();
    assert_eq!(total(&*engine).await, 11);
    assert_eq!(engine.search(text("kettle")).await.unwrap().total, 1);
}

pub(crate) async fn searches_continue_during_a_build(engine: Arc<dyn SearchEngine>) {
    build(&*engine, documents(1)).await;
    let searching = engine.clone();
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let searches = tokio::spawn(async move {
        let mut totals = Vec::new();
        while stopped.try_recv().is_err() {
            totals.push(total(&*searching).await);
            tokio::task::yield_now().await;
        }
        totals
    });
    for count in [5, 9] {
        build(&*engine, documents(count)).await;
    }
    assert_eq!(total(&*engine).await, 9);
    stop.send(()).unwrap();
    let totals = searches.await.unwrap();
    assert!(
        totals.iter().all(|total| [1, 5, 9].contains(total)),
        "{totals:?}"
    );
    assert!(totals.is_sorted(), "{totals:?}");
}

pub(crate) async fn products_replaced_during_a_build_are_there_once(engine: Arc<dyn SearchEngine>) {
    let mut index = engine.begin_rebuild().await.unwrap();
    index.add(documents(5)).await.unwrap();
    let mut gone = Item::PLAIN.row(1);
    gone.active = false;
    let changed = vec![
        Item {
            title: "Samovar",
            ..Item::PLAIN
        }
        .document(0),
        Document::new(gone),
        Item::PLAIN.document(9),
    ];
    index.replace(changed).await.unwrap();
    index.publish().await.unwrap();
    assert_eq!(total(&*engine).await, 5);
    assert_eq!(engine.search(text("samovar")).await.unwrap().total, 1);
    assert_eq!(
        engine.search(text("thing")).await.unwrap().total,
        5,
        "by category, too"
    );
}

pub(crate) async fn changes_of_the_current_index_do_not_wait_for_a_build(
    engine: Arc<dyn SearchEngine>,
) {
    build(&*engine, documents(3)).await;
    let mut next = engine.begin_rebuild().await.unwrap();
    next.add(documents(3)).await.unwrap();
    engine.update(vec![CATALOG[11].document(11)]).await.unwrap();
    assert_eq!(engine.search(text("kettle")).await.unwrap().total, 1);
    next.publish().await.unwrap();
    // Whoever builds the index adds what has changed meanwhile.
    assert_eq!(engine.search(text("kettle")).await.unwrap().total, 0);
}

pub(crate) async fn an_abandoned_build_changes_nothing(engine: Arc<dyn SearchEngine>) {
    build(&*engine, documents(3)).await;
    let built_at = engine.built_at().await.unwrap();
    let mut next = engine.begin_rebuild().await.unwrap();
    next.add(documents(10)).await.unwrap();
    drop(next);
    assert_eq!(total(&*engine).await, 3);
    assert_eq!(engine.built_at().await.unwrap(), built_at);
    build(&*engine, documents(4)).await;
    assert_eq!(total(&*engine).await, 4);
}

pub(crate) async fn the_status_describes_the_index(engine: Arc<dyn SearchEngine>) {
    let before = Utc::now() - TimeDelta::seconds(1);
    let shop = Shop::of(engine, catalog::rows()).await;
    let status = shop.engine.status().await.unwrap();
    assert_ne!(status.health, Health::Unavailable, "{status:?}");
    assert_eq!(status.products, Some(33));
    assert!(status.bytes > Some(0), "{status:?}");
    assert!(status.built_at > Some(before), "{status:?}");
    assert_eq!(status.built_at, shop.engine.built_at().await.unwrap());
    build(&*shop.engine, Vec::new()).await;
    let next = shop.engine.built_at().await.unwrap();
    assert!(next > status.built_at, "each index has a time of its own");
}

pub(crate) async fn an_empty_index_finds_nothing(engine: Arc<dyn SearchEngine>) {
    build(&*engine, Vec::new()).await;
    let found = engine.search(all()).await.unwrap();
    assert_eq!((found.total, found.hits.len()), (0, 0));
    assert_eq!(engine.search(text("kettle")).await.unwrap().total, 0);
    assert!(engine.suggest(String::new(), 5).await.unwrap().is_empty());
    assert_eq!(engine.correct("ketle".to_owned()).await.unwrap(), None);
    assert_eq!(engine.status().await.unwrap().products, Some(0));
}
