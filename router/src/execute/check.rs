//! Checks that a response contains the requested entities.

use crate::error::PathSegment;
use crate::prepare::plan::Target;
use crate::transport::{SubgraphError, SubgraphResponse};
use crate::value::{Symbols, Value};

/// Each entity list must have one item per representation, in order. A list that does not is unusable, since nobody
/// knows which entity is which. `counts` are the lengths of the representation lists.
pub(super) fn check_entities(
    target: &Target,
    counts: &[usize],
    symbols: &Symbols,
    response: &mut SubgraphResponse,
) {
    let (Target::Entities(aliases), Value::Object(data)) = (target, &mut response.data) else {
        return;
    };
    let failed = !response.errors.is_empty();
    for alias in aliases {
        let mut report = |index: Option<usize>, message: &str| {
            let key = PathSegment::Key(symbols.name(alias.key).to_owned());
            let path = std::iter::once(key).chain(index.map(PathSegment::Index));
            let error = SubgraphError::about_response(message, path.collect());
            response.errors.push(error);
        };
        let Some(entities) = data.get_mut(alias.key) else {
            continue;
        };
        match entities {
            Value::Null if failed => {}
            Value::List(items) if counts.get(alias.representations) == Some(&items.len()) => {
                for (index, item) in items.iter_mut().enumerate() {
                    if !matches!(item, Value::Object(_) | Value::Null) {
                        report(Some(index), "an entity is not an object");
                        *item = Value::Null;
                    }
                }
            }
            _ => {
                report(
                    None,
                    "the number of entities differs from the number of representations",
                );
                *entities = Value::Null;
            }
        }
    }
}
