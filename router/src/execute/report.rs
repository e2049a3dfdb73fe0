//! Adds errors to the response, each at the client's path to what it concerns.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::representations::EntityPositions;
use super::{Execution, State, errors, isolate};
use crate::error::{GraphQLError, PathSegment};
use crate::prepare::plan::{Fetch, Target};
use crate::transport::SubgraphResponse;

impl Execution<'_> {
    /// Reports a subgraph's errors, each at every position its representation came from.
    pub(super) fn report(
        &self,
        fetch: &Fetch,
        response: &SubgraphResponse,
        gathered: &[Arc<EntityPositions>],
        state: &State<'_>,
    ) {
        for error in &response.errors {
            if matches!(fetch.target, Target::Entities(_)) && isolate::is_absence(error) {
                continue;
            }
            let operation = &fetch.operation;
            let shown = self.policy.subgraph_error(error, operation, self.context);
            let symbols = &self.plan.symbols;
            match &fetch.target {
                Target::Fields { .. } if error.path.is_empty() => {
                    self.report_everywhere(fetch, &shown, state);
                }
                Target::Fields { path, .. } if path.is_empty() => {
                    let path = errors::path(&[], &error.path, operation, symbols);
                    state.errors.lock().push(shown.at(path));
                }
                Target::Fields { .. } => {
                    let places = gathered.iter().flat_map(|gathered| gathered.positions());
                    for (_, steps) in places {
                        let path = errors::path(steps, &error.path, operation, symbols);
                        state.errors.lock().push(shown.clone().at(path));
                    }
                }
                Target::Entities(aliases) => {
                    let [PathSegment::Key(key), rest @ ..] = error.path.as_slice() else {
                        self.report_everywhere(fetch, &shown, state);
                        continue;
                    };
                    let key = symbols.find(key);
                    let alias = aliases.iter().position(|alias| alias.key == key);
                    let (failed, rest) = errors::entities(&response.data, key, rest, symbols);
                    let places = alias.and_then(|alias| gathered.get(alias));
                    let mut reported = false;
                    for (index, steps) in places.into_iter().flat_map(|g| g.positions()) {
                        if failed.contains(&index) {
                            reported = true;
                            let path = errors::path(steps, rest, operation, symbols);
                            state.errors.lock().push(shown.clone().at(path));
                        }
                    }
                    if !reported {
                        self.report_everywhere(fetch, &shown, state);
                    }
                }
            }
        }
    }

    /// Reports an error that concerns the whole fetch: at each of its root fields, or at the path of its entities.
    pub(super) fn report_everywhere(&self, fetch: &Fetch, error: &GraphQLError, state: &State<'_>) {
        let symbols = &self.plan.symbols;
        let mut errors = state.errors.lock();
        match &fetch.target {
            Target::Fields { path, .. } => {
                let prefix = errors::prefix(path, symbols);
                for key in fetch.operation.shape.keys() {
                    let mut path = prefix.clone();
                    path.push(PathSegment::Key(key.to_owned()));
                    errors.push(error.clone().at(path));
                }
            }
            Target::Entities(aliases) => {
                let mut reported = BTreeSet::new();
                for path in aliases.iter().flat_map(|alias| &alias.paths) {
                    let path = errors::prefix(path, symbols);
                    let shown = format!("{path:?}");
                    if reported.insert(shown) {
                        errors.push(error.clone().at(path));
                    }
                }
            }
        }
    }
}
