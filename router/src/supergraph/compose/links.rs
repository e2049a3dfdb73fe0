//! Finds uses of `@link` in a subgraph without parsing it, as the composer reads the text.

use std::ops::Range;

use graphql_tools::static_graphql::schema::Definition;

use crate::prepare::lexer::{Lexer, Token};
use crate::supergraph::features;

pub(super) struct Piece<'t> {
    pub(super) token: Token<'t>,
    pub(super) range: Range<usize>,
}

pub(super) fn pieces(sdl: &str) -> Option<Vec<Piece<'_>>> {
    let mut lexer = Lexer::new(sdl);
    let mut pieces = Vec::new();
    while let Some(token) = lexer.read().ok()? {
        let range = lexer.start()..lexer.end();
        pieces.push(Piece { token, range });
    }
    Some(pieces)
}

/// The uses of `@link`, each up to its closing parenthesis.
pub(super) fn links<'p, 't>(pieces: &'p [Piece<'t>]) -> Vec<&'p [Piece<'t>]> {
    let starts = pieces.windows(3).enumerate().filter(|(_, window)| {
        matches!(
            [window[0].token, window[1].token, window[2].token],
            [Token::Sign(b'@'), Token::Name("link"), Token::Sign(b'(')]
        )
    });
    starts
        .filter_map(|(start, _)| {
            // Values contain no parentheses outside strings.
            let is_end = |piece: &Piece<'_>| piece.token == Token::Sign(b')');
            let length = pieces[start..].iter().position(is_end)?;
            Some(&pieces[start..=start + length])
        })
        .collect()
}

/// The name of a federation directive in a document with this link.
pub(super) fn names_by(link: &str, own: &str) -> Vec<String> {
    let schema = format!("schema {link} {{ query: Query }}");
    let Ok(document) = graphql_tools::parser::parse_schema::<String>(&schema) else {
        return Vec::new();
    };
    let document = document.into_static();
    let links = document.definitions.iter().flat_map(|definition| {
        let Definition::SchemaDefinition(schema) = definition else {
            return Vec::new();
        };
        let links = schema.directives.iter();
        links
            .flat_map(|link| features::names_by(link, own))
            .collect()
    });
    links.collect()
}

/// Whether a federation directive is used, under any name.
pub(super) fn uses(sdl: &str, own: &str) -> bool {
    let Some(pieces) = pieces(sdl).filter(|_| sdl.contains(own)) else {
        return false;
    };
    let links = links(&pieces);
    let names = links.iter().flat_map(|link| {
        let text = &sdl[link[0].range.start..link[link.len() - 1].range.end];
        names_by(text, own)
    });
    let names: Vec<String> = names.collect();
    pieces
        .windows(2)
        .any(|pair| match (pair[0].token, pair[1].token) {
            (Token::Sign(b'@'), Token::Name(name)) => names.iter().any(|known| known == name),
            _ => false,
        })
}
