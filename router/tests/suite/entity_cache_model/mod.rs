//! The entity caches of two processes against a model, with random reads, writes, invalidations in any order, processes
//! that die, and a server of shared values that forgets: no value is older than what was invalidated in its process
//! before the read, and nobody gets what belongs to somebody else.

mod run;
mod shared;
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use platform::caller::Caller;
use platform::testing::until;
use proptest::prelude::*;
use router::{GraphQLRequest, RequestContext, Router};
use serde_json::{Value, json};

use run::{run, step};
use shared::Mode;
use world::{PRODUCTS, World};

/// What a read selects.
#[derive(Clone, Copy, Debug)]
struct Read {
    /// Bits for the products.
    products: u8,
    caller: u16,
    selects: Selects,
}

#[derive(Clone, Copy, Debug)]
enum Selects {
    Public,
    Private,
    Both,
    Root,
}

impl Read {
    fn ids(self) -> impl Iterator<Item = usize> {
        (0..PRODUCTS).filter(move |product| self.products & (1 << product) != 0)
    }

    fn request(self) -> (GraphQLRequest, RequestContext) {
        let query = match self.selects {
            Selects::Public => "query($ids: [ID!]!) { products(ids: $ids) { id version } }",
            Selects::Private => "query($ids: [ID!]!) { products(ids: $ids) { id viewer } visitor }",
            Selects::Both => {
                "query($ids: [ID!]!) { products(ids: $ids) { id version viewer } newest { id version } }"
            }
            Selects::Root => {
                "query($ids: [ID!]!) { newest { id version } products(ids: $ids) { id } }"
            }
        };
        let ids: Vec<String> = self.ids().map(|id| id.to_string()).collect();
        let request = GraphQLRequest::new(query).with_variables(json!({ "ids": ids }));
        (request, RequestContext::for_caller(self.caller()))
    }

    /// A third of them are visitors.
    fn caller(self) -> Caller {
        match self.caller % 3 {
            0 => Caller::default(),
            _ => Caller::customer(format!("usr_{}", self.caller)),
        }
    }

    /// Checks an answer against the oldest versions that it may have.
    fn check(self, answer: &Value, oldest: &[u64; PRODUCTS]) -> Result<(), TestCaseError> {
        prop_assert!(answer.get("errors").is_none(), "{answer}");
        let caller = json!(self.caller().subject);
        let data = &answer["data"];
        let visitor = data.get("visitor");
        prop_assert!(visitor.is_none_or(|visitor| *visitor == caller), "{answer}");
        let lists = ["products", "newest"].map(|list| data[list].as_array());
        let products: Vec<&Value> = lists.into_iter().flatten().flatten().collect();
        for product in products {
            let id: usize = product["id"]
                .as_str()
                .expect("an id")
                .parse()
                .expect("a number");
            if let Some(version) = product["version"].as_u64() {
                let oldest = oldest[id];
                prop_assert!(
                    version >= oldest,
                    "{id} is {version}, not {oldest}: {answer}"
                );
            }
            let viewer = product.get("viewer");
            prop_assert!(viewer.is_none_or(|viewer| *viewer == caller), "{answer}");
        }
        let ids: Vec<Value> = self.ids().map(|id| json!(id.to_string())).collect();
        let answered = data["products"].as_array().into_iter().flatten();
        let answered: Vec<Value> = answered.map(|product| product["id"].clone()).collect();
        prop_assert_eq!(answered, ids);
        Ok(())
    }
}

async fn execute(router: &Router, read: Read) -> Value {
    let (request, context) = read.request();
    let response = router.execute(request, context).await;
    serde_json::from_slice(&response.to_bytes()).expect("JSON")
}

/// A world in which all operations are planned: executed again, they reach the subgraph when they are first polled.
async fn planned(instances: usize) -> World {
    let world = World::new(instances);
    // Nothing is shared yet.
    world.server.set(Mode::Away);
    world.answers.add_permits(1_000);
    for instance in &world.instances {
        for selects in [
            Selects::Public,
            Selects::Private,
            Selects::Both,
            Selects::Root,
        ] {
            let read = Read {
                products: 1,
                caller: 0,
                selects,
            };
            execute(&instance.router, read).await;
        }
        instance.cache.clear();
    }
    world.answers.forget_permits(1_000);
    world.server.set(Mode::Up);
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_value_is_older_than_its_invalidation_or_anybody_elses(
        steps in prop::collection::vec(step(), 1..250)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(run(steps))?;
    }
}

/// A world in which one process has stored two products that others may find, and how they are read.
async fn shared_by_one() -> (World, Read) {
    let world = planned(2).await;
    world.answers.add_permits(1_000);
    world.server.puts.add_permits(1_000);
    let read = Read {
        products: 0b11,
        caller: 0,
        selects: Selects::Public,
    };
    execute(&world.instances[0].router, read).await;
    until("both are stored", async || world.server.values() >= 2).await;
    (world, read)
}

