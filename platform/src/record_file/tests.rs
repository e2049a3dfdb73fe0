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
            Ok(Pair { name, count }) => format!("{} {name} {count:?}", entry.line),
            Err(problems) => format!(
                "{} {}: {}",
                entry.line, problems[0].field, problems[0].message
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
