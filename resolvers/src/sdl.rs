//! A subgraph's SDL for federation tools.

use async_graphql::{ObjectType, SDLExportOptions, Schema, SubscriptionType};

/// The last import that async-graphql writes; ours are added after it.
const LAST_IMPORT: &str = "\"@requiresScopes\"]";

/// Federation directives that async-graphql does not import.
const IMPORTS: [&str; 3] = ["authenticated", "cost", "listSize"];

/// The version that async-graphql writes, and the first one with costs.
const VERSION: &str = "federation/v2.5";
const COST_VERSION: &str = "federation/v2.9";

/// The scalar of decimals, which async-graphql neither describes nor specifies.
const DECIMAL: &str = "scalar Decimal\n";
const SPECIFIED_DECIMAL: &str = "\"An exact decimal number, as a string such as \\\"29.45\\\". Input may also be a JSON number.\"\n\
     scalar Decimal @specifiedBy(url: \"https://www.w3.org/TR/xmlschema11-2/#decimal\")\n";

/// The schema's federation SDL. async-graphql does not know some directives as federation's, so their imports are added
/// here; without them, composition would drop the directives.
pub(crate) fn export<Q, M, S>(schema: &Schema<Q, M, S>) -> String
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
    S: SubscriptionType + 'static,
{
    let sdl = schema.sdl_with_options(
        SDLExportOptions::new()
            .federation()
            .include_specified_by()
            .use_space_ident()
            .prefer_single_line_descriptions(),
    );
    let used = IMPORTS
        .iter()
        .filter(|name| sdl.contains(&format!("directive @{name}")));
    let imports: String = used.map(|name| format!(", \"@{name}\"")).collect();
    let last = LAST_IMPORT.trim_end_matches(']');
    let version = if imports.contains("@cost") || imports.contains("@listSize") {
        COST_VERSION
    } else {
        VERSION
    };
    sdl.replace(DECIMAL, SPECIFIED_DECIMAL)
        .replace(LAST_IMPORT, &format!("{last}{imports}]"))
        .replace(VERSION, version)
}
