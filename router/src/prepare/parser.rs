//! The grammar of executable documents, as the specification of September 2025 has it: descriptions, and directives on
//! variables, included. Makes the syntax tree of the library that validates; its own parser reads an older grammar.

use graphql_tools::parser::Pos;
use graphql_tools::static_graphql::query::{
    Definition, Directive, Document, Field, FragmentDefinition, FragmentSpread, InlineFragment,
    Mutation, OperationDefinition, Query, Selection, SelectionSet, Subscription, Type,
    TypeCondition, Value, VariableDefinition,
};

use super::lexer::{Lexer, Malformed, Token};
use super::{numbers, text};

/// How deep brackets of any kind may be nested: each level takes some of the stack.
pub(super) const MAX_NESTING: usize = 50;

/// Why a text is no document.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ParseError {
    Syntax {
        message: String,
        position: Pos,
    },
    /// Brackets are nested deeper than [`MAX_NESTING`].
    TooDeep,
}

/// A document and what its syntax tree has no place for.
#[derive(Debug)]
pub(super) struct ParsedDocument {
    pub(super) document: Document,
    /// Directives of variables, with where they are: validation has to know them, and nothing else.
    pub(super) variable_directives: Vec<(String, Pos)>,
    /// Some numbers are kept by their digits ([`numbers`]).
    pub(super) has_digits: bool,
}

