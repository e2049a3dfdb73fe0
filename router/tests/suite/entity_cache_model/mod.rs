//! The entity cache against a model, with random reads, writes, restarts and invalidations in any order: no value is
//! older than what was invalidated before the read, and nobody gets what belongs to somebody else.

mod world;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use futures::future::LocalBoxFuture;
use futures::{FutureExt, poll};
use platform::caller::Caller;
use proptest::prelude::*;
use router::{EntityCacheConfig, GraphQLRequest, RequestContext, Router};
use serde_json::{Value, json};

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

#[derive(Clone, Debug)]
enum Step {
    Read(Read),
    /// Changes a product; the invalidation is on its way.
    Write(usize),
    /// One of the invalidations arrives, perhaps not for the last time.
    Deliver {
        which: usize,
        repeats: bool,
    },
    /// The subgraph answers so many fetches.
    Answer(usize),
    /// Lets other tasks run.
    Yield,
    /// The cache is emptied, as by a restart.
    Clear,
    /// The connection is lost, and with it the invalidations on their way; until it is back, nothing is used.
    Disconnect,
    /// Somebody gives up waiting for their answer.
    Cancel(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let selects = prop_oneof![
        4 => Just(Selects::Public),
        1 => Just(Selects::Private),
        2 => Just(Selects::Both),
        2 => Just(Selects::Root),
    ];
    let read = (1..16_u8, 0..12_u16, selects).prop_map(|(products, caller, selects)| Read {
        products,
        caller,
        selects,
    });
    prop_oneof![
        8 => read.prop_map(Step::Read),
        3 => (0..PRODUCTS).prop_map(Step::Write),
        4 => (any::<usize>(), any::<bool>())
            .prop_map(|(which, repeats)| Step::Deliver { which, repeats }),
        6 => (1..4_usize).prop_map(Step::Answer),
        8 => Just(Step::Yield),
        1 => Just(Step::Clear),
        1 => Just(Step::Disconnect),
        1 => any::<usize>().prop_map(Step::Cancel),
    ]
}

/// A read that has begun, and the oldest versions that it may get.
struct Begun<'w> {
    read: Read,
    oldest: [u64; PRODUCTS],
    answer: LocalBoxFuture<'w, Value>,
}

async fn execute(router: &Router, read: Read) -> Value {
    let (request, context) = read.request();
    let response = router.execute(request, context).await;
    serde_json::from_slice(&response.to_bytes()).expect("JSON")
}

/// A world in which all operations are planned: executed again, they reach the subgraph when they are first polled.
async fn planned() -> World {
    let world = World::new(EntityCacheConfig::default());
    world.answers.add_permits(100);
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
        execute(&world.router, read).await;
    }
    world.answers.forget_permits(100);
    world.cache.clear();
    world
}

async fn run(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let world = planned().await;
    // The versions that invalidations have arrived for.
    let mut arrived = [0; PRODUCTS];
    let mut pending: Vec<(usize, u64)> = Vec::new();
    let mut is_connected = true;
    let mut begun: Vec<Begun<'_>> = Vec::new();
    for step in steps {
        match step {
            Step::Read(read) => begun.push(Begun {
                read,
                oldest: arrived,
                answer: execute(&world.router, read).boxed_local(),
            }),
            Step::Write(product) => {
                let version = 1 + world.shop.versions[product].fetch_add(1, Ordering::SeqCst);
                pending.push((product, version));
            }
            Step::Deliver { which, repeats } if is_connected && !pending.is_empty() => {
                let which = which % pending.len();
                let (product, version) = pending[which];
                world.invalidate(product);
                arrived[product] = arrived[product].max(version);
                if !repeats {
                    pending.swap_remove(which);
                }
            }
            Step::Deliver { .. } => {}
            Step::Answer(count) => world.answers.add_permits(count),
            Step::Yield => tokio::task::yield_now().await,
            Step::Clear => world.cache.clear(),
            Step::Disconnect if is_connected => {
                world.cache.suspend();
                is_connected = false;
                // What is lost counts as arrived: nothing older may be used any more.
                for (product, version) in pending.drain(..) {
                    arrived[product] = arrived[product].max(version);
                }
            }
            Step::Disconnect => {
                for (product, version) in pending.drain(..) {
                    arrived[product] = arrived[product].max(version);
                }
                world.cache.resume();
                is_connected = true;
            }
            Step::Cancel(which) if !begun.is_empty() => {
                let which = which % begun.len();
                drop(begun.swap_remove(which));
            }
            Step::Cancel(_) => {}
        }
        // Reads go on until they wait for something.
        let mut index = 0;
        while let Some(reading) = begun.get_mut(index) {
            let answer = match poll!(&mut reading.answer) {
                Poll::Ready(answer) => answer,
                Poll::Pending => {
                    index += 1;
                    continue;
                }
            };
            let Begun { read, oldest, .. } = begun.swap_remove(index);
            read.check(&answer, &oldest)?;
        }
    }
    world.answers.add_permits(10_000);
    // All at once, since some wait for what others fetch.
    let answers = begun.into_iter().map(async |reading| {
        let answer = reading.answer.await;
        (reading.read, reading.oldest, answer)
    });
    for (read, oldest, answer) in futures::future::join_all(answers).await {
        read.check(&answer, &oldest)?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_value_is_older_than_its_invalidation_or_anybody_elses(
        steps in prop::collection::vec(step(), 1..120)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(run(steps))?;
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
    let world = Arc::new(planned().await);
    world.answers.add_permits(1_000_000);
    let writing = {
        let world = Arc::clone(&world);
        tokio::spawn(async move {
            for product in (0..PRODUCTS).cycle() {
                world.shop.versions[product].fetch_add(1, Ordering::SeqCst);
                world.invalidate(product);
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
            let answer = execute(&world.router, read).await;
            read.check(&answer, &oldest)
        });
    }
    while let Some(checked) = callers.join_next().await {
        own(checked);
    }
    writing.abort();
    assert!(kinds.len() == 4 && kinds.values().all(|count| *count > 1_000));
    assert!(world.cache.size().0 > 0, "something is stored");
}
