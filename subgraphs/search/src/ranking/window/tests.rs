//! Pages over an engine that is a sorted list.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use parking_lot::Mutex;
use proptest::collection::vec;
use proptest::prelude::*;
use tokio::runtime::Builder;

use super::*;
use crate::engine::Sort;

/// An index, and a ranking that sorts by a hash of the id and this number; `None` does not rank.
struct Shop {
    /// The rank of each product.
    products: Mutex<BTreeMap<u128, u64>>,
    ranking: Mutex<Option<u64>>,
    /// How often results were ranked.
    rankings: Mutex<usize>,
}

impl Shop {
    fn new(products: impl IntoIterator<Item = (u128, u64)>, ranking: Option<u64>) -> Self {
        Self {
            products: Mutex::new(products.into_iter().collect()),
            ranking: Mutex::new(ranking),
            rankings: Mutex::new(0),
        }
    }

    /// The engine's order.
    fn sorted(&self) -> Vec<Hit> {
        let products = self.products.lock();
        let hits = products.iter().map(|(id, rank)| hit(*id, *rank));
        let mut hits: Vec<Hit> = hits.collect();
        hits.sort_by_key(|hit| (Reverse(hit.position.rank), hit.position.id));
        hits
    }

    /// All results as they should be shown.
    fn expected(&self) -> Vec<Uuid> {
        let mut all = self.sorted();
        let ranking = *self.ranking.lock();
        if let Some(ranking) = ranking {
            let window = all.len().min(WINDOW);
            all[..window].sort_by_key(|hit| by_hash(hit, ranking));
        }
        all.iter().map(|hit| hit.position.id).collect()
    }
}

fn hit(id: u128, rank: u64) -> Hit {
    Hit {
        position: Position {
            sort: Sort::Relevance,
            rank,
            id: Uuid::from_u128(id),
        },
        score: 1.0,
        similarity: None,
    }
}

fn by_hash(hit: &Hit, ranking: u64) -> u64 {
    xxhash_rust::xxh3::xxh3_64_with_seed(hit.position.id.as_bytes(), ranking)
}

#[async_trait]
impl RankedSource for Shop {
    async fn results(&self, range: Range) -> Result<Vec<Hit>, EngineError> {
        let mut hits = self.sorted();
        if range.direction == Direction::Backward {
            hits.reverse();
        }
        let key = |position: &Position| (Reverse(position.rank), position.id);
        hits.retain(|hit| {
            range.beyond.is_none_or(|beyond| match range.direction {
                Direction::Forward => key(&hit.position) > key(&beyond),
                Direction::Backward => key(&hit.position) < key(&beyond),
            })
        });
        hits.truncate(range.limit);
        Ok(hits)
    }

    async fn rank(&self, hits: &[Hit]) -> Option<Vec<usize>> {
        *self.rankings.lock() += 1;
        let ranking = (*self.ranking.lock())?;
        let mut order: Vec<usize> = (0..hits.len()).collect();
        order.sort_by_key(|place| by_hash(&hits[*place], ranking));
        Some(order)
    }
}

/// The ids of all pages in the order of the list, and how often `between` was called, which it is before each further
/// page.
fn walk(
    shop: &Shop,
    direction: Direction,
    sizes: &[usize],
    mut between: impl FnMut(&[Uuid]),
) -> Vec<Uuid> {
    let runtime = Builder::new_current_thread().build().unwrap();
    let mut seen = Vec::new();
    let mut beyond = None;
    for size in sizes.iter().cycle() {
        // As connections do, one more is read to know whether there are more.
        let found = runtime.block_on(page(shop, beyond.take(), direction, size + 1));
        let found = found.unwrap();
        let shown = &found.hits[..found.hits.len().min(*size)];
        seen.extend(shown.iter().map(|hit| hit.position.id));
        if found.hits.len() <= *size {
            break;
        }
        // Cursors are texts.
        let window = serde_json::to_string(&found.window).unwrap();
        beyond = Some(Place {
            position: shown.last().unwrap().position,
            window: serde_json::from_str(&window).unwrap(),
        });
        between(&seen);
    }
    if direction == Direction::Backward {
        seen.reverse();
    }
    seen
}

fn catalog(size: usize, ranks: u64) -> Vec<(u128, u64)> {
    let spread = (0_u64..).map(|n| n * 7_919 % 1_000_003);
    let products = spread.map(|n| (u128::from(n) + 1, n % ranks));
    products.take(size).collect()
}

