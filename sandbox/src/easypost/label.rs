//! Labels: a real PDF of 4 by 6 inches.

use std::fmt::Write;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::time;
use crate::sandbox::Sandbox;

pub(super) fn routes() -> Router<Sandbox> {
    Router::new().route("/labels/{file}", get(download))
}

#[derive(Clone, Debug)]
pub(super) struct Label {
    id: String,
    url: String,
    created_at: DateTime<Utc>,
}

impl Label {
    pub(super) fn new(id: String, url: String, created_at: DateTime<Utc>) -> Self {
        Self {
            id,
            url,
            created_at,
        }
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "id": self.id,
            "object": "PostageLabel",
            "created_at": time(self.created_at),
            "updated_at": time(self.created_at),
            "date_advance": 0,
            "integrated_form": "none",
            "label_date": time(self.created_at),
            "label_resolution": 300,
            "label_size": "4x6",
            "label_type": "default",
            "label_file_type": "application/pdf",
            "label_url": self.url,
            "label_pdf_url": self.url,
            "label_zpl_url": null,
            "label_epl2_url": null,
        })
    }
}

/// The label's file, available to anybody with its URL, as at EasyPost.
async fn download(State(sandbox): State<Sandbox>, Path(file): Path<String>) -> Response {
    let lines = file.strip_suffix(".pdf").and_then(|id| {
        sandbox.world(|world| {
            let shipment = world.easypost.shipments.get(id)?;
            shipment.bought.as_ref()?;
            Some(shipment.label_lines())
        })
    });
    match lines {
        Some(lines) => ([(header::CONTENT_TYPE, "application/pdf")], pdf(&lines)).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// 4 by 6 inches at 72 points per inch.
const WIDTH: u32 = 288;
const HEIGHT: u32 = 432;

/// One page with these lines, in a border.
fn pdf(lines: &[String]) -> Vec<u8> {
    let mut content = format!(
        "2 w 9 9 {} {} re S\nBT /F1 12 Tf 20 {} Td 16 TL\n",
        WIDTH - 18,
        HEIGHT - 18,
        HEIGHT - 34
    );
    for line in lines {
        // Writing to a String cannot fail.
        let _ = writeln!(content, "({}) Tj T*", escape(line));
    }
    content += "ET\n";
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {WIDTH} {HEIGHT}] \
             /Resources << /Font << /F1 5 0 R >> >> /Contents 4 0 R >>"
        ),
        format!(
            "<< /Length {} >>\nstream\n{content}endstream",
            content.len()
        ),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
            .to_owned(),
    ];
    let mut file = "%PDF-1.4\n".to_owned();
    let mut offsets = Vec::new();
    for (number, object) in (1..).zip(&objects) {
        offsets.push(file.len());
        let _ = writeln!(file, "{number} 0 obj\n{object}\nendobj");
    }
    let table = file.len();
    let _ = write!(file, "xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for offset in offsets {
        let _ = writeln!(file, "{offset:010} 00000 n ");
    }
    let _ = write!(
        file,
        "trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n",
        objects.len() + 1
    );
    file.into_bytes()
}

/// ASCII text of a PDF string: other WinAnsi characters in octal, all others as question marks.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        match letter {
            '(' | ')' | '\\' => escaped.extend(['\\', letter]),
            ' '..='~' => escaped.push(letter),
            '\u{a0}'..='\u{ff}' => {
                let _ = write!(escaped, "\\{:03o}", u32::from(letter));
            }
            _ => escaped.push('?'),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_a_pdf_points_at_its_objects_whatever_is_printed() {
        for lines in [
            vec![],
            vec!["Zoë (a\\b) 東京".to_owned()],
            vec!["x".repeat(500); 60],
        ] {
            let file = pdf(&lines);
            assert!(file.is_ascii());
            let text = String::from_utf8(file).unwrap();
            assert!(text.contains("/MediaBox [0 0 288 432]"));
            let table = text.rfind("startxref\n").unwrap() + "startxref\n".len();
            let table: usize = text[table..].lines().next().unwrap().parse().unwrap();
            assert!(text[table..].starts_with("xref\n0 6\n"));
            for (number, line) in (1..=5).zip(text[table..].lines().skip(3)) {
                let offset: usize = line[..10].parse().unwrap();
                assert!(text[offset..].starts_with(&format!("{number} 0 obj\n")));
                assert_eq!(line.len() + 1, 20, "an entry has twenty bytes");
            }
        }
        assert!(
            String::from_utf8(pdf(&["Zoë (a\\b) 東".to_owned()]))
                .unwrap()
                .contains("(Zo\\353 \\(a\\\\b\\) ?) Tj")
        );
    }
}
