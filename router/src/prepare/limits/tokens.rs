//! Checks limits on the tokens alone: an attack is not worth building a syntax tree.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::{Exceeded, OperationLimits, at_most};
use crate::prepare::lexer::{Lexer, Token};

/// Invalid documents exceed no limit here; the parser reports their errors.
pub(in crate::prepare) fn check(text: &str, limits: &OperationLimits) -> Result<(), Exceeded> {
    let mut scan = Scan::new(limits);
    for token in Lexer::new(text) {
        scan.token(token)?;
    }
    at_most("document_bytes", text.len(), limits.document_bytes)
}

/// The state of the scan.
struct Scan<'t, 'l> {
    limits: &'l OperationLimits,
    tokens: usize,
    aliases: usize,
    directives: usize,
    /// Inside parentheses a name is an argument, a variable, a type or an object key; never a field.
    parentheses: usize,
    /// The open selections, outermost first, each by its number in the document.
    open: Vec<usize>,
    /// How many selections there have been.
    selections: usize,
    /// How often each response key occurs in each selection.
    keys: HashMap<(usize, &'t str), usize, RandomState>,
    /// Fields and fragments directly in this definition.
    roots: usize,
    definition: Definition,
    name: Name,
}

/// The construct that the next or current braces belong to.
#[derive(Clone, Copy, PartialEq)]
enum Definition {
    /// Unknown before its first word; without one it is an operation.
    None,
    Operation,
    Fragment,
}

/// The meaning of the next name inside a selection.
#[derive(Clone, Copy)]
enum Name {
    /// A field or its alias.
    Field,
    /// Part of something else: a field after its alias, a directive, a type.
    Part,
    /// A fragment; `on` comes before its type.
    Fragment,
}

impl<'t, 'l> Scan<'t, 'l> {
    fn new(limits: &'l OperationLimits) -> Self {
        Self {
            limits,
            tokens: 0,
            aliases: 0,
            directives: 0,
            parentheses: 0,
            open: Vec::new(),
            selections: 0,
            keys: HashMap::default(),
            roots: 0,
            definition: Definition::None,
            name: Name::Field,
        }
    }

    fn token(&mut self, token: Token<'t>) -> Result<(), Exceeded> {
        self.tokens += 1;
        at_most("tokens", self.tokens, self.limits.tokens)?;
        match token {
            Token::Sign(b'(') => self.parentheses += 1,
            Token::Sign(b')') => self.parentheses = self.parentheses.saturating_sub(1),
            Token::Sign(b'@') => {
                self.directives += 1;
                at_most("directives", self.directives, self.limits.directives)?;
            }
            _ => {}
        }
        if self.parentheses > 0 {
            return Ok(());
        }
        self.name = match token {
            Token::Name(name) => self.name(name)?,
            Token::Sign(b':') => {
                self.aliases += 1;
                at_most("aliases", self.aliases, self.limits.aliases)?;
                Name::Part
            }
            Token::Sign(b'@') => Name::Part,
            Token::Spread => {
                self.selected()?;
                Name::Fragment
            }
            Token::Sign(b'{') => {
                if self.open.is_empty() {
                    self.roots = 0;
                }
                self.open.push(self.selections);
                self.selections += 1;
                Name::Field
            }
            Token::Sign(b'}') => {
                self.open.pop();
                if self.open.is_empty() {
                    self.definition = Definition::None;
                }
                Name::Field
            }
            Token::Sign(_)
            | Token::Int(_)
            | Token::Float(_)
            | Token::String(_)
            | Token::BlockString(_) => Name::Field,
        };
        Ok(())
    }

    /// Returns what a name after this one would be.
    fn name(&mut self, word: &'t str) -> Result<Name, Exceeded> {
        let Some(selection) = self.open.last() else {
            if self.definition == Definition::None {
                self.definition = match word {
                    "fragment" => Definition::Fragment,
                    _ => Definition::Operation,
                };
            }
            return Ok(Name::Field);
        };
        match self.name {
            Name::Field => {
                let times = self.keys.entry((*selection, word)).or_default();
                *times += 1;
                at_most("repeated_fields", *times, self.limits.repeated_fields)?;
                self.selected()?;
                Ok(Name::Field)
            }
            Name::Fragment if word == "on" => Ok(Name::Part),
            Name::Fragment | Name::Part => Ok(Name::Field),
        }
    }

