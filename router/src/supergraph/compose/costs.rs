//! Normalizes the names of `@cost` and `@listSize` in a subgraph. The composer only knows these directives by their own
//! names, and drops them if they are imported or written with the namespace of their link.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use super::links::{Piece, links, names_by, pieces};
use crate::prepare::lexer::Token;

/// The directives by their own names.
const COSTS: [&str; 2] = ["cost", "listSize"];

/// The SDL with these directives under their own names and not imported. Invalid SDL is left to the composer.
pub(super) fn by_their_own_names(sdl: &str) -> Cow<'_, str> {
    if !COSTS.iter().any(|name| sdl.contains(name)) {
        return Cow::Borrowed(sdl);
    }
    let Some(pieces) = pieces(sdl) else {
        return Cow::Borrowed(sdl);
    };
    let mut names: HashMap<String, &str> = HashMap::new();
    // Byte ranges and their replacements.
    let mut edits: Vec<(Range<usize>, &str)> = Vec::new();
    for link in links(&pieces) {
        let text = &sdl[link[0].range.start..link[link.len() - 1].range.end];
        for own in COSTS {
            for name in names_by(text, own) {
                names.insert(name, own);
            }
        }
        if names_by(text, COSTS[0]).is_empty() {
            continue;
        }
        edits.extend(imports(link).into_iter().map(|import| (import, "")));
    }
    for pair in pieces.windows(2) {
        if let (Token::Sign(b'@'), Token::Name(name)) = (pair[0].token, pair[1].token)
            && let Some(own) = names.get(name)
        {
            edits.push((pair[1].range.clone(), own));
        }
    }
    edits.sort_by_key(|(range, _)| range.start);
    let mut out = String::with_capacity(sdl.len());
    let mut copied = 0;
    for (range, instead) in edits {
        out.push_str(&sdl[copied..range.start]);
        out.push_str(instead);
        copied = range.end;
    }
    out.push_str(&sdl[copied..]);
    Cow::Owned(out)
}

fn is_cost(token: Token<'_>) -> bool {
    let Token::String(name) = token else {
        return false;
    };
    name.strip_prefix('@')
        .is_some_and(|name| COSTS.contains(&name))
}

/// Where the directives are imported.
fn imports(link: &[Piece<'_>]) -> Vec<Range<usize>> {
    let mut imports = Vec::new();
    let mut object: Option<usize> = None;
    for (at, piece) in link.iter().enumerate() {
        match piece.token {
            Token::Sign(b'{') => object = Some(at),
            Token::Sign(b'}') => {
                let Some(start) = object.take() else { continue };
                // `{ name: "@cost", as: "@weight" }`
                let is_named = |window: &[Piece<'_>]| {
                    window[0].token == Token::Name("name") && is_cost(window[2].token)
                };
                if link[start..at].windows(3).any(is_named) {
                    imports.push(link[start].range.start..piece.range.end);
                }
            }
            token if object.is_none() && is_cost(token) => imports.push(piece.range.clone()),
            _ => {}
        }
    }
    imports
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sdl: &str, expected: &str) {
        assert_eq!(by_their_own_names(sdl), expected);
    }

    const FEDERATION: &str = r#"url: "https://specs.apollo.dev/federation/v2.9""#;

    #[test]
    fn directives_get_their_own_names() {
        for (link, cost, list_size, without) in [
            (
                r#"import: ["@key", "@cost", "@listSize"]"#,
                "cost",
                "listSize",
                r#"import: ["@key", , ]"#,
            ),
            (
                r#"import: [{ name: "@cost", as: "@weight" }, "@key", {as: "@sized", name: "@listSize"}]"#,
                "weight",
                "sized",
                r#"import: [, "@key", ]"#,
            ),
            (
                "import: [\"@key\"]",
                "federation__cost",
                "federation__listSize",
                "import: [\"@key\"]",
            ),
            ("as: \"fed\"", "fed__cost", "fed__listSize", "as: \"fed\""),
        ] {
            check(
                &format!(
                    "extend schema @link({FEDERATION}, {link}) type Query {{ a(n: Int): [Int] @{cost}(weight: 3) @{list_size}(assumedSize: 7) }}"
                ),
                &format!(
                    "extend schema @link({FEDERATION}, {without}) type Query {{ a(n: Int): [Int] @cost(weight: 3) @listSize(assumedSize: 7) }}"
                ),
            );
        }
    }

    #[test]
    fn other_links_and_texts_are_left_alone() {
        for sdl in [
            r#"extend schema @link(url: "https://example.com/cost/v1.0", import: ["@cost"]) type Query { a: Int @cost }"#,
            r#"extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"]) "the @federation_cost" type Query { a: Int }"#,
            "type Query { cost: Int",
        ] {
            check(sdl, sdl);
        }
    }
}
