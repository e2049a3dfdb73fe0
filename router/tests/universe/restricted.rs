//! The same operations and supergraphs with random access restrictions and random callers. Denied and hidden data never
//! appears, and adding `__typename` changes nothing else.
//!
//! `UNIVERSE_DRAWS` sets how often each supergraph is restricted anew.

use std::sync::Arc;

use graphql_tools::static_graphql::query::{
    Definition, Document, Field, OperationDefinition, Selection, SelectionSet,
};
use platform::caller::Caller;
use router::{ErrorCode, GraphQLRequest, RequestContext, Router};
use serde_json::{Map, Value, json};

use crate::operations::Operations;
use crate::oracle::Oracle;
use crate::restrictions::{Draw, Restrictions, Sight};
use crate::supergraph::Supergraph;
use crate::world::World;
use crate::{drawn, sdl_of, setting, shrink, subgraph, supergraphs};

struct Restricted {
    world: Arc<World>,
    restrictions: Restrictions,
    router: Router,
}

impl Restricted {
    async fn open(sdl: &str, draw: &mut Draw) -> Self {
        let world = Arc::new(World::new(Supergraph::parse(sdl)));
        let restrictions = draw.restrictions(sdl);
        let router = subgraph::router(&world, &restrictions.sdl).await;
        Self {
            world,
            restrictions,
            router,
        }
    }

    /// What is wrong with the response; `None` if it is correct or the operation is rejected with a reason.
    async fn ask(
        &self,
        document: &Document,
        variables: &Map<String, Value>,
        caller: &Caller,
    ) -> Option<Result<(), String>> {
        let request = GraphQLRequest::new(document.to_string())
            .with_variables(Value::Object(variables.clone()));
        let context = RequestContext::for_caller(caller.clone());
        let response = self.router.execute(request, context).await;
        let refusals = [
            ErrorCode::GraphQLValidationFailed,
            ErrorCode::OperationTooComplex,
        ];
        if response.data.is_none()
            && response
                .errors
                .iter()
                .all(|error| refusals.contains(&error.code()))
        {
            return None;
        }
        let sight = Sight {
            supergraph: &self.restrictions.supergraph,
            caller,
        };
        let (expected, denied) = Oracle::answer(&self.world, sight, document, variables);
        let expected = expected.to_string();
        let found = response.data.as_deref().unwrap_or_default();
        let found = String::from_utf8(found.to_vec()).unwrap();
        let codes = [ErrorCode::Unauthenticated, ErrorCode::Forbidden];
        let only_denials = response
            .errors
            .iter()
            .all(|error| codes.contains(&error.code()));
        if found == expected && only_denials && response.errors.is_empty() != denied {
            return Some(Ok(()));
        }
        Some(Err(format!(
            "{document}{}\n{caller:?}\nexpected: {expected}, denied: {denied}\nfound:    {found}\nerrors:   {:?}\n",
            json!(variables),
            response.errors.first()
        )))
    }

    /// As it is, and with `__typename` in every selection.
    async fn ask_both(
        &self,
        document: &Document,
        variables: &Map<String, Value>,
        caller: &Caller,
    ) -> Option<Result<(), String>> {
        let plain = self.ask(document, variables, caller).await?;
        if plain.is_err() {
            return Some(plain);
        }
        let typed = with_types(document);
        // May then exceed a limit.
        let typed = self.ask(&typed, variables, caller).await;
        Some(typed.unwrap_or(Ok(())))
    }

    async fn smallest(
        &self,
        mut document: Document,
        variables: &Map<String, Value>,
        caller: &Caller,
        mut difference: String,
    ) -> String {
        'smaller: loop {
            for smaller in shrink::smaller(&document) {
                if let Some(Err(found)) = self.ask_both(&smaller, variables, caller).await {
                    (document, difference) = (smaller, found);
                    continue 'smaller;
                }
            }
            return difference;
        }
    }
}

