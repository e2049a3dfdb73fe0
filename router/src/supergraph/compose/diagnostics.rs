//! Adds codes and subgraph names to the composer's errors.

use graphql_composition::diagnostics as composer;

use crate::error::{CompositionCode, Diagnostic};

/// Whether a message contains a subgraph's name, other than as part of another name or as the field of a type.
fn has_word(message: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    message.match_indices(name).any(|(start, _)| {
        let before = message[..start].chars().next_back();
        let mut after = message[start + name.len()..].chars();
        let is_end = match after.next() {
            Some('.') => after.next().is_none_or(char::is_whitespace),
            next => next.is_none_or(|c| !is_part(c)),
        };
        is_end && before.is_none_or(|c| !is_part(c) && c != '.')
    })
}

/// Converts an error of the composer.
pub(super) fn of_composer(
    error: &composer::Diagnostic,
    subgraphs: &[(&str, &str, &str)],
) -> Diagnostic {
    use composer::CompositeSchemasErrorCode::{PostMerge, PreMerge, SourceSchema};
    use composer::CompositeSchemasPostMergeValidationErrorCode as Post;
    use composer::CompositeSchemasPreMergeValidationErrorCode as Pre;
    use composer::CompositeSchemasSourceSchemaValidationErrorCode as Source;
    let code = match error.composite_schemas_error_code() {
        Some(PreMerge(Pre::TypeKindMismatch)) => CompositionCode::TypeKindMismatch,
        Some(PreMerge(Pre::OverrideSourceHasOverride)) => {
            CompositionCode::OverrideSourceHasOverride
        }
        Some(PostMerge(Post::InvalidFieldSharing)) => CompositionCode::InvalidFieldSharing,
        Some(SourceSchema(Source::OverrideFromSelf)) => CompositionCode::OverrideFromSelfError,
        Some(SourceSchema(Source::ProvidesDirectiveInFieldsArgument)) => {
            CompositionCode::ProvidesDirectiveInFieldsArg
        }
        Some(SourceSchema(Source::QueryRootTypeInaccessible)) => {
            CompositionCode::QueryRootTypeInaccessible
        }
        _ => CompositionCode::CompositionFailed,
    };
    let message = error.message();
    let names = subgraphs.iter().map(|(name, _, _)| *name);
    Diagnostic {
        code,
        message: message.to_owned(),
        subgraphs: names
            .filter(|name| has_word(message, name))
            .map(str::to_owned)
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subgraph_is_named_by_a_whole_word() {
        for message in [
            "[items] no",
            "in `items`",
            "of: stock, items",
            "in items.",
            "items and stock",
        ] {
            assert!(has_word(message, "items"), "{message}");
        }
        for message in [
            "`Item.items`",
            "items.name",
            "my-items",
            "items2",
            "subitems",
            "",
        ] {
            assert!(!has_word(message, "items"), "{message}");
        }
    }
}
