//! Random operations over many supergraphs: the planner's test supergraphs, subgraphs serving a world generated for
//! each, and randomly generated operations. The expected response is computed from the world directly.
//!
//! `UNIVERSE_OPERATIONS` sets the number of operations per supergraph, `UNIVERSE_SEED` the random seed, `UNIVERSE_ONLY`
//! a single supergraph, and `UNIVERSE_QUERY` a single operation to run instead.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests fail by panicking"
)]

mod deferred;
mod drawn;
mod execution;
mod operations;
mod oracle;
mod restricted;
mod restrictions;
mod shrink;
mod subgraph;
mod supergraph;
mod upstream;
mod world;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use graphql_tools::static_graphql::query::Document;
use router::{ErrorCode, GraphQLError, GraphQLRequest, RequestContext, Router};
use serde_json::{Map, Value, json};

use execution::Execution;
use operations::Operations;
use supergraph::Supergraph;
use world::World;

/// Differences shown per supergraph.
const SHOWN: usize = 3;

fn setting<T: std::str::FromStr>(name: &str, default: T) -> T {
    let given = std::env::var(name).ok();
    given
        .and_then(|given| given.parse().ok())
        .unwrap_or(default)
}

fn supergraphs() -> Vec<PathBuf> {
    let fixtures = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../vendor/hive-router-planner/fixture"
    );
    let only = std::env::var("UNIVERSE_ONLY").unwrap_or_default();
    let mut files: Vec<_> = ["tests", "tests/adversarial", "issues"]
        .iter()
        .flat_map(|directory| std::fs::read_dir(PathBuf::from(fixtures).join(directory)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|file| file.is_file() && file.to_string_lossy().contains(&only))
        // One has an unreachable field, the other has fields reachable without their contexts; neither composes.
        .filter(|file| {
            let name = file.file_name().unwrap().to_string_lossy();
            !name.starts_with("corrupted-") && !name.starts_with("context-edge-cases")
        })
        .collect();
    files.sort();
    files
}

fn sdl_of(file: &Path) -> String {
    let sdl = std::fs::read_to_string(file).unwrap();
    // The context of `fromUnion` is a union with an interface as member, which does not compose.
    sdl.replace(
        "  account: Account @join__field(graph: A)\n  viewer: Viewer",
        "  viewer: Viewer",
    )
}

/// A supergraph and a router over it.
struct Universe {
    world: Arc<World>,
    router: Router,
}

impl Universe {
    async fn open(file: PathBuf) -> Self {
        let sdl = sdl_of(&file);
        let world = Arc::new(World::new(Supergraph::parse(&sdl)));
        let router = subgraph::router(&world, &sdl).await;
        Self { world, router }
    }

    /// The actual response if it differs from the expected one; `None` if they agree or the operation is rejected with
    /// a reason.
    async fn ask(
        &self,
        document: &Document,
        variables: &Map<String, Value>,
    ) -> Option<Result<(), String>> {
        let request = GraphQLRequest::new(document.to_string());
        let request = request.with_variables(Value::Object(variables.clone()));
        let response = self
            .router
            .execute(request, RequestContext::default())
            .await;
        let reasons = [
            ErrorCode::GraphQLValidationFailed,
            ErrorCode::OperationTooComplex,
        ];
        let is_refused = |error: &GraphQLError| reasons.contains(&error.code());
        if response.data.is_none() && response.errors.iter().all(is_refused) {
            // Unmergeable fields of the same name, or too many fields.
            return None;
        }
        let expected = Execution::answer(&self.world, None, document, variables).unwrap();
        let expected = json!({ "data": expected }).to_string();
        let found = String::from_utf8(response.to_bytes().to_vec()).unwrap();
        if found == expected {
            return Some(Ok(()));
        }
        let variables = Value::Object(variables.clone());
        Some(Err(format!(
            "{document}{variables}\nexpected: {expected}\nfound:    {found}\n"
        )))
    }