pub(super) fn parse(text: &str) -> Result<ParsedDocument, ParseError> {
    let mut parser = Parser {
        lexer: Lexer::new(text),
        locator: Locator::new(text),
        next: None,
        position: Pos::default(),
        nesting: 0,
        variable_directives: Vec::new(),
        has_digits: false,
    };
    parser.advance()?;
    let mut definitions = vec![parser.definition()?];
    while parser.next.is_some() {
        definitions.push(parser.definition()?);
    }
    Ok(ParsedDocument {
        document: Document { definitions },
        variable_directives: parser.variable_directives,
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
    has_digits: bool,
}

impl<'t> Parser<'t> {
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

    /// Passes over a punctuator if it is next.
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

    /// What is between two brackets: at least one of it.
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

    /// The same, with or without its brackets.
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

    /// A description has no meaning for execution.
    fn description(&mut self) -> Result<bool, ParseError> {
        let found = matches!(self.next, Some(Token::String(_) | Token::BlockString(_)));
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn definition(&mut self) -> Result<Definition, ParseError> {
        let position = self.position;
        let described = self.description()?;
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
        self.description()?;
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

    fn variable_type(&mut self) -> Result<Type, ParseError> {
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

    fn directives(&mut self, constant: bool) -> Result<Vec<Directive>, ParseError> {
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

    fn arguments(&mut self, constant: bool) -> Result<Vec<(String, Value)>, ParseError> {
        self.optional(b'(', |parser| parser.named_value(constant), b')')
    }

    /// An argument, or a field of an input object.
    fn named_value(&mut self, constant: bool) -> Result<(String, Value), ParseError> {
        let name = self.name()?;
        self.expect(b':')?;
        Ok((name, self.value(constant)?))
    }

    /// `constant`: without variables.
    fn value(&mut self, constant: bool) -> Result<Value, ParseError> {
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

/// A token in the words of an error.
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

/// Lines and columns of offsets that only grow. Lines end as the specification says; columns count UTF-16 code units,
/// as editors and other servers do.
struct Locator<'t> {
    bytes: &'t [u8],
    offset: usize,
    position: Pos,
}

impl<'t> Locator<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            bytes: text.as_bytes(),
            offset: 0,
            position: Pos { line: 1, column: 1 },
        }
    }

    fn locate(&mut self, offset: usize) -> Pos {
        while self.offset < offset {
            let next = self.bytes.get(self.offset + 1);
            match self.bytes.get(self.offset) {
                Some(b'\n') => self.begin_line(),
                Some(b'\r') if next != Some(&b'\n') => self.begin_line(),
                // Bytes inside a character.
                Some(0x80..=0xbf) => {}
                // The first byte of a surrogate pair.
                Some(0xf0..) => self.position.column += 2,
                _ => self.position.column += 1,
            }
            self.offset += 1;
        }
        self.position
    }

    fn begin_line(&mut self) {
        self.position.line += 1;
        self.position.column = 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::prepare::document::into_text;

    #[track_caller]
    fn printed(text: &str) -> String {
        one_line(&into_text(parse(text).expect(text).document))
    }

    /// The same by the library's own parser.
    #[track_caller]
    fn printed_by_library(text: &str) -> String {
        let document = graphql_tools::parser::parse_query::<String>(text).expect(text);
        one_line(&into_text(document.into_static()))
    }

    fn one_line(text: &str) -> String {
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn documents_are_read_whole() {
        for (text, expected) in [
            ("{a}", "{ a }"),
            ("query{a}", "query { a }"),
            (
                "query Q($a:Int=1,$b:[[Int!]!]!=[[2]]@x,$c:I={k:[true,null,E],l:\"s\"})@d(e:1){x:a(b:$a,c:{d:[$b]})@f@g(h:$c){b}}",
                "query Q($a: Int = 1, $b: [[Int!]!]! = [[2]], $c: I = {k: [true, null, E], l: \"s\"}) @d(e: 1) { x: a(b: $a, c: {d: [$b]}) @f @g(h: $c) { b } }",
            ),
            (
                "mutation M{a}subscription{a}fragment F on T@d{a}",
                "mutation M { a } subscription { a } fragment F on T @d { a }",
            ),
            (
                "{...F@a ...on T@b{c}...{d}...@e{f}}",
                "{ ...F @a ... on T @b { c } ... { d } ... @e { f } }",
            ),
            (
                "{fragment on:query(null:null,true:on){type}}",
                "{ fragment on: query(null: null, true: on) { type } }",
            ),
            ("{a(b:\"\",c:[],d:{})}", "{ a(b: \"\", c: [], d: {}) }"),
            ("\u{feff}#c\r{a,,,b}#d", "{ a b }"),
        ] {
            assert_eq!(printed(text), printed_by_library(expected), "{text}");
        }
    }

    #[test]
    fn values_are_what_they_say() {
        for (literal, value) in [
            ("\"caf\\u00e9 \\ud83c\\udfa7\\u{1F3A7}\"", "\"café 🎧🎧\""),
            ("\"\\b\\f\\n\\r\\t\\/\"", "\"\\u0008\\u000c\\n\\r\\t/\""),
            ("\"\"\"\r  x\r   y \r\"\"\"", "\"x\\n y \""),
            ("0", "0"),
            ("-0", "0"),
            ("2147483647", "2147483647"),
            ("2147483648", "2147483648"),
            ("-2147483649", "-2147483649"),
            ("9223372036854775808", "9223372036854775808"),
            ("-1.50", "-1.50"),
            ("1E400", "1E400"),
        ] {
            let text = format!("{{ a(b: {literal}) }}");
            assert_eq!(printed(&text), format!("{{ a(b: {value}) }}"), "{literal}");
        }
    }

    #[test]
    fn descriptions_are_passed_over() {
        for (text, expected) in [
            ("\"d\" query Q { a }", "query Q { a }"),
            ("\"\"\"d\"\"\" mutation { a }", "mutation { a }"),
            ("\"d\" subscription S { a }", "subscription S { a }"),
            (
                "{ a } \"\"\" f \"\"\" fragment F on T { a }",
                "{ a } fragment F on T { a }",
            ),
            (
                "query(\"v\" $a: Int = 1 \"\"\"w\"\"\" $b: Int) { a }",
                "query ($a: Int = 1, $b: Int) { a }",
            ),
        ] {
            assert_eq!(printed(text), printed_by_library(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_document_is_refused_where_it_stops_being_one() {
        for (text, message, line, column) in [
            ("", "Unexpected <EOF>.", 1, 1),
            ("{", "Expected Name, found <EOF>.", 1, 2),
            ("{}", "Expected Name, found \"}\".", 1, 2),
            ("{ a", "Expected Name, found <EOF>.", 1, 4),
            ("{ a } }", "Unexpected \"}\".", 1, 7),
            ("a { b }", "Unexpected Name \"a\".", 1, 1),
            ("type T { a: Int }", "Unexpected Name \"type\".", 1, 1),
            (
                "\"d\" { a }",
                "Unexpected description: the short form of a query has none.",
                1,
                1,
            ),
            ("\"d\" \"e\" query { a }", "Unexpected String.", 1, 5),
            ("query \"d\" { a }", "Expected \"{\", found String.", 1, 7),
            ("query() { a }", "Expected \"$\", found \")\".", 1, 7),
            ("query($a) { a }", "Expected \":\", found \")\".", 1, 9),
            ("query($a: Int = $b) { a }", "Unexpected \"$\".", 1, 17),
            ("query($a: Int @d(e: $b)) { a }", "Unexpected \"$\".", 1, 21),
            ("{ a() }", "Expected Name, found \")\".", 1, 5),
            ("{ a(b) }", "Expected \":\", found \")\".", 1, 6),
            ("{ a(b: ) }", "Unexpected \")\".", 1, 8),
            ("{ a(b: {c}) }", "Expected \":\", found \"}\".", 1, 10),
            ("{ a: }", "Expected Name, found \"}\".", 1, 6),
            ("{ ... on }", "Expected Name, found \"}\".", 1, 10),
            ("{ ... }", "Expected \"{\", found \"}\".", 1, 7),
            ("fragment on on T { a }", "Unexpected Name \"on\".", 1, 10),
            ("fragment F { a }", "Expected \"on\", found \"{\".", 1, 12),
            ("{ a @ }", "Expected Name, found \"}\".", 1, 7),
            ("{\n  a\r\n  b\r  ~ }", "Unexpected character.", 4, 3),
            ("\t{ a ~ }", "Unexpected character.", 1, 6),
            ("{ a(b: \"é🎧\") ~ }", "Unexpected character.", 1, 15),
            ("\u{feff}{ ~ }", "Unexpected character.", 1, 4),
            (
                "{ a(b: \"\"\"\n\r\r\n\"\"\") ~ }",
                "Unexpected character.",
                4,
                6,
            ),
            ("{ a(b: \"x\\ud83c\") }", "Invalid escape sequence.", 1, 10),
            ("{ a(b: \"x) }", "Unterminated string.", 1, 13),
            ("{ a(b: 1x) }", "Invalid number.", 1, 9),
        ] {
            let expected = ParseError::Syntax {
                message: message.to_owned(),
                position: Pos { line, column },
            };
            assert_eq!(parse(text).expect_err(text), expected, "{text:?}");
        }
    }

    #[test]
    fn brackets_are_nested_as_deep_as_the_stack_allows() {
        let nested = |levels: usize| format!("{}a{}", "{a".repeat(levels), "}".repeat(levels));
        assert!(parse(&nested(MAX_NESTING)).is_ok());
        assert_eq!(
            parse(&nested(MAX_NESTING + 1)).err(),
            Some(ParseError::TooDeep)
        );
        for open in ["{a(b:", "{a(b:{c:", "{a(b:[", "query($a:["] {
            let text = format!("{open}{}", "[".repeat(100_000));
            assert_eq!(parse(&text).err(), Some(ParseError::TooDeep), "{open}");
        }
        let beside = format!("{{{}}}", "a{b}".repeat(1000));
        assert!(parse(&beside).is_ok());
    }

    #[test]
    fn places_are_those_of_the_text() {
        let text = "query Q(\r\n\t$a: Int\r) {\n  é: \"no\"\n}";
        assert!(parse(text).is_err());
        let parsed = parse("query Q(\r\n\t\"d\" $a: Int @x\r) {\n  f ...F\n}").expect("a document");
        let Some(Definition::Operation(OperationDefinition::Query(query))) =
            parsed.document.definitions.first()
        else {
            panic!("{parsed:?}");
        };
        let at = |line, column| Pos { line, column };
        assert_eq!(query.position, at(1, 1));
        assert_eq!(query.variable_definitions[0].position, at(2, 6));
        assert_eq!(parsed.variable_directives, [("x".to_owned(), at(2, 14))]);
        assert_eq!(query.selection_set.span, (at(3, 3), at(5, 1)));
        let Selection::FragmentSpread(spread) = &query.selection_set.items[1] else {
            panic!("{query:?}");
        };
        assert_eq!(spread.position, at(4, 5));
    }

    proptest! {
        #[test]
        fn what_the_library_reads_is_read_alike(
            pieces in prop::collection::vec(
                prop::sample::select(vec![
                    "{ a", "{ b: a", "}", "}", "}", "query Q", "mutation", "subscription", "fragment F on T", "...F",
                    "... on T {", "... {", "(a: 1)", "(a: $v, b: [E, {c: \"s\"}])", "($v: [Int!]! = [1])", "@d", "@d(a: true)",
                    "a", "on", "null", "\"\"", "\"\"\" b \"\"\"", ",", "#c\n", "\t", "\u{feff}", ":", "$", "!", "-1", "é",
                ]),
                0..12,
            )
        ) {
            let text = pieces.join(" ");
            let library = graphql_tools::parser::parse_query::<String>(&text);
            let ours = parse(&text);
            // The library reads no descriptions of definitions and no directives of variables.
            if let (Ok(library), Ok(ours)) = (&library, &ours) {
                let library = into_text(library.clone().into_static());
                prop_assert_eq!(into_text(ours.document.clone()), library, "{}", text);
            } else {
                let newer = text.contains('"');
                prop_assert!(ours.is_ok() == library.is_ok() || newer, "{}: {:?}", text, ours);
            }
        }
    }
}