    /// Counts a field or fragment of the open selection.
    fn selected(&mut self) -> Result<(), Exceeded> {
        if self.open.len() == 1 && self.definition != Definition::Fragment {
            self.roots += 1;
            at_most("root_fields", self.roots, self.limits.root_fields)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use graphql_tools::parser::query::{Definition, Selection, SelectionSet};
    use proptest::prelude::*;

    use super::*;

    fn exceeded(text: &str, limits: OperationLimits) -> Option<&'static str> {
        check(text, &limits).err().map(|exceeded| exceeded.limit)
    }

    type Set = fn(&mut OperationLimits) -> &mut usize;

    const COUNTED: [(&str, Set); 6] = [
        ("document_bytes", |limits| &mut limits.document_bytes),
        ("tokens", |limits| &mut limits.tokens),
        ("aliases", |limits| &mut limits.aliases),
        ("directives", |limits| &mut limits.directives),
        ("root_fields", |limits| &mut limits.root_fields),
        ("repeated_fields", |limits| &mut limits.repeated_fields),
    ];

    /// Checks the scan's counts, in the order of [`COUNTED`].
    #[track_caller]
    fn assert_counts(text: &str, counts: [usize; 6]) {
        for ((name, set), count) in COUNTED.into_iter().zip(counts) {
            let mut limits = OperationLimits::default();
            *set(&mut limits) = count;
            assert_eq!(
                exceeded(text, limits.clone()),
                None,
                "{count} {name} in {text}"
            );
            if let Some(less) = count.checked_sub(1) {
                *set(&mut limits) = less;
                assert_eq!(
                    exceeded(text, limits),
                    Some(name),
                    "{count} {name} in {text}"
                );
            }
        }
    }

    #[test]
    fn counts_what_is_written_only() {
        let text = "query($v: Int = 1, $w: [In!]) { a: b(c: {d: $v, e: \"@ : @\"}) @f { ...g } } # @ : @\n\
                    fragment g on T { \"\"\"@\"\"\" }";
        assert_counts(text, [text.len(), 47, 1, 1, 1, 1]);
    }

    #[test]
    fn fields_are_told_from_the_other_names() {
        for (text, roots, repeated) in [
            ("{ a }", 1, 1),
            ("{ a: b b: a a: c }", 3, 2),
            ("{ a a { a a a } }", 2, 3),
            ("{ a { b } c { b } }", 2, 1),
            ("{ on on(on: on) @on(on: on) on: on }", 3, 3),
            ("{ fragment query { on } ...on ... on on { on } }", 4, 1),
            ("{ ...a ...a @a ... @a { a a } ... { a } a }", 5, 2),
            (
                "query a @a ($a: a = {a: {a: a}}) @a { a(a: {a: [a]}) }",
                1,
                1,
            ),
            ("fragment a on a { a a a } { a }", 1, 3),
            (
                "fragment fragment on a @a { b c d } query fragment { a b }",
                2,
                1,
            ),
            ("{ a b c } query b { a }", 3, 1),
            (
                "{ a(a: \"}\", b: \"\"\"} { b b b \\\"\"\" b\"\"\") } # a a",
                1,
                1,
            ),
        ] {
            let limits = |root_fields, repeated_fields| OperationLimits {
                root_fields,
                repeated_fields,
                ..OperationLimits::default()
            };
            assert_eq!(exceeded(text, limits(roots, repeated)), None, "{text}");
            let fewer = limits(roots - 1, repeated);
            assert_eq!(exceeded(text, fewer), Some("root_fields"), "{text}");
            let rarer = limits(roots, repeated - 1);
            assert_eq!(exceeded(text, rarer), Some("repeated_fields"), "{text}");
        }
    }

    #[test]
    fn leaves_what_is_no_document_to_the_parser() {
        for text in ["{ a ", "\"", "{ \u{0} }", ")))", "}}}", ""] {
            assert_eq!(exceeded(text, OperationLimits::default()), None, "{text}");
        }
    }

    /// The same counts taken from a syntax tree: aliases, fields of the widest operation, and repetitions of the most
    /// frequent key.
    #[derive(Default)]
    struct Counts {
        aliases: usize,
        roots: usize,
        repeated: usize,
    }

    impl Counts {
        fn of(text: &str) -> Self {
            let document = graphql_tools::parser::parse_query::<String>(text)
                .expect("a document")
                .into_static();
            let mut counts = Self::default();
            for definition in &document.definitions {
                let selections = match definition {
                    Definition::Operation(operation) => {
                        let selections = operation.selection_set();
                        counts.roots = counts.roots.max(selections.items.len());
                        selections
                    }
                    Definition::Fragment(fragment) => &fragment.selection_set,
                };
                counts.add(selections);
            }
            counts
        }

        fn add(&mut self, selections: &SelectionSet<'static, String>) {
            let mut keys = HashMap::new();
            for selection in &selections.items {
                match selection {
                    Selection::Field(field) => {
                        self.aliases += usize::from(field.alias.is_some());
                        let key = field.alias.as_ref().unwrap_or(&field.name);
                        *keys.entry(key).or_insert(0) += 1;
                        self.add(&field.selection_set);
                    }
                    Selection::InlineFragment(fragment) => self.add(&fragment.selection_set),
                    Selection::FragmentSpread(_) => {}
                }
            }
            let most = keys.into_values().max().unwrap_or_default();
            self.repeated = self.repeated.max(most);
        }
    }

    /// Words with a meaning elsewhere.
    fn word() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec!["a", "b", "on", "fragment", "query", "true", "_1"])
    }

