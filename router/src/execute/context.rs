//! Entity fetches whose arguments come from the entities' ancestors (`@fromContext`). Entities are grouped by argument
//! values; each group is a separate `_entities` field, and one request contains several of them.

use std::sync::Arc;

use foldhash::fast::RandomState;
use futures::future::join_all;
use indexmap::IndexMap;

use super::representations::{
    EntityPositions, MissingRepresentation, Representations, Step, represent, walk,
};
use super::{Execution, State};
use crate::prepare::plan::{
    ContextVariable, ContextualFetch, Fetch, Inputs, RewriteSegment, Target,
};
use crate::supergraph::{TypeId, TypeNames};
use crate::value::{Object, Value};

/// A fetch's entities, grouped by their argument values.
#[derive(Default)]
struct Groups {
    by_values: IndexMap<Vec<Value>, Group, RandomState>,
    /// Some objects lack a value needed by their representation.
    lacking: bool,
}

#[derive(Default)]
struct Group {
    representations: Representations,
    gathered: EntityPositions,
}

impl Groups {
    fn of(data: &Value, fetch: &ContextualFetch, types: &TypeNames) -> Self {
        let mut groups = Self::default();
        let entities = &fetch.entities;
        for path in &entities.paths {
            walk(data, path, &mut Vec::new(), &mut |object, steps| {
                let whole = entities.unless.as_deref();
                if whole.is_some_and(|whole| represent(object, whole).is_ok()) {
                    return;
                }
                let values = fetch.variables.iter();
                let values =
                    values.map(|variable| value_of(variable, data, (object, steps), types));
                let group = groups.by_values.entry(values.collect()).or_default();
                match group.representations.add(object, entities, types) {
                    Ok(index) => group.gathered.add(index, steps),
                    Err(why) => groups.lacking |= why == MissingRepresentation::Lacking,
                }
            });
        }
        groups
    }
}

impl Execution<'_> {
    pub(super) async fn contextual(&self, fetch: &ContextualFetch, state: &State<'_>) {
        let groups = Groups::of(&state.data.lock(), fetch, self.types);
        let parts = groups.lacking.then_some(&fetch.entities.split);
        let groups = groups.by_values.into_iter().filter_map(|(values, group)| {
            let list = group.representations.into_list();
            (!list.is_empty()).then_some((values, list, Arc::new(group.gathered)))
        });
        let groups: Vec<_> = groups.collect();
        let most = fetch.sizes.last().map_or(1, |largest| aliases(largest));
        let fetches = groups.chunks(most).filter_map(|groups| {
            let mut sizes = fetch.sizes.iter();
            let sized = sizes.find(|sized| aliases(sized) >= groups.len())?;
            let mut inputs = Inputs::default();
            let mut places = Vec::with_capacity(aliases(sized));
            for (values, list, gathered) in groups {
                inputs.context.extend_from_slice(values);
                inputs.representations.push(list.clone());
                places.push(Arc::clone(gathered));
            }
            // The remaining fields are unused.
            inputs
                .context
                .resize(sized.operation.context.len(), Value::Null);
            inputs.representations.resize(aliases(sized), Vec::new());
            places.resize_with(aliases(sized), Arc::default);
            Some(async move {
                self.fetch_into(sized, Arc::new(inputs), &places, state)
                    .await;
            })
        });
        join_all(fetches).await;
        let parts = parts.into_iter().flatten();
        join_all(parts.map(|part| self.node(part, state))).await;
    }
}

/// How many `_entities` fields a fetch has.
fn aliases(fetch: &Fetch) -> usize {
    match &fetch.target {
        Target::Entities(aliases) => aliases.len(),
        Target::Fields { .. } => 0,
    }
}

/// An entity's argument value; null if its ancestors have none, and the subgraph decides what that means.
fn value_of(
    variable: &ContextVariable,
    data: &Value,
    (entity, steps): (&Object, &[Step]),
    types: &TypeNames,
) -> Value {
    let mut values = variable.sources.iter().filter_map(|source| {
        let selection = Selection {
            is_typename: source.is_typename,
            types,
        };
        if source.levels == 0 {
            return selection.of_object(entity, &source.path);
        }
        let keys = steps.iter().enumerate().rev();
        let mut keys = keys.filter(|(_, step)| matches!(step, Step::Key(_)));
        let (end, _) = keys.nth(source.levels - 1)?;
        selection.of_value(at(data, &steps[..end])?, &source.path)
    });
    values.next().unwrap_or_default()
}

fn at<'v>(data: &'v Value, steps: &[Step]) -> Option<&'v Value> {
    steps
        .iter()
        .try_fold(data, |value, step| match (step, value) {
            (Step::Key(key), Value::Object(object)) => object.get(*key),
            (Step::Index(index), Value::List(items)) => items.get(*index as usize),
            _ => None,
        })
}

/// The selection on an ancestor.
struct Selection<'t> {
    /// Selects the type name of the objects at the path's end instead of the objects.
    is_typename: bool,
    types: &'t TypeNames,
}

impl Selection<'_> {
    fn of_value(&self, value: &Value, path: &[RewriteSegment]) -> Option<Value> {
        match value {
            Value::Null => Some(Value::Null),
            Value::Object(object) if self.is_typename || !path.is_empty() => {
                self.of_object(object, path)
            }
            Value::List(items) if self.is_typename || !path.is_empty() => {
                let items = items.iter();
                let items = items.map(|item| self.of_value(item, path).unwrap_or_default());
                Some(Value::List(items.collect()))
            }
            _ => path.is_empty().then(|| value.clone()),
        }
    }

    fn of_object(&self, object: &Object, path: &[RewriteSegment]) -> Option<Value> {
        match path {
            [] => {
                let name = self
                    .types
                    .name(object.typename)
                    .filter(|_| self.is_typename);
                name.map(|name| Value::String(name.into()))
            }
            [RewriteSegment::Key(key), rest @ ..] => self.of_value(object.get(*key)?, rest),
            [RewriteSegment::Type(types), rest @ ..] => {
                // If nobody requested the object's type, only one is possible, as for the root.
                let matches = object.typename == TypeId::NONE || types.contains(object.typename);
                matches.then(|| self.of_object(object, rest)).flatten()
            }
        }
    }
}
