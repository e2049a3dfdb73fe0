//! The largest documents and bodies that exceed exactly one limit.

use std::fmt::Write as _;

use router::OperationLimits;
use router::server::ServerConfig;
use serde_json::json;

use crate::Attack;
use crate::under_limit::{introspection, nested, numbered};

pub(crate) fn attacks() -> Vec<Attack> {
    let limits = OperationLimits::default();
    let room = ServerConfig::default().max_body_bytes - 64;
    let parsed = limits.document_bytes - 64;
    let attack = |name, refusal, document: String| Attack {
        name,
        answer: refusal,
        body: json!({ "query": document }).to_string(),
        announced: false,
    };
    // Names fill the rest of the body, so that the parser has to read it all.
    let padded = |room: usize, count: usize, each: &str| "a".repeat(room / count - each.len());
    let mut attacks = Vec::new();

    let tokens = limits.tokens + 4;
    let name = padded(room, tokens, "12345 ");
    let mut document = String::from("{x{");
    for index in 0..tokens {
        let _ = write!(document, "{name}{index:05} ");
    }
    attacks.push(attack("tokens", "`tokens`", document + "}}"));
    let brackets = limits.tokens / 2 - 4;
    attacks.push(attack("depth: brackets", "`depth`", "{a".repeat(brackets)));
    let list = format!("{{ a(b: {}) }}", "[".repeat(limits.tokens - 16));
    attacks.push(attack("depth: lists in an argument", "`depth`", list));
    // Three tokens per alias.
    let aliases = limits.tokens / 3 - 4;
    let name = padded(room, aliases, "1234:a ");
    let mut document = String::from("{x{");
    for index in 0..aliases {
        let _ = write!(document, "{name}{index:04}:a ");
    }
    attacks.push(attack("aliases", "`aliases`", document + "}}"));
    let roots = limits.tokens - 4;
    let name = padded(room, roots, "12345 ");
    let mut document = String::from("{");
    for index in 0..roots {
        let _ = write!(document, "{name}{index:05} ");
    }
    attacks.push(attack("root_fields", "`root_fields`", document + "}"));
    let directives = limits.tokens / 2 - 4;
    let name = padded(room, directives, "@ ");
    let document = format!("{{a {}}}", format!("@{name} ").repeat(directives));
    attacks.push(attack("directives", "`directives`", document));
    let repeated = limits.tokens - 8;
    let name = padded(room, repeated, " ");
    let document = format!("{{a{{{}}}}}", format!("{name} ").repeat(repeated));
    attacks.push(attack("repeated_fields", "`repeated_fields`", document));
    let comment = format!("{{a}} #{}", "a".repeat(room - 8));
    attacks.push(attack(
        "document_bytes: a comment",
        "`document_bytes`",
        comment,
    ));
    let string = format!("{{a(b: \"{}\")}}", "\\q".repeat(room / 3 - 8));
    attacks.push(attack(
        "document_bytes: escapes",
        "`document_bytes`",
        string,
    ));
    // The most that fits before a selection exceeds the limit on repeated keys: each fragment spreads the next one in
    // two fields.
    let fragments = (limits.tokens - 8) / 17;
    let name = padded(
        parsed,
        3 * fragments + 4,
        " fragment on Query { a{...} b{...} }1234",
    );
    let mut document = format!("{{...{name}0}}");
    for index in 0..fragments {
        let next = index + 1;
        let _ = write!(
            document,
            " fragment {name}{index} on Query{{a{{...{name}{next}}}b{{...{name}{next}}}}}"
        );
    }
    let _ = write!(document, " fragment {name}{fragments} on Query{{a}}");
    attacks.push(attack("depth: a chain of fragments", "`depth`", document));
    let wide = wide_expansion(&limits, parsed);
    attacks.push(attack("fields: spread fragments", "`fields`", wide));
    let unknown = format!("{{a{{{}}}}}", numbered(limits.tokens / 2 - 8, "...f", ""));
    for (name, document) in [
        // In one root field.
        (
            "comparisons: fields in fields",
            format!("{{a{}}}", nested("a", 43, 2)),
        ),
        ("comparisons: unknown fragments", unknown),
    ] {
        attacks.push(attack(name, "`comparisons`", document));
    }
    attacks.push(attack(
        "introspection_depth",
        "`introspection_depth`",
        introspection(11),
    ));
    let query = "query($v:[Int]){args(list:$v)}";
    attacks.push(Attack {
        name: "variable_values",
        answer: "`variable_values`",
        body: json!({ "query": query, "variables": { "v": vec![1; room / 2 - 64] } }).to_string(),
        announced: false,
    });
    // Rejected by its content-length; no byte of the body is sent.
    attacks.push(Attack {
        name: "body",
        answer: "longer than",
        body: "a".repeat(room + 65),
        announced: true,
    });
    attacks
}

/// Twenty levels of fragments, each spreading the next as often as the token and depth limits allow.
fn wide_expansion(limits: &OperationLimits, room: usize) -> String {
    const LEVELS: usize = 20;
    let spreads = (limits.tokens - 16) / LEVELS / 2 - 8;
    let name = "a".repeat(room / (LEVELS * (spreads + 2)) - 8);
    let mut document = format!("{{...{name}00}}");
    for level in 0..LEVELS {
        let next = format!("...{name}{:02} ", level + 1);
        let _ = write!(
            document,
            " fragment {name}{level:02} on Query{{a {}}}",
            next.repeat(spreads)
        );
    }
    let _ = write!(document, " fragment {name}{LEVELS:02} on Query{{a}}");
    document
}
