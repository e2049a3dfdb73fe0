//! What a request's loader remembers, and what it asks for again.
#![expect(clippy::unwrap_used, reason = "a test fails where it panics")]

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use async_graphql::dataloader::Loader;
use futures::future::join;
use resolvers::batch::{Batched, Batches};

/// A table of words by number, that keeps what was asked of it.
#[derive(Clone, Default)]
struct Words(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    words: HashMap<u32, &'static str>,
    is_down: bool,
    asked: Vec<Vec<u32>>,
}

impl Loader<u32> for Words {
    type Value = &'static str;
    type Error = &'static str;

    async fn load(&self, keys: &[u32]) -> Result<HashMap<u32, &'static str>, &'static str> {
        let mut table = self.0.lock().unwrap();
        table.asked.push(keys.to_vec());
        if table.is_down {
            return Err("down");
        }
        let known = |key: &u32| Some((*key, *table.words.get(key)?));
        Ok(keys.iter().filter_map(known).collect())
    }
}

impl Words {
    fn of(words: impl IntoIterator<Item = (u32, &'static str)>) -> Self {
        let words_of_it = Self::default();
        words_of_it.0.lock().unwrap().words.extend(words);
        words_of_it
    }

    fn asked(&self) -> Vec<Vec<u32>> {
        self.0.lock().unwrap().asked.clone()
    }
}

/// A request that runs with a loader over these words.
async fn request<T>(words: &Words, run: impl AsyncFnOnce(&Batched<Words, u32>) -> T) -> T {
    let batches = Batches::default();
    let loader = batches.loader(words.clone());
    batches.drive(run(&loader)).await
}

#[tokio::test]
async fn a_key_is_loaded_once_also_by_who_asks_for_several() {
    let words = Words::of([(1, "one"), (2, "two"), (3, "three")]);
    request(&words, async |loader| {
        assert_eq!(loader.load_one(1).await, Ok(Some("one")));
        let all = loader.load_many([1, 2, 3, 2, 4]).await.unwrap();
        assert_eq!(all, HashMap::from([(1, "one"), (2, "two"), (3, "three")]));
        assert_eq!(loader.load_one(3).await, Ok(Some("three")));
    })
    .await;
    assert_eq!(words.asked(), [vec![1], vec![2, 3, 4]]);
}

#[tokio::test]
async fn who_asks_at_once_for_the_same_key_gets_the_same_answer() {
    let words = Words::of([(1, "one")]);
    request(&words, async |loader| {
        let both = join(loader.load_one(1), loader.load_many([1, 2])).await;
        assert_eq!(both, (Ok(Some("one")), Ok(HashMap::from([(1, "one")]))));
    })
    .await;
    let asked: HashSet<_> = words.asked().concat().into_iter().collect();
    assert_eq!(words.asked().len(), 1);
    assert_eq!(asked, HashSet::from([1, 2]));
}

#[tokio::test]
async fn a_key_without_a_value_is_asked_for_again() {
    let words = Words::default();
    request(&words, async |loader| {
        assert_eq!(loader.load_one(1).await, Ok(None));
        words.0.lock().unwrap().words.insert(1, "one");
        assert_eq!(loader.load_one(1).await, Ok(Some("one")));
    })
    .await;
    assert_eq!(words.asked(), [[1], [1]]);
}

#[tokio::test]
async fn a_failure_is_everyones_who_asked_and_not_the_next_ones() {
    let words = Words::of([(1, "one"), (2, "two")]);
    words.0.lock().unwrap().is_down = true;
    request(&words, async |loader| {
        let both = join(loader.load_one(1), loader.load_many([2])).await;
        assert_eq!(both, (Err("down"), Err("down")));
        words.0.lock().unwrap().is_down = false;
        assert_eq!(loader.load_one(1).await, Ok(Some("one")));
    })
    .await;
}

#[tokio::test]
async fn what_changed_is_read_after_it_was_forgotten() {
    let words = Words::of([(1, "one")]);
    request(&words, async |loader| {
        assert_eq!(loader.load_one(1).await, Ok(Some("one")));
        words.0.lock().unwrap().words.insert(1, "uno");
        assert_eq!(loader.load_one(1).await, Ok(Some("one")));
        loader.clear();
        assert_eq!(loader.load_one(1).await, Ok(Some("uno")));
    })
    .await;
}

#[tokio::test]
async fn more_keys_than_a_statement_takes_are_several() {
    let words = Words::of((0..70_000).map(|key| (key, "word")));
    let found = request(&words, async |loader| loader.load_many(0..70_000).await).await;
    assert_eq!(found.unwrap().len(), 70_000);
    assert!(words.asked().iter().all(|keys| keys.len() <= 30_000));
}
