//! Files as people write them, and what is wrong with some.

use serde::Deserialize;

use super::*;

struct Pairs;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    name: String,
    count: Option<i32>,
}

impl Records for Pairs {
    type Record = Pair;
    const COLUMNS: &'static [&'static str] = &["name", "count"];

    fn read_row(&self, row: &Row<'_>) -> Result<Pair, Vec<Unreadable>> {
        let mut problems = Vec::new();
        let pair = Pair {
            name: row.text("name").unwrap_or_default().to_owned(),
            count: row.integer("count", &mut problems),
        };
        if problems.is_empty() {
            Ok(pair)
        } else {
            Err(problems)
        }
    }

    fn read_json(&self, object: &str) -> serde_json::Result<Pair> {
        serde_json::from_str(object)
    }
}

/// Lines with their pairs or problems.
fn entries(format: FileFormat, text: &str) -> Result<Vec<String>, String> {
    let mut entries = Vec::new();
    let bytes = Arc::new(AtomicU64::new(0));
    let each = |entry: Entry<Pair>| {
        entries.push(match entry.record {
            Ok(Pair { name, count }) => format!("{} {name} {count:?}", entry.place.line),
            Err(problems) => format!(
                "{} {}: {}",
                entry.place.line, problems[0].field, problems[0].message
            ),
        });
        true
    };
    read(text.as_bytes(), format, &Pairs, bytes.clone(), each).map_err(|e| e.to_string())?;
    assert_eq!(bytes.load(Ordering::Relaxed), text.len() as u64);
    Ok(entries)
}

#[test]
fn columns_may_come_in_any_order_and_blank_lines_count() {
    let text = "\u{feff}count, name\n1,a\n\n,\"b, c\"\nx,d\n";
    let expected = [
        "2 a Some(1)",
        "4 b, c None",
        "5 count: \"x\" is not a whole number",
    ];
    assert_eq!(entries(FileFormat::Csv, text).unwrap(), expected);
    let of_windows = text.trim_end().replace('\n', "\r\n");
    assert_eq!(entries(FileFormat::Csv, &of_windows).unwrap(), expected);
}

