//! Values that are tried at every argument.

use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};

/// Values that some type or some database has no room for, as JSON.
pub(crate) fn odd_values() -> Vec<String> {
    let texts = [
        "",
        " ",
        "\u{0}",
        "a\u{0}b",
        "🎧",
        "\u{feff}",
        "\u{202e}",
        "'; --",
        "%",
        "\\",
        "NaN",
        "-1",
        "1e309",
        "0x10",
        "2025-13-45",
        "2025-02-30T25:00:00Z",
        "+10000-01-01T00:00:00Z",
        "-262144-01-01T00:00:00Z",
        "99:99",
        "24:00",
        "ord_01h455vb4pex5vsknk084sn02q",
        "prod_",
        "_",
        "79228162514264337593543950336",
        "0.00000000000000000000000000001",
    ];
    let long = [
        "x".repeat(300),
        "y".repeat(5_000),
        "é ".repeat(40_000),
        "9".repeat(400),
    ];
    let plain = [
        "null",
        "true",
        "false",
        "0",
        "-1",
        "1.5",
        "1e2",
        "2147483648",
        "-2147483649",
        "9007199254740993",
        "9223372036854775808",
        "-9223372036854775809",
        "123456789012345678901234567890",
        "90071992547409.93",
        "1.79e308",
        "1e309",
        "-1e400",
        "1e-400",
        "0.1000000000000000055511151231257827",
        "[]",
        "[null]",
        "[true]",
        "[\"5\"]",
        "[[1]]",
        "[[[]]]",
        "{}",
        "{\"a\":1}",
        "{\"$digits\":\"1\"}",
        "{\"\":{\"\":[]}}",
    ];
    let texts = texts.into_iter().map(str::to_owned).chain(long);
    texts
        .map(|text| Value::String(text).to_string())
        .chain(plain.map(str::to_owned))
        .collect()
}

/// A JSON value of any form.
pub(crate) fn random_value(random: &mut ChaCha8Rng, depth: usize) -> Value {
    match random.random_range(0..if depth == 0 { 5 } else { 7 }) {
        0 => Value::Null,
        1 => json!(random.random::<bool>()),
        2 => json!(random.random::<i64>() >> random.random_range(0..63)),
        3 => json!(f64::from_bits(random.random())),
        4 => {
            let length = random.random_range(0..12);
            json!(
                (0..length)
                    .map(|_| random.random::<char>())
                    .collect::<String>()
            )
        }
        5 => (0..random.random_range(0..4))
            .map(|_| random_value(random, depth - 1))
            .collect(),
        _ => {
            let names = ["id", "sku", "input", "min", "$digits", ""];
            let fields = (0..random.random_range(0..4)).map(|_| {
                let name = names.choose(random).copied().unwrap_or_default();
                (name.to_owned(), random_value(random, depth - 1))
            });
            Value::Object(fields.collect::<Vec<_>>().into_iter().collect())
        }
    }
}
