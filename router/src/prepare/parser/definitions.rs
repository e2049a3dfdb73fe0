//! Parses operations, fragments and selections.

use graphql_tools::static_graphql::query::{
    Definition, Field, FragmentDefinition, FragmentSpread, InlineFragment, Mutation,
    OperationDefinition, Query, Selection, SelectionSet, Subscription, Type, TypeCondition,
    VariableDefinition,
};

use super::{ParseError, Parser};
use crate::prepare::lexer::Token;

impl Parser<'_> {
    pub(super) fn definition(&mut self) -> Result<Definition, ParseError> {
        let position = self.position;
        let described = self.keep_description()?;
        match self.next {
            Some(Token::Sign(b'{')) if described => Err(ParseError::Syntax {
                message: "Unexpected description: the short form of a query has none.".to_owned(),
                position,
            }),
            Some(Token::Sign(b'{')) => {
                let selections = self.selection_set()?;
                Ok(Definition::Operation(OperationDefinition::SelectionSet(
                    selections,
                )))
            }
            Some(Token::Name(kind @ ("query" | "mutation" | "subscription"))) => {
                Ok(Definition::Operation(self.operation(kind)?))
            }
            Some(Token::Name("fragment")) => Ok(Definition::Fragment(self.fragment()?)),
            _ => self.unexpected(),
        }
    }

    fn operation(&mut self, kind: &str) -> Result<OperationDefinition, ParseError> {
        let position = self.position;
        self.advance()?;
        let name = match self.next {
            Some(Token::Name(_)) => Some(self.name()?),
            _ => None,
        };
        let variable_definitions = self.optional(b'(', Self::variable_definition, b')')?;
        let directives = self.directives(false)?;
        let selection_set = self.selection_set()?;
        Ok(match kind {
            "mutation" => OperationDefinition::Mutation(Mutation {
                position,
                name,
                variable_definitions,
                directives,
                selection_set,
            }),
            "subscription" => OperationDefinition::Subscription(Subscription {
                position,
                name,
                variable_definitions,
                directives,
                selection_set,
            }),
            _ => OperationDefinition::Query(Query {
                position,
                name,
                variable_definitions,
                directives,
                selection_set,
            }),
        })
    }

    fn variable_definition(&mut self) -> Result<VariableDefinition, ParseError> {
        self.keep_description()?;
        let position = self.position;
        self.expect(b'$')?;
        let name = self.name()?;
        self.expect(b':')?;
        let var_type = self.variable_type()?;
        let default_value = if self.skip(b'=')? {
            Some(self.value(true)?)
        } else {
            None
        };
        let directives = self.directives(true)?.into_iter();
        self.variable_directives
            .extend(directives.map(|directive| (directive.name, directive.position)));
        Ok(VariableDefinition {
            position,
            name,
            var_type,
            default_value,
        })
    }

    pub(super) fn variable_type(&mut self) -> Result<Type, ParseError> {
        let inner = if self.skip(b'[')? {
            let inner = self.variable_type()?;
            self.expect(b']')?;
            Type::ListType(Box::new(inner))
        } else {
            Type::NamedType(self.name()?)
        };
        Ok(if self.skip(b'!')? {
            Type::NonNullType(Box::new(inner))
        } else {
            inner
        })
    }

    fn fragment(&mut self) -> Result<FragmentDefinition, ParseError> {
        let position = self.position;
        self.advance()?;
        if self.is_keyword("on") {
            return self.unexpected();
        }
        let name = self.name()?;
        if !self.is_keyword("on") {
            return self.expected("\"on\"");
        }
        self.advance()?;
        Ok(FragmentDefinition {
            position,
            name,
            type_condition: TypeCondition::On(self.name()?),
            directives: self.directives(false)?,
            selection_set: self.selection_set()?,
        })
    }

    fn selection_set(&mut self) -> Result<SelectionSet, ParseError> {
        let start = self.position;
        self.expect(b'{')?;
        let mut items = vec![self.selection()?];
        while !self.is(b'}') {
            items.push(self.selection()?);
        }
        let end = self.position;
        self.advance()?;
        Ok(SelectionSet {
            span: (start, end),
            items,
        })
    }

    fn selection(&mut self) -> Result<Selection, ParseError> {
        if self.next == Some(Token::Spread) {
            self.spread()
        } else {
            Ok(Selection::Field(self.field()?))
        }
    }

    fn field(&mut self) -> Result<Field, ParseError> {
        let position = self.position;
        let first = self.name()?;
        let (alias, name) = if self.skip(b':')? {
            (Some(first), self.name()?)
        } else {
            (None, first)
        };
        let arguments = self.arguments(false)?;
        let directives = self.directives(false)?;
        let selection_set = if self.is(b'{') {
            self.selection_set()?
        } else {
            SelectionSet {
                span: (position, position),
                items: Vec::new(),
            }
        };
        Ok(Field {
            position,
            alias,
            name,
            arguments,
            directives,
            selection_set,
        })
    }

    fn spread(&mut self) -> Result<Selection, ParseError> {
        let position = self.position;
        self.advance()?;
        let type_condition = if self.is_keyword("on") {
            self.advance()?;
            Some(TypeCondition::On(self.name()?))
        } else if let Some(Token::Name(_)) = self.next {
            return Ok(Selection::FragmentSpread(FragmentSpread {
                position,
                fragment_name: self.name()?,
                directives: self.directives(false)?,
            }));
        } else {
            None
        };
        Ok(Selection::InlineFragment(InlineFragment {
            position,
            type_condition,
            directives: self.directives(false)?,
            selection_set: self.selection_set()?,
        }))
    }
}
