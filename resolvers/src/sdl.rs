//! A subgraph's SDL as federation tools read it.

use async_graphql::{ObjectType, SDLExportOptions, Schema, SubscriptionType};

/// The last import async-graphql writes; ours follows it.
const LAST_IMPORT: &str = "\"@requiresScopes\"]";

/// The schema's federation SDL. async-graphql does not know `@authenticated` as a federation
/// directive, so its import is added here; without it, composition would drop the directive.
pub(crate) fn export<Q, M, S>(schema: &Schema<Q, M, S>) -> String
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
    S: SubscriptionType + 'static,
{
    let sdl = schema.sdl_with_options(
        SDLExportOptions::new()
            .federation()
            .use_space_ident()
            .prefer_single_line_descriptions(),
    );
    if sdl.contains("directive @authenticated") {
        sdl.replace(LAST_IMPORT, "\"@requiresScopes\", \"@authenticated\"]")
    } else {
        sdl
    }
}
