//! Documents and variables meant to keep the router busy without exceeding a limit, or at least none that is checked
//! early. A counter at the end makes each document unique, so that none is served from the cache.

use std::fmt::Write as _;

use router::OperationLimits;
use serde_json::{Value, json};

use crate::Attack;

pub(crate) fn attacks() -> Vec<Attack> {
    let limits = OperationLimits::default();
    let (tokens, values) = (limits.tokens - 32, limits.variable_values - 8);
    let plain = |name, document: String| under_limit(name, document, Value::Null);
    vec![
        plain("an ordinary document", "{a{hello}}".to_owned()),
        plain("overlap: 8 levels of 2", nested("a", 2, 8)),
        plain("overlap: 2 levels of 17", nested("a", 17, 2)),
        plain("overlap: types, 7 levels", exclusive(7)),
        plain(
            "overlap: many fragments",
            fragments(250, |_| "a".to_owned()),
        ),
        plain(
            "overlap: fragments of fields",
            fragments(20, |index| {
                numbered(tokens / 20 - 9, &format!("f{index}_"), "")
            }),
        ),
        plain("overlap: chains of fragments", chains(20, 6)),
        plain("fields: fragments that double", doubling(10)),
        plain(
            "unknown fields",
            format!("{{a{{{}}}}}", numbered(tokens, &"n".repeat(24), "")),
        ),
        plain(
            "unknown arguments",
            format!("{{args({})}}", numbered(tokens / 3, "u", ":1")),
        ),
        plain(
            "the same argument",
            format!("{{args({})}}", "n:1 ".repeat(tokens / 3)),
        ),
        plain(
            "unknown directives",
            format!("{{a{{{}}}}}", numbered(190, "a", ":hello @x")),
        ),
        plain(
            "a list of integers",
            format!("{{args(list:[{}])}}", "1 ".repeat(tokens - 8)),
        ),
        plain(
            "a list of wrong values",
            format!("{{args(list:[{}])}}", "A ".repeat(tokens - 8)),
        ),
        plain(
            "lists in a list",
            format!(
                "{{args(n:{}{}{})}}",
                "[".repeat(45),
                "1 ".repeat(tokens - 120),
                "]".repeat(45)
            ),
        ),
        plain(
            "objects in objects",
            format!("{{args(input:{})}}", objects(tokens / 4)),
        ),
        plain(
            "keys of an object",
            format!("{{args(input:{{{}}})}}", numbered(tokens / 3, "k", ":1")),
        ),
        plain(
            "a long string",
            format!("{{args(text:\"{}\")}}", "a".repeat(261_000)),
        ),
        plain(
            "variables: unused",
            format!("query({}){{hello}}", numbered(tokens / 4, "$v", ":Int")),
        ),
        plain(
            "variables: undefined",
            format!("{{args(list:[{}])}}", numbered(tokens / 2, "$v", "")),
        ),
        plain(
            "variables: used",
            format!(
                "query({}){{args(list:[{}])}}",
                numbered(tokens / 6, "$v", ":Int"),
                numbered(tokens / 6, "$v", "")
            ),
        ),
        plain(
            "variables: of wrong types",
            format!(
                "query({}){{args(list:[{}])}}",
                numbered(tokens / 6, "$v", ":String"),
                numbered(tokens / 6, "$v", "")
            ),
        ),
        plain("operations", numbered(tokens / 5, "query q", "{hello}")),
        plain(
            "operations of one name",
            "query q{hello} ".repeat(tokens / 5),
        ),
        plain(
            "operations with a fragment",
            numbered(tokens / 7, "query q", "{...f}") + "fragment f on Query{hello}",
        ),
        plain(
            "fragments: unused",
            numbered(tokens / 7, "fragment f", " on Query{hello}") + "{hello}",
        ),
        plain("fragments: all cycles", cycles(60)),
        plain(
            "fragments: unknown",
            format!("{{a{{{}}}}}", numbered(420, "...f", "")),
        ),
        plain("introspection: all of it", introspection(2)),
        under_limit(
            "variable: integers",
            "query($v:[Int]){args(list:$v)}".to_owned(),
            json!(vec![1; values]),
        ),
        under_limit(
            "variable: wrong integers",
            "query($v:[Int]){args(list:$v)}".to_owned(),
            json!(vec!["a"; values]),
        ),
        under_limit(
            "variable: objects",
            "query($v:In){args(input:$v)}".to_owned(),
            json!({ "list": vec![json!({ "n": 1 }); values / 2] }),
        ),
        under_limit(
            "variable: unknown keys",
            "query($v:In){args(input:$v)}".to_owned(),
            keys(values),
        ),
        under_limit(
            "variable: lists in lists",
            "query($v:[Int]){args(list:$v)}".to_owned(),
            deep(120),
        ),
        under_limit(
            "variable: a string",
            "query($v:String){args(text:$v)}".to_owned(),
            json!("a".repeat(1_000_000)),
        ),
    ]
}