#[test]
fn a_header_must_name_known_columns_once() {
    for (text, expected) in [
        (
            "name,price\n",
            "the column \"price\": the columns are name, count",
        ),
        ("count\n1\n", "no column name"),
        ("name,count,count\n", "\"count\" twice"),
        ("", "no column name"),
    ] {
        let error = entries(FileFormat::Csv, text).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn json_is_an_array_or_one_object_after_another() {
    let (a, b) = (r#"{"name": "a", "count": 1}"#, r#"{"name": "b"}"#);
    let expected = ["2 a Some(1)", "3 b None"];
    for text in [format!(" [\n{a},\n{b}\n]\n"), format!("\n{a}\n{b}")] {
        assert_eq!(entries(FileFormat::Json, &text).unwrap(), expected);
    }
    assert_eq!(entries(FileFormat::Json, " \n"), Ok(Vec::new()));
    for broken in ["[{}", "[{},]", "[{}] {}", "{", "nonsense"] {
        assert!(entries(FileFormat::Json, broken).is_err(), "{broken}");
    }
}

#[test]
fn json_may_begin_with_a_byte_order_mark_as_csv_may() {
    let (a, b) = (r#"{"name": "a", "count": 1}"#, r#"{"name": "b"}"#);
    let expected = ["2 a Some(1)", "3 b None"];
    for text in [
        format!("\u{feff} [\n{a},\n{b}\n]"),
        format!("\u{feff}\n{a}\n{b}"),
    ] {
        assert_eq!(entries(FileFormat::Json, &text).unwrap(), expected);
    }
    for empty in ["\u{feff}", "\u{feff} \n", ""] {
        assert_eq!(entries(FileFormat::Json, empty), Ok(Vec::new()));
    }
    for broken in ["\u{feff}\u{feff}{}", " \u{feff}{}", "\u{fe00}{}", "é"] {
        let error = entries(FileFormat::Json, broken).unwrap_err();
        assert!(error.contains("is not JSON"), "{broken:?} {error}");
    }
}

/// Where each entry is, with what is wrong with it.
fn places(format: FileFormat, text: &str) -> Vec<String> {
    let mut places = Vec::new();
    let each = |entry: Entry<Pair>| {
        let problem = match entry.record {
            Ok(_) => String::new(),
            Err(problems) => {
                let texts = problems
                    .iter()
                    .map(|problem| format!(" {}: {}", problem.field, problem.message));
                texts.collect()
            }
        };
        places.push(format!("{}{problem}", entry.place));
        true
    };
    read(
        text.as_bytes(),
        format,
        &Pairs,
        Arc::new(AtomicU64::new(0)),
        each,
    )
    .unwrap();
    places
}

#[test]
fn entries_of_an_array_are_numbered_since_they_may_share_a_line() {
    let text = r#"[{"name": "a"}, {"name": 1}, {"name": "c"}]"#;
    assert_eq!(
        places(FileFormat::Json, text),
        [
            "entry 1, line 1",
            "entry 2, line 1 : invalid type: integer `1`, expected a string",
            "entry 3, line 1",
        ]
    );
    assert_eq!(
        places(FileFormat::Json, "{\"name\": \"a\"}\n{}"),
        ["line 1", "line 2 : missing field `name`"]
    );
    assert_eq!(places(FileFormat::Csv, "name\na\n"), ["line 2"]);
}

#[test]
fn what_was_expected_is_said_in_the_words_of_json() {
    for (entry, expected) in [
        ("7", "This is not a JSON object"),
        (r#"["a", 1]"#, "This is not a JSON object"),
        (
            r#"{"name": "a", "count": "x"}"#,
            "invalid type: string \"x\", expected a whole number",
        ),
        (
            r#"{"name": "a", "price": 1}"#,
            "unknown field `price`, expected `name` or `count`",
        ),
    ] {
        let found = places(FileFormat::Json, &format!("[{entry}]"));
        assert_eq!(found, [format!("entry 1, line 1 : {expected}")]);
    }
    assert_eq!(
        json_file::in_plain_words("invalid type: null, expected struct PairLine with 2 elements"),
        "invalid type: null, expected an object"
    );
}

#[test]
fn a_text_with_a_nul_character_is_refused_by_its_line() {
    let nul = "A text must not contain the character U+0000";
    assert_eq!(
        places(FileFormat::Csv, "name,count\na\0b,1\nb,1\n"),
        [format!("line 2 name: {nul}"), "line 3".to_owned()]
    );
    let json = r#"{"name": "a\u0000b"}
{"name": "a\\u0000b"}
{"na\u0000me": "a"}"#;
    assert_eq!(
        places(FileFormat::Json, json),
        [
            format!("line 1 : {nul}"),
            "line 2".to_owned(),
            format!("line 3 : {nul}"),
        ]
    );
}

#[tokio::test]
async fn batches_end_with_the_file_or_where_it_cannot_be_read_on() {
    let text: String = (0..25)
        .map(|n| format!("{{\"name\": \"{n}\"}}\n"))
        .collect();
    for (end, is_complete) in [("", true), ("{", false)] {
        let source = io::Cursor::new(format!("{text}{end}"));
        let mut batches = Batches::open(source, FileFormat::Json, Pairs, 10);
        let mut sizes = Vec::new();
        while let Some(batch) = batches.next().await {
            sizes.push(batch.len());
        }
        assert!(batches.bytes() >= text.len() as u64);
        assert_eq!(batches.finish().await.is_ok(), is_complete);
        assert_eq!(
            sizes,
            if is_complete {
                vec![10, 10, 5]
            } else {
                vec![10, 10]
            }
        );
    }
}
