//! Parses type definitions and extensions.

use super::{ParseError, Parser};
use crate::prepare::OperationKind;
use crate::prepare::lexer::Token;
use crate::prepare::text;
use crate::type_system::ast::{
    Definition, DirectiveDefinition, Document, EnumValue, Field, LOCATIONS, SchemaDefinition,
    TypeDefinition, TypeKind,
};

/// Parses a type system document. An empty one is not a syntax error.
pub(crate) fn parse_type_system(text: &str) -> Result<Document, ParseError> {
    let mut parser = Parser::new(text);
    parser.advance()?;
    let mut definitions = Vec::new();
    while parser.next.is_some() {
        definitions.push(parser.type_system_definition()?);
    }
    Ok(Document { definitions })
}

impl Parser<'_> {
    fn type_system_definition(&mut self) -> Result<Definition, ParseError> {
        let position = self.position;
        let description = self.description_text()?;
        let is_extension = description.is_none() && self.is_keyword("extend");
        if is_extension {
            self.advance()?;
        }
        let definition = match self.next {
            Some(Token::Name("schema")) => Definition::Schema(SchemaDefinition {
                position,
                is_extension,
                description,
                ..self.schema(is_extension)?
            }),
            Some(Token::Name("directive")) if !is_extension => {
                Definition::Directive(DirectiveDefinition {
                    position,
                    description,
                    ..self.directive_definition()?
                })
            }
            Some(Token::Name(keyword)) => {
                let kinds = [
                    TypeKind::Scalar,
                    TypeKind::Object,
                    TypeKind::Interface,
                    TypeKind::Union,
                    TypeKind::Enum,
                    TypeKind::InputObject,
                ];
                let Some(kind) = kinds.into_iter().find(|kind| kind.keyword() == keyword) else {
                    return self.unexpected();
                };
                let definition = self.type_definition(kind)?;
                let is_empty = definition.directives.is_empty()
                    && definition.interfaces.is_empty()
                    && definition.fields.is_empty()
                    && definition.members.is_empty()
                    && definition.values.is_empty();
                if is_extension && is_empty {
                    return self.unexpected();
                }
                Definition::Type(TypeDefinition {
                    position,
                    is_extension,
                    description,
                    ..definition
                })
            }
            _ => return self.unexpected(),
        };
        Ok(definition)
    }

    fn schema(&mut self, is_extension: bool) -> Result<SchemaDefinition, ParseError> {
        self.advance()?;
        let directives = self.directives(true)?;
        let operations = if !is_extension || self.is(b'{') {
            self.some(b'{', Self::root_type, b'}')?
        } else {
            Vec::new()
        };
        if directives.is_empty() && operations.is_empty() {
            return self.unexpected();
        }
        Ok(SchemaDefinition {
            directives,
            operations,
            ..SchemaDefinition::default()
        })
    }

    fn root_type(&mut self) -> Result<(OperationKind, String), ParseError> {
        let kind = match self.next {
            Some(Token::Name("query")) => OperationKind::Query,
            Some(Token::Name("mutation")) => OperationKind::Mutation,
            Some(Token::Name("subscription")) => OperationKind::Subscription,
            _ => return self.unexpected(),
        };
        self.advance()?;
        self.expect(b':')?;
        Ok((kind, self.name()?))
    }

    fn type_definition(&mut self, kind: TypeKind) -> Result<TypeDefinition, ParseError> {
        self.advance()?;
        let name = self.name()?;
        let has_fields = matches!(kind, TypeKind::Object | TypeKind::Interface);
        let interfaces = if has_fields && self.is_keyword("implements") {
            self.advance()?;
            self.names(b'&')?
        } else {
            Vec::new()
        };
        let mut definition = TypeDefinition {
            interfaces,
            directives: self.directives(true)?,
            ..TypeDefinition::new(kind, name)
        };
        match kind {
            TypeKind::Scalar => {}
            TypeKind::Object | TypeKind::Interface => {
                definition.fields = self.optional(b'{', Self::field_definition, b'}')?;
            }
            TypeKind::InputObject => {
                definition.fields = self.optional(b'{', Self::input_value, b'}')?;
            }
            TypeKind::Union => {
                if self.skip(b'=')? {
                    definition.members = self.names(b'|')?;
                }
            }
            TypeKind::Enum => {
                definition.values = self.optional(b'{', Self::enum_value, b'}')?;
            }
        }
        Ok(definition)
    }

    /// Names separated by a sign, with an optional leading sign.
    fn names(&mut self, sign: u8) -> Result<Vec<String>, ParseError> {
        self.skip(sign)?;
        let mut names = vec![self.name()?];
        while self.skip(sign)? {
            names.push(self.name()?);
        }
        Ok(names)
    }

    fn field_definition(&mut self) -> Result<Field, ParseError> {
        let position = self.position;
        let description = self.description_text()?;
        let name = self.name()?;
        let arguments = self.optional(b'(', Self::input_value, b')')?;
        self.expect(b':')?;
        Ok(Field {
            position,
            description,
            name,
            arguments,
            value_type: self.variable_type()?,
            default: None,
            directives: self.directives(true)?,
        })
    }

    fn input_value(&mut self) -> Result<Field, ParseError> {
        let position = self.position;
        let description = self.description_text()?;
        let name = self.name()?;
        self.expect(b':')?;
        Ok(Field {
            position,
            description,
            name,
            arguments: Vec::new(),
            value_type: self.variable_type()?,
            default: if self.skip(b'=')? {
                Some(self.value(true)?)
            } else {
                None
            },
            directives: self.directives(true)?,
        })
    }

    fn enum_value(&mut self) -> Result<EnumValue, ParseError> {
        let position = self.position;
        let description = self.description_text()?;
        if let Some(Token::Name(word @ ("true" | "false" | "null"))) = self.next {
            return Err(ParseError::Syntax {
                message: format!(
                    "Name \"{word}\" is reserved and cannot be used for an enum value."
                ),
                position: self.position,
            });
        }
        Ok(EnumValue {
            position,
            description,
            name: self.name()?,
            directives: self.directives(true)?,
        })
    }

    fn directive_definition(&mut self) -> Result<DirectiveDefinition, ParseError> {
        let position = self.position;
        self.advance()?;
        self.expect(b'@')?;
        let name = self.name()?;
        let arguments = self.optional(b'(', Self::input_value, b')')?;
        let is_repeatable = self.is_keyword("repeatable");
        if is_repeatable {
            self.advance()?;
        }
        if !self.is_keyword("on") {
            return self.expected("\"on\"");
        }
        self.advance()?;
        self.skip(b'|')?;
        let mut locations = vec![self.location()?];
        while self.skip(b'|')? {
            locations.push(self.location()?);
        }
        Ok(DirectiveDefinition {
            position,
            description: None,
            name,
            arguments,
            is_repeatable,
            locations,
        })
    }

    fn location(&mut self) -> Result<String, ParseError> {
        match self.next {
            Some(Token::Name(name)) if LOCATIONS.contains(&name) => self.name(),
            Some(Token::Name(_)) => self.unexpected(),
            _ => self.expected("Name"),
        }
    }

    pub(super) fn description_text(&mut self) -> Result<Option<String>, ParseError> {
        let description = match self.next {
            Some(Token::String(inner)) => text::string(inner),
            Some(Token::BlockString(inner)) => text::block_string(inner),
            _ => return Ok(None),
        };
        self.advance()?;
        Ok(Some(description))
    }
}
