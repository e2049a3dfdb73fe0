//! Parses directives, arguments and values.

use graphql_tools::static_graphql::query::{Directive, Value};

use super::{ParseError, Parser};
use crate::prepare::lexer::Token;
use crate::prepare::{numbers, text};

impl Parser<'_> {
    pub(super) fn directives(&mut self, constant: bool) -> Result<Vec<Directive>, ParseError> {
        let mut directives = Vec::new();
        while self.is(b'@') {
            let position = self.position;
            self.advance()?;
            directives.push(Directive {
                position,
                name: self.name()?,
                arguments: self.arguments(constant)?,
            });
        }
        Ok(directives)
    }

    pub(super) fn arguments(&mut self, constant: bool) -> Result<Vec<(String, Value)>, ParseError> {
        self.optional(b'(', |parser| parser.named_value(constant), b')')
    }

    /// An argument, or a field of an input object.
    fn named_value(&mut self, constant: bool) -> Result<(String, Value), ParseError> {
        let name = self.name()?;
        self.expect(b':')?;
        Ok((name, self.value(constant)?))
    }

    /// `constant`: without variables.
    pub(super) fn value(&mut self, constant: bool) -> Result<Value, ParseError> {
        let value = match self.next {
            Some(Token::Sign(b'$')) if !constant => {
                self.advance()?;
                return Ok(Value::Variable(self.name()?));
            }
            Some(Token::Sign(b'[')) => {
                self.advance()?;
                let mut items = Vec::new();
                while !self.skip(b']')? {
                    items.push(self.value(constant)?);
                }
                return Ok(Value::List(items));
            }
            Some(Token::Sign(b'{')) => {
                self.advance()?;
                let mut fields = Vec::new();
                while !self.skip(b'}')? {
                    fields.push(self.named_value(constant)?);
                }
                return Ok(Value::Object(fields.into_iter().collect()));
            }
            Some(Token::Int(digits)) => match digits.parse::<i32>() {
                Ok(number) => Value::Int(number.into()),
                Err(_) => self.digits(digits),
            },
            Some(Token::Float(digits)) => self.digits(digits),
            Some(Token::String(inner)) => Value::String(text::string(inner)),
            Some(Token::BlockString(inner)) => Value::String(text::block_string(inner)),
            Some(Token::Name("true")) => Value::Boolean(true),
            Some(Token::Name("false")) => Value::Boolean(false),
            Some(Token::Name("null")) => Value::Null,
            Some(Token::Name(name)) => Value::Enum(name.to_owned()),
            _ => return self.unexpected(),
        };
        self.advance()?;
        Ok(value)
    }

    fn digits(&mut self, digits: &str) -> Value {
        self.has_digits = true;
        numbers::from_digits(digits)
    }
}
