//! The same operations with `@defer` at random places: the parts of a response add up to the whole.

use std::path::PathBuf;

use futures::StreamExt;
use graphql_tools::static_graphql::query::{
    Definition, Directive, Document, InlineFragment, OperationDefinition, Selection, SelectionSet,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use router::{GraphQLRequest, IncrementalResponse, PathSegment, RequestContext};
use serde_json::{Map, Value, json};

use crate::execution::Execution;
use crate::operations::Operations;
use crate::{Universe, setting, supergraphs};

/// The document with some selections deferred, but for the root fields of a mutation.
fn deferring(document: &Document, random: &mut StdRng) -> Document {
    let mut document = document.clone();
    for definition in &mut document.definitions {
        match definition {
            Definition::Operation(OperationDefinition::Query(query)) => {
                defer(&mut query.selection_set, true, random);
            }
            Definition::Operation(OperationDefinition::Mutation(mutation)) => {
                defer(&mut mutation.selection_set, false, random);
            }
            _ => {}
        }
    }
    document
}

fn defer(set: &mut SelectionSet, allowed: bool, random: &mut StdRng) {
    let mut deferred = Vec::new();
    for mut item in std::mem::take(&mut set.items) {
        match &mut item {
            Selection::Field(field) => defer(&mut field.selection_set, true, random),
            Selection::InlineFragment(fragment) => {
                defer(&mut fragment.selection_set, allowed, random);
            }
            Selection::FragmentSpread(_) => {}
        }
        if allowed && random.random_range(0..3) == 0 {
            deferred.push(item);
        } else {
            set.items.push(item);
        }
    }
    if deferred.is_empty() {
        return;
    }
    let directive = Directive {
        position: set.span.0,
        name: "defer".to_owned(),
        arguments: Vec::new(),
    };
    set.items.push(Selection::InlineFragment(InlineFragment {
        position: set.span.0,
        type_condition: None,
        directives: vec![directive],
        selection_set: SelectionSet {
            span: set.span,
            items: deferred,
        },
    }));
}

/// Adds up the parts of a response, as clients do, and counts those that followed.
async fn whole(response: IncrementalResponse) -> (Value, usize) {
    let mut whole: Value = serde_json::from_slice(&response.initial.to_bytes()).unwrap();
    let Some(mut later) = response.later else {
        return (whole, 0);
    };
    let (mut parts, mut has_next) = (0, true);
    while let Some(part) = later.next().await {
        assert!(has_next && !part.payloads.is_empty());
        (parts, has_next) = (parts + 1, part.has_next);
        for payload in part.payloads {
            let data = serde_json::from_slice(&payload.data).unwrap();
            let object = payload
                .path
                .iter()
                .fold(&mut whole["data"], |value, step| match step {
                    PathSegment::Key(key) => &mut value[key.as_str()],
                    PathSegment::Index(index) => &mut value[*index],
                });
            assert!(object.is_object(), "nothing is at {:?}", payload.path);
            merge(object, data);
            if !payload.errors.is_empty() {
                whole["errors"] = json!(payload.errors);
            }
        }
    }
    assert!(!has_next, "the last part says that others follow");
    (whole, parts)
}

fn merge(target: &mut Value, source: Value) {
    match (target, source) {
        (Value::Object(target), Value::Object(source)) => {
            for (key, value) in source {
                match target.get_mut(&key) {
                    Some(known) => merge(known, value),
                    None => {
                        target.insert(key, value);
                    }
                }
            }
        }
        (Value::Array(target), Value::Array(source)) => {
            for (target, source) in target.iter_mut().zip(source) {
                merge(target, source);
            }
        }
        (target, source) => *target = source,
    }
}

/// The first difference, and how many parts followed an initial response.
async fn check(file: PathBuf, count: usize, seed: u64) -> Result<usize, String> {
    let universe = Universe::open(file).await;
    let mut operations = Operations::new(&universe.world.supergraph, seed);
    let mut random = StdRng::seed_from_u64(seed);
    let mut followed = 0;
    for _ in 0..count {
        let (query, variables): (String, Map<String, Value>) = operations.draw();
        let document = graphql_tools::parser::parse_query::<String>(&query)
            .unwrap()
            .into_static();
        let deferring = deferring(&document, &mut random).to_string();
        let request = GraphQLRequest::new(deferring.as_str());
        let request = request.with_variables(Value::Object(variables.clone()));
        let context = RequestContext::default();
        let response = universe.router.execute_incremental(request, context).await;
        if response.initial.data.is_none() {
            // Unmergeable fields of the same name, or too many fields.
            continue;
        }
        let (found, parts) = whole(response).await;
        followed += parts;
        let expected = Execution::answer(&universe.world, None, &document, &variables).unwrap();
        let expected = json!({ "data": expected });
        if found != expected {
            let variables = Value::Object(variables);
            return Err(format!(
                "{deferring}{variables}\nexpected: {expected}\nfound:    {found}\n"
            ));
        }
    }
    Ok(followed)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_parts_of_any_response_add_up_to_the_whole() {
    let count = setting("UNIVERSE_OPERATIONS", 20);
    let seed = setting("UNIVERSE_SEED", 1);
    let (mut followed, mut differences) = (0, Vec::new());
    for file in supergraphs() {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        match tokio::spawn(check(file, count, seed)).await {
            Ok(Ok(parts)) => followed += parts,
            Ok(Err(difference)) => differences.push(format!("{name}: {difference}")),
            Err(panic) => differences.push(format!("{name}: {panic}")),
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(followed > 0);
}
