//! Files as people write them, and what is wrong with some.

use std::sync::Arc;

use platform::record_file::{Entry, FileFormat, read};

use super::*;

/// Each line with its change as JSON, or its problems.
fn entries(format: FileFormat, text: &str) -> Result<Vec<String>, String> {
    let mut entries = Vec::new();
    let each = |entry: Entry<PriceChangeInput>| {
        let shown = match entry.record {
            Ok(change) => serde_json::to_string(&change).unwrap(),
            Err(problems) => problems
                .iter()
                .map(|problem| format!("{}: {}", problem.field, problem.message))
                .collect::<Vec<_>>()
                .join("; "),
        };
        entries.push(format!("{} {shown}", entry.place.line));
        true
    };
    let records = PriceRecords {
        reason: "import".to_owned(),
    };
    read(text.as_bytes(), format, &records, Arc::default(), each)
        .map_err(|error| error.to_string())?;
    Ok(entries)
}

const PLAIN: &str =
    r#"{"product_id":"prd_1","base_usd":"19.90","reason":"import","replace_scheduled":false}"#;

#[test]
fn a_cell_that_is_empty_keeps_and_a_dash_removes() {
    let text = "\u{feff}productId,baseUsd,compareAtUsd,kind,percent,reason\n\
                prd_1,19.90,,,,\n\
                \n\
                prd_2,,-,-,,\"a, b\"\n\
                prd_3,,25,sale,-15,x\n";
    let expected = [
        format!("2 {PLAIN}"),
        r#"4 {"product_id":"prd_2","compare_at_usd":null,"adjustments":null,"reason":"a, b","replace_scheduled":false}"#.to_owned(),
        r#"5 {"product_id":"prd_3","compare_at_usd":"25","adjustments":[{"kind":"sale","percent":"-15"}],"reason":"x","replace_scheduled":false}"#.to_owned(),
    ];
    assert_eq!(entries(FileFormat::Csv, text).unwrap(), expected);
    let of_windows = text.trim_end().replace('\n', "\r\n");
    assert_eq!(entries(FileFormat::Csv, &of_windows).unwrap(), expected);
}

#[test]
fn lines_that_cannot_be_read_are_named_and_the_others_are_read() {
    let text = "productId,baseUsd,validFrom\nprd_1,1e2,yesterday\nprd_1\nprd_1,19.90,\n";
    let read = entries(FileFormat::Csv, text).unwrap();
    assert_eq!(
        read,
        [
            "2 validFrom: \"yesterday\" is not a time, such as 2025-11-28T00:00:00Z; \
             baseUsd: \"1e2\" is not a decimal number, such as 19.99",
            "3 : The line has 1 cells instead of 3",
            &format!("4 {PLAIN}"),
        ]
    );
}

#[test]
fn json_is_an_array_or_one_object_after_another_and_numbers_are_exact() {
    let number = r#"{"productId": "prd_1", "baseUsd": 19.90}"#;
    let text = r#"{"productId": "prd_1", "baseUsd": "19.90"}"#;
    let array = format!(" [\n{number},\n{text}\n]\n");
    let expected = [format!("2 {PLAIN}"), format!("3 {PLAIN}")];
    assert_eq!(entries(FileFormat::Json, &array).unwrap(), expected);
    let lines = format!("\n{number}\n{text}");
    assert_eq!(entries(FileFormat::Json, &lines).unwrap(), expected);
    let exact = r#"[{"productId": "prd_1", "baseUsd": 90071992547409.93, "compareAtUsd": null}]"#;
    assert_eq!(
        entries(FileFormat::Json, exact).unwrap(),
        [
            r#"1 {"product_id":"prd_1","base_usd":"90071992547409.93","compare_at_usd":null,"reason":"import","replace_scheduled":false}"#
        ]
    );
}

#[test]
fn json_entries_that_cannot_be_read_are_named() {
    let text = format!(
        "[{{\"productId\": \"prd_1\", \"price\": 1}},\n{{\"productId\": \"prd_1\", \"baseUsd\": 1e2}},\n{{}},\n7,\n{},\n\
         {{\"productId\": \"prd_1\", \"effectiveAt\": \"+10000-01-01T00:00:00Z\"}}]",
        r#"{"productId": "prd_1", "baseUsd": 19.90}"#
    );
    let read = entries(FileFormat::Json, &text).unwrap();
    assert!(read[0].starts_with("1 : unknown field `price`"), "{read:?}");
    assert_eq!(read[1], "2 : 1e2 is not a decimal number, such as 19.99");
    assert_eq!(read[2], "3 : missing field `productId`");
    assert_eq!(read[3], "4 : This is not a JSON object");
    assert_eq!(read[4], format!("5 {PLAIN}"));
    let far = "6 : \"+10000-01-01T00:00:00Z\" is not a time, such as 2025-11-28T00:00:00Z";
    assert_eq!(read[5], far);
}
