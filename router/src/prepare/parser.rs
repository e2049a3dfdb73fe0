//! Parses executable documents per the September 2025 specification, including descriptions and directives on
//! variables. Builds the validation library's syntax tree, since that library's own parser reads an older grammar. Type
//! system documents are parsed separately (`type_system`), into their own nodes.

mod definitions;
mod locator;
mod type_system;
mod values;

#[cfg(test)]
mod tests;

use graphql_tools::parser::Pos;
use graphql_tools::static_graphql::query::Document;

use self::locator::Locator;
use super::lexer::{Lexer, Malformed, Token};
pub(crate) use type_system::parse_type_system;

/// Maximum nesting of brackets of any kind: each level takes stack space.
pub(super) const MAX_NESTING: usize = 50;

/// Why a text is not a document.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ParseError {
    Syntax {
        message: String,
        position: Pos,
    },
    /// Brackets are nested deeper than [`MAX_NESTING`].
    TooDeep,
}

/// A document, with what its syntax tree has no place for.
#[derive(Debug)]
pub(crate) struct ParsedDocument {
    pub(crate) document: Document,
    /// Directives of variables and their positions, needed for validation only.
    pub(crate) variable_directives: Vec<(String, Pos)>,
    /// Descriptions of operations and variables, by where what they describe begins.
    pub(crate) descriptions: Vec<(Pos, String)>,
    /// Whether some numbers are kept as digits ([`numbers`]).
    pub(crate) has_digits: bool,
}

impl ParsedDocument {
    /// The description of the operation or variable that begins here.
    pub(crate) fn description(&self, of: Pos) -> Option<&str> {
        let mut descriptions = self.descriptions.iter();
        let (_, text) = descriptions.find(|(position, _)| *position == of)?;
        Some(text.trim()).filter(|text| !text.is_empty())
    }
}

pub(crate) fn parse(text: &str) -> Result<ParsedDocument, ParseError> {
    let mut parser = Parser::new(text);
    parser.advance()?;
    let mut definitions = vec![parser.definition()?];
    while parser.next.is_some() {
        definitions.push(parser.definition()?);
    }
    Ok(ParsedDocument {
        document: Document { definitions },
        variable_directives: parser.variable_directives,
        descriptions: parser.descriptions,
        has_digits: parser.has_digits,
    })
}

struct Parser<'t> {
    lexer: Lexer<'t>,
    locator: Locator<'t>,
    /// `None` at the end.
    next: Option<Token<'t>>,
    /// Where `next` begins.
    position: Pos,
    nesting: usize,
    variable_directives: Vec<(String, Pos)>,
    descriptions: Vec<(Pos, String)>,
    has_digits: bool,
}

impl<'t> Parser<'t> {
    /// Starts before the first token.
    fn new(text: &'t str) -> Self {
        Self {
            lexer: Lexer::new(text),
            locator: Locator::new(text),
            next: None,
            position: Pos::default(),
            nesting: 0,
            variable_directives: Vec::new(),
            descriptions: Vec::new(),
            has_digits: false,
        }
    }

    fn advance(&mut self) -> Result<(), ParseError> {
        match self.next {
            Some(Token::Sign(b'(' | b'[' | b'{')) => {
                self.nesting += 1;
                if self.nesting > MAX_NESTING {
                    return Err(ParseError::TooDeep);
                }
            }
            Some(Token::Sign(b')' | b']' | b'}')) => self.nesting = self.nesting.saturating_sub(1),
            _ => {}
        }
        let read = self.lexer.read();
        self.position = self.locator.locate(self.lexer.start());
        match read {
            Ok(next) => {
                self.next = next;
                Ok(())
            }
            Err(Malformed { offset, reason }) => Err(ParseError::Syntax {
                message: reason.to_owned(),
                position: self.locator.locate(offset),
            }),
        }
    }

    fn unexpected<T>(&self) -> Result<T, ParseError> {
        Err(ParseError::Syntax {
            message: format!("Unexpected {}.", described(self.next)),
            position: self.position,
        })
    }

    fn expected<T>(&self, what: &str) -> Result<T, ParseError> {
        Err(ParseError::Syntax {
            message: format!("Expected {what}, found {}.", described(self.next)),
            position: self.position,
        })
    }

    fn is(&self, sign: u8) -> bool {
        self.next == Some(Token::Sign(sign))
    }

    /// Consumes a punctuator if it comes next.
    fn skip(&mut self, sign: u8) -> Result<bool, ParseError> {
        let found = self.is(sign);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn expect(&mut self, sign: u8) -> Result<(), ParseError> {
        if self.skip(sign)? {
            return Ok(());
        }
        self.expected(&format!("\"{}\"", char::from(sign)))
    }

    fn is_keyword(&self, word: &str) -> bool {
        self.next == Some(Token::Name(word))
    }

    fn name(&mut self) -> Result<String, ParseError> {
        let Some(Token::Name(name)) = self.next else {
            return self.expected("Name");
        };
        self.advance()?;
        Ok(name.to_owned())
    }

    /// At least one item between two brackets.
    fn some<T>(
        &mut self,
        open: u8,
        item: impl Fn(&mut Self) -> Result<T, ParseError>,
        close: u8,
    ) -> Result<Vec<T>, ParseError> {
        self.expect(open)?;
        let mut items = vec![item(self)?];
        while !self.skip(close)? {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// The same, or nothing at all.
    fn optional<T>(
        &mut self,
        open: u8,
        item: impl Fn(&mut Self) -> Result<T, ParseError>,
        close: u8,
    ) -> Result<Vec<T>, ParseError> {
        if self.is(open) {
            self.some(open, item, close)
        } else {
            Ok(Vec::new())
        }
    }

    /// Keeps the description of what begins after it.
    fn keep_description(&mut self) -> Result<bool, ParseError> {
        let Some(text) = self.description_text()? else {
            return Ok(false);
        };
        self.descriptions.push((self.position, text));
        Ok(true)
    }
}

/// Describes a token for an error message.
fn described(token: Option<Token<'_>>) -> String {
    match token {
        None => "<EOF>".to_owned(),
        Some(Token::Name(name)) => format!("Name \"{name}\""),
        Some(Token::Sign(sign)) => format!("\"{}\"", char::from(sign)),
        Some(Token::Spread) => "\"...\"".to_owned(),
        Some(Token::Int(digits)) => format!("Int \"{digits}\""),
        Some(Token::Float(digits)) => format!("Float \"{digits}\""),
        Some(Token::String(_)) => "String".to_owned(),
        Some(Token::BlockString(_)) => "BlockString".to_owned(),
    }
}