fn under_limit(name: &'static str, document: String, variable: Value) -> Attack {
    let query = format!("{document} #00000000");
    Attack {
        name,
        // Any response will do.
        answer: "{",
        // The document comes last, so that its counter is at a known offset.
        body: format!(
            "{{\"variables\":{},\"query\":{}}}",
            json!({ "v": variable }),
            json!(query)
        ),
        announced: false,
    }
}

pub(crate) fn numbered(count: usize, before: &str, after: &str) -> String {
    (0..count).fold(String::new(), |mut text, index| {
        let _ = write!(text, "{before}{index:05}{after} ");
        text
    })
}

/// A field nested `times` times per level, `levels` deep.
pub(crate) fn nested(field: &str, times: usize, levels: usize) -> String {
    match levels {
        0 => "{hello}".to_owned(),
        _ => format!(
            "{{{}}}",
            format!("{field}{}", nested(field, times, levels - 1)).repeat(times)
        ),
    }
}

/// The same fields on two mutually exclusive types.
fn exclusive(levels: usize) -> String {
    match levels {
        0 => "{hello}".to_owned(),
        _ => {
            let inner = exclusive(levels - 1);
            format!("{{any{{...on One{{node{inner}}}...on Two{{node{inner}}}}}}}")
        }
    }
}

/// Fragments that are all spread in one place.
fn fragments(count: usize, fields: impl Fn(usize) -> String) -> String {
    let mut document = format!("{{a{{{}}}}}", numbered(count, "...f", ""));
    for index in 0..count {
        let fields = fields(index).replace("a", "hello");
        let _ = write!(document, "fragment f{index:05} on Query{{{fields}}}");
    }
    document
}

/// Chains of fragments that all select the same field at each level.
fn chains(chains: usize, links: usize) -> String {
    let heads: String =
        (0..chains).fold(String::new(), |text, chain| format!("{text}...f{chain}_0 "));
    let mut document = format!("{{a{{{heads}}}}}");
    for chain in 0..chains {
        for link in 0..links {
            let inner = match link + 1 {
                next if next < links => {
                    format!("...f{chain}_{next} ...f{}_{next}", (chain + 1) % chains)
                }
                _ => "hello".to_owned(),
            };
            let _ = write!(
                document,
                "fragment f{chain}_{link} on Query{{a{{{inner}}}}}"
            );
        }
    }
    document
}

/// Fragments that each spread the next one in two fields.
fn doubling(levels: usize) -> String {
    let mut document = format!("{{...f0}}fragment f{levels} on Query{{hello}}");
    for level in 0..levels {
        let next = level + 1;
        let _ = write!(
            document,
            "fragment f{level} on Query{{a{{...f{next}}}x:a{{...f{next}}}}}"
        );
    }
    document
}

/// Every fragment spreads every fragment.
fn cycles(count: usize) -> String {
    let spreads = (0..count).fold(String::new(), |text, index| {
        format!("{text}...{}{index:02} ", "f".repeat(60))
    });
    let mut document = format!("{{...{}00}}", "f".repeat(60));
    for index in 0..count {
        let _ = write!(
            document,
            "fragment {}{index:02} on Query{{{spreads}}}",
            "f".repeat(60)
        );
    }
    document
}

fn objects(keys: usize) -> String {
    let row = "n:1 ".repeat(keys / 40);
    let open = format!("{{{row} in:").repeat(40);
    format!("{open}1{}", "}".repeat(40))
}

pub(crate) fn introspection(levels: usize) -> String {
    let mut inner = "name".to_owned();
    for _ in 0..levels {
        inner = format!("name fields{{name type{{{inner}}}}}");
    }
    format!("{{__schema{{types{{{inner}}}}}}}")
}

fn keys(count: usize) -> Value {
    (0..count)
        .map(|index| (format!("key{index}"), json!(1)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn deep(levels: usize) -> Value {
    (0..levels).fold(json!(1), |inner, _| json!([inner]))
}