    /// The difference for the smallest operation that fails in the same way.
    async fn smallest(
        &self,
        mut document: Document,
        variables: &Map<String, Value>,
        mut difference: String,
    ) -> String {
        'smaller: loop {
            for smaller in shrink::smaller(&document) {
                if let Some(Err(found)) = self.ask(&smaller, variables).await {
                    (document, difference) = (smaller, found);
                    continue 'smaller;
                }
            }
            return difference;
        }
    }
}

/// The differences, and how many operations ran.
async fn differences(file: PathBuf, count: usize, seed: u64) -> (Vec<String>, usize) {
    let universe = Universe::open(file).await;
    let mut operations = Operations::new(&universe.world.supergraph, seed);
    let (mut differences, mut ran) = (Vec::new(), 0);
    let given = std::env::var("UNIVERSE_QUERY").ok();
    for _ in 0..given.as_ref().map_or(count, |_| 1) {
        let (query, variables) = match &given {
            Some(query) => (query.clone(), Map::new()),
            None => operations.draw(),
        };
        let document = graphql_tools::parser::parse_query::<String>(&query)
            .unwrap()
            .into_static();
        match universe.ask(&document, &variables).await {
            None => {}
            Some(Ok(())) => ran += 1,
            Some(Err(difference)) => {
                ran += 1;
                let difference = universe.smallest(document, &variables, difference).await;
                differences.push(difference);
                if differences.len() == SHOWN {
                    break;
                }
            }
        }
    }
    (differences, ran)
}

#[tokio::test(flavor = "multi_thread")]
async fn any_operation_over_any_supergraph_answers_what_its_subgraphs_know() {
    let count = setting("UNIVERSE_OPERATIONS", 20);
    let seed = setting("UNIVERSE_SEED", 1);
    let (mut ran, mut told) = (0, Vec::new());
    for file in supergraphs() {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        // A failure to build a subgraph or router is reported like a difference.
        let (differences, of_it) = match tokio::spawn(differences(file, count, seed)).await {
            Ok(found) => found,
            Err(panic) => (vec![panic.to_string()], 0),
        };
        ran += of_it;
        if !differences.is_empty() {
            let first = &differences[0];
            told.push(format!(
                "{name}: {} of {of_it} differ, for example\n{first}",
                differences.len()
            ));
        }
    }
    assert!(told.is_empty(), "{ran} ran\n{}", told.join("\n"));
    assert!(ran > 0);
}

/// Regression cases: each once returned a wrong response or none.
const ONCE_WRONG: &[(&str, &str)] = &[
    (
        "child-type-mismatch",
        "query Q { accounts { ... on User { similarAccounts { ... on User { id } } } ... on Admin { similarAccounts { ... on Admin { id } } } } }",
    ),
    (
        "requires-circular-keys",
        "query Q { list { items { valueRequiresInlineFragment valueRequiresObjectFragment } } }",
    ),
    (
        "interface-object-nested-list",
        "query Q { me { ... on User { friends { ... on User { id } friends { id } } } } }",
    ),
    (
        "nested-provides",
        "query Q { products { categories { subCategories { subCategories { name } } } } }",
    ),
    (
        "provides-on-interface",
        "query Q { media { animals { name } } media { animals { name } id } }",
    ),
    (
        "requires-with-argument-conflict",
        "query Q { a0: products { shippingEstimateEUR shippingEstimate } products { shippingEstimate shippingEstimateEUR } }",
    ),
    (
        "requires-with-argument-conflict",
        "query Q { products { shippingEstimateEUR } products { shippingEstimate } }",
    ),
    (
        "union-intersection",
        "query Q { viewer { song { ... on Book { ... on Media { ... on Song { aTitle } } } } } }",
    ),
];

#[tokio::test]
async fn what_was_wrong_once_is_right() {
    for (name, query) in ONCE_WRONG {
        let mut files = supergraphs().into_iter();
        let named = |file: &PathBuf| {
            file.to_string_lossy()
                .ends_with(&format!("/{name}.supergraph.graphql"))
        };
        let universe = Universe::open(files.find(named).expect(name)).await;
        let document = graphql_tools::parser::parse_query::<String>(query)
            .unwrap()
            .into_static();
        let answer = universe.ask(&document, &Map::new()).await;
        assert_eq!(answer, Some(Ok(())), "{name}: {query}");
    }
}