fn with_types(document: &Document) -> Document {
    let mut document = document.clone();
    for definition in &mut document.definitions {
        match definition {
            Definition::Operation(OperationDefinition::Query(query)) => {
                add_types(&mut query.selection_set);
            }
            Definition::Operation(OperationDefinition::Mutation(mutation)) => {
                add_types(&mut mutation.selection_set);
            }
            Definition::Operation(_) => {}
            Definition::Fragment(fragment) => add_types(&mut fragment.selection_set),
        }
    }
    document
}

fn add_types(set: &mut SelectionSet) {
    for selection in &mut set.items {
        match selection {
            Selection::Field(field) if !field.selection_set.items.is_empty() => {
                add_types(&mut field.selection_set);
            }
            Selection::InlineFragment(fragment) => add_types(&mut fragment.selection_set),
            Selection::Field(_) | Selection::FragmentSpread(_) => {}
        }
    }
    set.items.push(Selection::Field(Field {
        position: set.span.0,
        alias: Some("type_of_it".to_owned()),
        name: "__typename".to_owned(),
        arguments: Vec::new(),
        directives: Vec::new(),
        selection_set: SelectionSet {
            span: set.span,
            items: Vec::new(),
        },
    }));
}

/// The first difference, and how many operations ran.
async fn differences(sdl: String, count: usize, seed: u64) -> (Option<String>, usize) {
    let mut draw = Draw::new(seed);
    let universe = Restricted::open(&sdl, &mut draw).await;
    let mut operations = Operations::new(&universe.restrictions.supergraph, seed);
    let mut ran = 0;
    for _ in 0..count {
        let (query, variables) = operations.draw();
        let caller = draw.caller();
        let document = graphql_tools::parser::parse_query::<String>(&query)
            .unwrap()
            .into_static();
        match universe.ask_both(&document, &variables, &caller).await {
            None => {}
            Some(Ok(())) => ran += 1,
            Some(Err(difference)) => {
                let smallest = universe.smallest(document, &variables, &caller, difference);
                let smallest = smallest.await;
                let restricted = std::env::var_os("UNIVERSE_SDL")
                    .map(|_| universe.restrictions.sdl.clone())
                    .unwrap_or_default();
                return (Some(format!("{smallest}{restricted}")), ran + 1);
            }
        }
    }
    (None, ran)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_denied_or_hidden_is_in_no_answer_of_drawn_supergraphs() {
    let count = setting("UNIVERSE_OPERATIONS", 20);
    let (seed, draws) = (setting("UNIVERSE_SEED", 1), setting("UNIVERSE_DRAWS", 1));
    let (mut ran, mut told) = (0, Vec::new());
    for number in 0..8 * draws {
        let seed = seed * 1_000 + number;
        let sdl = drawn::supergraph(seed);
        let found = tokio::spawn(differences(sdl, count, seed)).await;
        let (difference, of_it) = found.unwrap_or_else(|panic| (Some(panic.to_string()), 0));
        ran += of_it;
        told.extend(difference.map(|difference| format!("seed {seed}\n{difference}")));
    }
    let shown = told.iter().take(4).cloned().collect::<Vec<_>>().join("\n");
    assert!(told.is_empty(), "{} differ, {ran} ran\n{shown}", told.len());
    assert!(ran > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_denied_or_hidden_is_in_no_answer() {
    let count = setting("UNIVERSE_OPERATIONS", 20) / 2;
    let (seed, draws) = (setting("UNIVERSE_SEED", 1), setting("UNIVERSE_DRAWS", 1));
    let (mut ran, mut told) = (0, Vec::new());
    for file in supergraphs() {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let sdl = sdl_of(&file);
        for draw in 0..draws {
            let seed = seed * 1_000 + draw;
            let found = tokio::spawn(differences(sdl.clone(), count, seed)).await;
            let (difference, of_it) = match found {
                Ok(found) => found,
                Err(panic) => (Some(panic.to_string()), 0),
            };
            ran += of_it;
            told.extend(difference.map(|difference| format!("{name}, seed {seed}\n{difference}")));
        }
    }
    let shown = told.iter().take(8).cloned().collect::<Vec<_>>().join("\n");
    assert!(told.is_empty(), "{} differ, {ran} ran\n{shown}", told.len());
    assert!(ran > 0);
}
