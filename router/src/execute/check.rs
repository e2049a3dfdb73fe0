//! Whether an answer has the entities that were asked for.

use crate::error::PathSegment;
use crate::prepare::plan::Target;
use crate::transport::{SubgraphError, SubgraphResponse};
use crate::value::{Symbols, Value};

/// Each list of entities has one for each representation, in their order. One that has not is of no use: nobody knows
/// which entity is which. `counts` are those of the lists of representations.
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
                report(None, "there is not one entity for each representation");
                *entities = Value::Null;
            }
        }
    }
}