    fn argument() -> impl Strategy<Value = String> {
        let value = prop::sample::select(vec![
            "1",
            "-0.5e7",
            "\"a b: @c {\"",
            "\"\\\"}\"",
            "\"\"\"{ a \\\"\"\" ( \"\"\"",
            "[a, [$b]]",
            "{a: {on: a}}",
            "null",
            "$on",
        ]);
        (word(), value).prop_map(|(name, value)| format!("({name}: {value})"))
    }

    /// Nothing, or a directive with or without an argument.
    fn directive() -> impl Strategy<Value = String> {
        let directive = (word(), prop::option::of(argument()))
            .prop_map(|(name, argument)| format!("@{name}{}", argument.unwrap_or_default()));
        prop::option::of(directive).prop_map(Option::unwrap_or_default)
    }

    fn selections() -> impl Strategy<Value = String> {
        let alias = prop::option::of(word().prop_map(|name| format!("{name} :")));
        let arguments = prop::option::of(argument());
        let field = (alias, word(), arguments, directive())
            .prop_map(|(alias, name, arguments, directive)| {
                let [alias, arguments] = [alias, arguments].map(Option::unwrap_or_default);
                format!("{alias}{name}{arguments} {directive}")
            })
            .boxed();
        let leaf = prop::collection::vec(field.clone(), 1..4);
        let leaf = leaf.prop_map(|fields| format!("{{{}}}", fields.join(" ")));
        leaf.prop_recursive(4, 40, 5, move |inner| {
            let parent = (field.clone(), inner.clone()).prop_map(|(field, set)| field + &set);
            let condition = prop::option::of(word().prop_map(|name| format!(" on {name}")));
            let inline = (condition, directive(), inner).prop_map(|(condition, directive, set)| {
                format!("...{} {directive} {set}", condition.unwrap_or_default())
            });
            let spread = (prop::sample::select(vec!["a", "fragment"]), directive())
                .prop_map(|(name, directive)| format!("... {name} {directive}"));
            let any = prop_oneof![field.clone(), parent, inline, spread];
            prop::collection::vec(any, 1..5)
                .prop_map(|items| format!("{{ # }} b\n{} , }}", items.join(" ")))
        })
    }

    fn definition() -> impl Strategy<Value = String> {
        let header = prop_oneof![
            Just(String::new()),
            (word(), directive()).prop_map(|(name, on)| format!("query {name} {on}")),
            Just("mutation ($a: [b!] = [{a: on}], $on: b)".to_owned()),
            (
                prop::sample::select(vec!["a", "fragment"]),
                word(),
                directive()
            )
                .prop_map(|(name, ty, on)| format!("fragment {name} on {ty} {on}")),
        ];
        (header, selections()).prop_map(|(header, set)| header + &set)
    }

    proptest! {
        #[test]
        fn the_scan_counts_as_the_parser_reads(
            definitions in prop::collection::vec(definition(), 1..4)
        ) {
            let text = definitions.join("\n");
            let counts = Counts::of(&text);
            for (name, count) in [
                ("aliases", counts.aliases),
                ("root_fields", counts.roots),
                ("repeated_fields", counts.repeated),
            ] {
                let (_, set) = COUNTED.into_iter().find(|(known, _)| *known == name).expect("counted");
                let mut limits = OperationLimits::default();
                *set(&mut limits) = count;
                prop_assert_eq!(exceeded(&text, limits.clone()), None, "{} {}", count, name);
                if let Some(less) = count.checked_sub(1) {
                    *set(&mut limits) = less;
                    prop_assert_eq!(exceeded(&text, limits), Some(name), "{} {}", count, name);
                }
            }
        }
    }
}