/// Products of which each has a lower rank than the one before.
fn descending(size: u64) -> impl Iterator<Item = (u128, u64)> {
    (0..size).map(|n| (u128::from(n) + 1, 1_000 - n))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_product_is_on_one_page_in_both_directions(
        size in 0_usize..350,
        ranks in prop_oneof![Just(1_u64), Just(7), Just(10_000)],
        sizes in vec(1_usize..=100, 1..6),
        ranking in proptest::option::of(any::<u64>()),
    ) {
        let shop = Shop::new(catalog(size, ranks), ranking);
        let expected = shop.expected();
        prop_assert_eq!(expected.len(), size);
        let forward = walk(&shop, Direction::Forward, &sizes, |_| ());
        prop_assert_eq!(&forward, &expected);
        let backward = walk(&shop, Direction::Backward, &sizes, |_| ());
        prop_assert_eq!(&backward, &expected);
        // Once for each walk.
        prop_assert_eq!(*shop.rankings.lock(), if size == 0 { 0 } else { 2 });
    }

    #[test]
    fn changes_between_pages_repeat_and_lose_nothing(
        size in 1_usize..350,
        sizes in vec(1_usize..=40, 1..6),
        added in vec((2_000_000_u128..3_000_000, 0_u64..12), 0..30),
        removed in vec(0_usize..350, 0..30),
        backward in any::<bool>(),
    ) {
        let shop = Shop::new(catalog(size, 10), Some(1));
        let direction = if backward { Direction::Backward } else { Direction::Forward };
        let original = shop.expected();
        let mut gone = BTreeSet::new();
        let mut changes = added.iter().zip(removed.iter().cycle());
        let seen = walk(&shop, direction, &sizes, |_| {
            // Another model, or the service fails.
            let next = shop.ranking.lock().map_or(Some(7), |_| None);
            *shop.ranking.lock() = next;
            if let Some(((id, rank), removed)) = changes.next() {
                let mut products = shop.products.lock();
                products.insert(*id, *rank);
                if let Some(id) = original.get(*removed) {
                    products.remove(&id.as_u128());
                    gone.insert(*id);
                }
            }
        });
        let once: BTreeSet<Uuid> = seen.iter().copied().collect();
        prop_assert_eq!(once.len(), seen.len(), "nothing is repeated");
        let stayed: Vec<Uuid> = original.iter().copied().filter(|id| !gone.contains(id)).collect();
        let shown: Vec<Uuid> = seen.iter().copied().filter(|id| stayed.contains(id)).collect();
        prop_assert_eq!(shown, stayed, "what stays is shown once, in the order of the first page");
    }
}

#[test]
fn a_ranked_product_whose_score_falls_is_shown_once_and_in_its_place() {
    let shop = Shop::new(descending(180), Some(3));
    let expected = shop.expected();
    let falling = expected[30].as_u128();
    let shown_already = expected[3].as_u128();
    let seen = walk(&shop, Direction::Forward, &[10], |_| {
        let mut products = shop.products.lock();
        // Below those that were ranked.
        products.insert(falling, 850);
        products.insert(shown_already, 845);
    });
    assert_eq!(seen, expected);
}

#[test]
fn results_say_by_how_much_the_ranking_moved_them() {
    let shop = Shop::new(descending(120), Some(9));
    let runtime = Builder::new_current_thread().build().unwrap();
    let found = runtime
        .block_on(page(&shop, None, Direction::Forward, 101))
        .unwrap();
    assert_eq!(found.moved.len(), WINDOW);
    let engine = shop.sorted();
    for (at, hit) in found.hits.iter().enumerate().take(WINDOW) {
        let before = engine
            .iter()
            .position(|one| one.position == hit.position)
            .unwrap();
        let moved = i64::try_from(before).unwrap() - i64::try_from(at).unwrap();
        assert_eq!(found.moved[&hit.position.id], moved);
    }
    assert_eq!(found.hits[WINDOW].position, engine[WINDOW].position);
    assert!(!found.moved.contains_key(&engine[WINDOW].position.id));
}

#[test]
fn an_order_that_is_not_of_these_results_is_not_used() {
    let hits: Vec<Hit> = descending(3).map(|(id, rank)| hit(id, rank)).collect();
    assert!(Window::new(&hits, &[2, 0, 1]).is_some());
    for order in [&[0, 1][..], &[0, 1, 1], &[0, 1, 3], &[0, 1, 2, 0]] {
        assert_eq!(Window::new(&hits, order), None, "{order:?}");
    }
}

#[test]
fn cursors_with_other_orders_are_refused() {
    let hits: Vec<Hit> = descending(3).map(|(id, rank)| hit(id, rank)).collect();
    let window = Window::new(&hits, &[2, 0, 1]).unwrap();
    let json = serde_json::to_value(&window).unwrap();
    assert_eq!(
        serde_json::from_value::<Window>(json.clone()).unwrap(),
        window
    );
    let long = URL_SAFE_NO_PAD.encode(vec![0; 4 * SEARCHED + 4]);
    for order in ["", "AAA", "!!!!", &long] {
        let mut other = json.clone();
        other["o"] = order.into();
        assert!(serde_json::from_value::<Window>(other).is_err(), "{order}");
    }
    let hits: Vec<Hit> = descending(100).map(|(id, rank)| hit(id, rank)).collect();
    let order: Vec<usize> = (0..100).rev().collect();
    let window = Window::new(&hits, &order).unwrap();
    assert!(serde_json::to_string(&window).unwrap().len() < 700);
}
