//! What is stored of a customer, as one JSON document that is written while it is read: by domain, then by table.

use std::io::{self, Write};

use sea_orm::DbErr;
use serde_json::{Map, Value, json};

/// Rows read at a time.
pub const PAGE: u64 = 200;

/// Why not everything was exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("a database could not be read: {0}")]
    Database(#[from] DbErr),
    #[error("the document could not be written: {0}")]
    Write(#[from] io::Error),
}

/// Writes the document.
pub struct Export<'a> {
    output: &'a mut dyn Write,
    /// How many domains it has.
    domains: usize,
    /// The table that is being written.
    table: Option<&'static str>,
    /// How many rows that has.
    rows: u64,
    /// How many rows the document has.
    total: u64,
}

impl std::fmt::Debug for Export<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Export")
            .field("table", &self.table)
            .field("total", &self.total)
            .finish_non_exhaustive()
    }
}

impl<'a> Export<'a> {
    /// Begins a document with these members, which is followed by `domains`.
    ///
    /// # Errors
    /// What the output returns.
    pub fn begin(output: &'a mut dyn Write, members: &Map<String, Value>) -> io::Result<Self> {
        write!(output, "{{")?;
        for (name, value) in members {
            write!(output, "{}: {value}, ", json!(name))?;
        }
        write!(output, "\"domains\": {{")?;
        Ok(Self {
            output,
            domains: 0,
            table: None,
            rows: 0,
            total: 0,
        })
    }

    /// Begins a domain.
    ///
    /// # Errors
    /// What the output returns.
    pub fn begin_domain(&mut self, name: &str) -> io::Result<()> {
        let separator = if self.domains == 0 { "" } else { "," };
        self.domains += 1;
        write!(self.output, "{separator}\n  {}: {{", json!(name))
    }

    /// Writes a row. The rows of a table follow each other.
    ///
    /// # Errors
    /// What the output returns.
    pub fn row(&mut self, table: &'static str, row: &Value) -> io::Result<()> {
        if self.table != Some(table) {
            let separator = if self.table.is_some() { "\n    ]," } else { "" };
            write!(self.output, "{separator}\n    {}: [", json!(table))?;
            self.table = Some(table);
            self.rows = 0;
        }
        let separator = if self.rows == 0 { "" } else { "," };
        self.rows += 1;
        self.total += 1;
        write!(self.output, "{separator}\n      {row}")
    }

    /// Ends the domain.
    ///
    /// # Errors
    /// What the output returns.
    pub fn end_domain(&mut self) -> io::Result<()> {
        let end = if self.table.take().is_some() {
            "\n    ]\n  }"
        } else {
            "}"
        };
        write!(self.output, "{end}")
    }

    /// Ends the document, and returns how many rows it has.
    ///
    /// # Errors
    /// What the output returns.
    pub fn end(self) -> io::Result<u64> {
        writeln!(self.output, "\n}}}}")?;
        self.output.flush()?;
        Ok(self.total)
    }
}

/// An amount in minor units of its currency.
pub fn money(minor_units: i64, currency: &str) -> Value {
    json!({ "minorUnits": minor_units, "currency": currency })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members() -> Map<String, Value> {
        Map::from_iter([("customerId".to_owned(), json!("usr_\"1"))])
    }

    #[test]
    fn the_document_is_json_whatever_is_in_it() {
        let mut output = Vec::new();
        let mut export = Export::begin(&mut output, &members()).unwrap();
        export.begin_domain("orders").unwrap();
        export
            .row("customers", &json!({ "name": "A\n\"da\"" }))
            .unwrap();
        export.row("orders", &json!({ "id": 1 })).unwrap();
        export.row("orders", &json!({ "id": 2 })).unwrap();
        export.end_domain().unwrap();
        export.begin_domain("pricing").unwrap();
        export.end_domain().unwrap();
        assert_eq!(export.end().unwrap(), 3);
        let document: Value = serde_json::from_slice(&output).unwrap();
        assert_eq!(
            document,
            json!({
                "customerId": "usr_\"1",
                "domains": {
                    "orders": {
                        "customers": [{ "name": "A\n\"da\"" }],
                        "orders": [{ "id": 1 }, { "id": 2 }],
                    },
                    "pricing": {},
                },
            })
        );
    }

    #[test]
    fn nothing_is_also_a_document() {
        let mut output = Vec::new();
        let export = Export::begin(&mut output, &Map::new()).unwrap();
        assert_eq!(export.end().unwrap(), 0);
        let document: Value = serde_json::from_slice(&output).unwrap();
        assert_eq!(document, json!({ "domains": {} }));
    }
}
