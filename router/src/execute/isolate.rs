//! Isolates bad entities. Some subgraphs (async-graphql) fail all of `_entities` when one representation cannot be
//! resolved; then each entity is fetched separately.

use std::sync::Arc;
use std::time::Instant;

use futures::future::join_all;

use super::Execution;
use crate::error::{ErrorCode, PathSegment};
use crate::prepare::plan::{EntityAlias, Fetch, Inputs, Target};
use crate::transport::{SubgraphError, SubgraphResponse};
use crate::value::{Object, Value};

/// Above this, fetching one by one would hurt the subgraph more than the data is worth.
const MAX_ENTITIES: usize = 100;

/// async-graphql's message for a representation that no resolver finds. In federation such an entity is null, which is
/// not an error.
const NOT_FOUND: &str = "Entity not found.";

/// Whether the subgraph failed because of some entities, rather than as a whole.
fn is_about_entities(response: &SubgraphResponse) -> bool {
    response.data.is_null()
        && !response.errors.is_empty()
        && response.errors.iter().all(|error| {
            let code = error.extensions.get("code").and_then(|code| code.as_str());
            code.is_none_or(|code| {
                matches!(
                    ErrorCode::parse(code),
                    Some(
                        ErrorCode::NotFound
                            | ErrorCode::Forbidden
                            | ErrorCode::Unauthenticated
                            | ErrorCode::BadUserInput
                    )
                )
            })
        })
}

/// Whether an error only reports a missing entity.
pub(super) fn is_absence(error: &SubgraphError) -> bool {
    error.message == NOT_FOUND && !error.extensions.contains_key("code")
}

impl Execution<'_> {
    /// Returns the response to an entity fetch, refetched one by one if some entities made all of it fail.
    pub(super) async fn isolate(
        &self,
        fetch: &Fetch,
        inputs: &Inputs,
        since: Option<Instant>,
        response: SubgraphResponse,
    ) -> SubgraphResponse {
        let Target::Entities(aliases) = &fetch.target else {
            return response;
        };
        let representations = &inputs.representations;
        if !(2..=MAX_ENTITIES).contains(&inputs.entities()) || !is_about_entities(&response) {
            return response;
        }
        let single = representations
            .iter()
            .enumerate()
            .flat_map(|(variable, list)| {
                list.iter().enumerate().map(move |(index, representation)| {
                    let mut alone = vec![Vec::new(); representations.len()];
                    alone[variable] = vec![representation.clone()];
                    let alone = Inputs {
                        representations: alone,
                        context: inputs.context.clone(),
                    };
                    (variable, index, alone)
                })
            });
        let answers = join_all(single.map(|(variable, index, alone)| async move {
            let answer = self.send(fetch, Arc::new(alone), since).await;
            (variable, index, answer)
        }))
        .await;
        let mut whole = Object::default();
        for alias in aliases {
            let length = representations
                .get(alias.representations)
                .map_or(0, Vec::len);
            let list = Value::List(vec![Value::Null; length]);
            whole.fields.push((alias.key, list));
        }
        let mut errors = Vec::new();
        for (variable, index, answer) in answers {
            let Ok(answer) = answer else {
                // One of them now fails differently: keep the subgraph's first response.
                return response;
            };
            for alias in aliases {
                if alias.representations == variable {
                    insert_entity(&mut whole, alias, index, &answer.data);
                }
            }
            errors.extend(answer.errors.into_iter().map(|mut error| {
                rebase(&mut error.path, index);
                error
            }));
        }
        SubgraphResponse {
            data: Value::Object(whole),
            errors,
            // There were errors, or nothing would have been refetched.
            cache: None,
            stale_for: None,
        }
    }
}

fn insert_entity(whole: &mut Object, alias: &EntityAlias, index: usize, answer: &Value) {
    let Value::Object(answer) = answer else {
        return;
    };
    if let (Some(Value::List(found)), Some(Value::List(list))) =
        (answer.get(alias.key), whole.get_mut(alias.key))
        && let (Some(entity), Some(slot)) = (found.first(), list.get_mut(index))
    {
        *slot = entity.clone();
    }
}

/// Restores an entity's index in the path of an error from its separate fetch.
fn rebase(path: &mut Vec<PathSegment>, index: usize) {
    if let Some(PathSegment::Index(known)) = path.get_mut(1) {
        *known = index;
    } else if !path.is_empty() {
        path.insert(1, PathSegment::Index(index));
    }
}