fn versions(answer: &Value) -> [&Value; 2] {
    [0, 1].map(|index| &answer["data"]["products"][index]["version"])
}

#[tokio::test]
async fn another_process_finds_what_one_has_stored_until_it_is_invalidated() {
    let (world, read) = shared_by_one().await;
    let [one, other] = [0, 1].map(|number| &world.instances[number]);
    let left = world.answers.available_permits();
    let found = execute(&other.router, read).await;
    assert_eq!(versions(&found), [0, 0], "{found}");
    let after = world.answers.available_permits();
    assert_eq!(after, left, "nothing is fetched");
    world.shop.versions[1].fetch_add(1, Ordering::SeqCst);
    assert!(one.announce(1).await);
    other.hear(1, true);
    let changed = execute(&other.router, read).await;
    assert_eq!(versions(&changed), [0, 1], "{changed}");
    let after = world.answers.available_permits();
    assert_eq!(after, left - 1, "only the other product, in one fetch");
    // Whoever begins later finds nothing from before, either.
    one.cache.clear();
    let later = execute(&one.router, read).await;
    assert_eq!(versions(&later), [0, 1], "{later}");
}

#[tokio::test]
async fn what_is_not_certainly_recorded_makes_everything_invalid() {
    for mode in [Mode::Away, Mode::Unacknowledged] {
        let (world, read) = shared_by_one().await;
        let [one, other] = [0, 1].map(|number| &world.instances[number]);
        let left = world.answers.available_permits();
        world.shop.versions[1].fetch_add(1, Ordering::SeqCst);
        world.server.set(mode);
        assert!(!one.announce(1).await, "{mode:?}");
        world.server.set(Mode::Up);
        other.hear(1, false);
        let changed = execute(&other.router, read).await;
        assert_eq!(versions(&changed), [0, 1], "{mode:?}: {changed}");
        let after = world.answers.available_permits();
        assert_eq!(after, left - 1, "{mode:?}: both are fetched");
    }
}

/// Reproducible numbers, evenly spread.
fn mixed(number: u64) -> u64 {
    number
        .wrapping_add(1)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .rotate_left(31)
        .wrapping_mul(0xBF58_476D_1CE4_E5B9)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn none_of_ten_thousand_callers_gets_what_belongs_to_another() {
    let world = Arc::new(planned(2).await);
    world.answers.add_permits(1_000_000);
    world.server.puts.add_permits(1_000_000);
    let writing = {
        let world = Arc::clone(&world);
        tokio::spawn(async move {
            for product in (0..PRODUCTS).cycle() {
                world.shop.versions[product].fetch_add(1, Ordering::SeqCst);
                let [one, other] = [0, 1].map(|number| &world.instances[number]);
                let is_recorded = one.announce(product).await;
                other.hear(product, is_recorded);
                for _ in 0..100 {
                    tokio::task::yield_now().await;
                }
            }
        })
    };
    let mut kinds: BTreeMap<u64, usize> = BTreeMap::new();
    let mut callers = tokio::task::JoinSet::new();
    let own = |checked: Result<_, tokio::task::JoinError>| {
        let checked: Result<(), TestCaseError> = checked.expect("no panic");
        checked.expect("the caller's own answer");
    };
    for number in 0..10_000_u16 {
        if callers.len() == 500 {
            own(callers.join_next().await.expect("there are callers"));
        }
        let random = mixed(number.into());
        let kind = random % 4;
        *kinds.entry(kind).or_default() += 1;
        let read = Read {
            products: 1 + ((random >> 8) % 15) as u8,
            caller: number,
            selects: match kind {
                0 => Selects::Public,
                1 => Selects::Private,
                2 => Selects::Both,
                _ => Selects::Root,
            },
        };
        let world = Arc::clone(&world);
        callers.spawn(async move {
            let versions = world.shop.versions.each_ref();
            // Writers invalidate after the write, so all but the newest version have been invalidated.
            let oldest = versions.map(|version| version.load(Ordering::SeqCst).saturating_sub(1));
            let instance = &world.instances[usize::from(number % 2)];
            let answer = execute(&instance.router, read).await;
            read.check(&answer, &oldest)
        });
    }
    while let Some(checked) = callers.join_next().await {
        own(checked);
    }
    writing.abort();
    assert!(kinds.len() == 4 && kinds.values().all(|count| *count > 1_000));
    for instance in &world.instances {
        assert!(instance.cache.size().0 > 0, "something is stored");
    }
    assert!(world.server.values() > 0, "something is shared");
}
