//! Records the distinct SQL statements that a process runs, for the fixture of a release in `tests/previous`.

use std::collections::HashSet;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::OnceLock;

use parking_lot::Mutex;
use sea_orm::{DbBackend, Statement, Value};

/// Names a directory, in which each process writes a file: a line for each statement with the kind of database, the types
/// of the parameters (PostgreSQL only, separated by commas) and the SQL, separated by tabs.
pub const DIRECTORY: &str = "VANTAGE_TEST_STATEMENTS";

/// One for each process, since a statement is recorded once whichever database of the process runs it.
static RECORDER: OnceLock<Option<Mutex<Recorder>>> = OnceLock::new();

struct Recorder {
    file: File,
    known: HashSet<String>,
}

/// Records the statement, if the process was started to record.
pub(super) fn record(backend: DbBackend, statement: &Statement) {
    let recorder = RECORDER.get_or_init(|| {
        let directory = std::env::var_os(DIRECTORY)?;
        Some(Mutex::new(Recorder::new(Path::new(&directory))))
    });
    if let Some(recorder) = recorder {
        recorder.lock().add(line(backend, statement));
    }
}

impl Recorder {
    fn new(directory: &Path) -> Self {
        let name = format!("{}.tsv", uuid::Uuid::now_v7().simple());
        let file = File::create(directory.join(name)).expect("the directory for statements exists");
        let known = HashSet::new();
        Self { file, known }
    }

    /// At once, since tests kill processes.
    fn add(&mut self, line: String) {
        if !self.known.contains(&line) {
            self.file
                .write_all(format!("{line}\n").as_bytes())
                .expect("statements can be written");
            self.known.insert(line);
        }
    }
}

fn line(backend: DbBackend, statement: &Statement) -> String {
    let sql: Vec<&str> = statement.sql.split_whitespace().collect();
    let sql = sql.join(" ");
    match backend {
        DbBackend::Sqlite => format!("sqlite\t\t{sql}"),
        _ => {
            let values = statement.values.iter().flat_map(|values| &values.0);
            let types: Vec<&str> = values.map(postgres_type).collect();
            format!("postgres\t{}\t{sql}", types.join(","))
        }
    }
}

/// The type that sqlx declares for a parameter with this value.
fn postgres_type(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "bool",
        Value::TinyInt(_) => "\"char\"",
        Value::SmallInt(_) | Value::TinyUnsigned(_) => "int2",
        Value::Int(_) | Value::SmallUnsigned(_) => "int4",
        Value::BigInt(_) | Value::Unsigned(_) | Value::BigUnsigned(_) => "int8",
        Value::Double(_) => "float8",
        Value::String(_) | Value::Char(_) | Value::Enum(_) => "text",
        Value::Bytes(_) => "bytea",
        Value::Json(_) => "jsonb",
        Value::Uuid(_) => "uuid",
        Value::ChronoDate(_) => "date",
        Value::ChronoTime(_) => "time",
        Value::ChronoDateTime(_) => "timestamp",
        Value::ChronoDateTimeUtc(_)
        | Value::ChronoDateTimeLocal(_)
        | Value::ChronoDateTimeWithTimeZone(_) => "timestamptz",
        Value::Decimal(_) => "numeric",
        // The server infers the type.
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_kind_the_types_and_the_statement_without_line_breaks() {
        let statement = |backend| {
            let values = [
                Value::from(uuid::Uuid::nil()),
                Value::from("x"),
                Value::from(1_i64),
            ];
            Statement::from_sql_and_values(backend, "SELECT 1\n  WHERE a = $1", values)
        };
        assert_eq!(
            line(DbBackend::Postgres, &statement(DbBackend::Postgres)),
            "postgres\tuuid,text,int8\tSELECT 1 WHERE a = $1"
        );
        assert_eq!(
            line(DbBackend::Sqlite, &statement(DbBackend::Sqlite)),
            "sqlite\t\tSELECT 1 WHERE a = $1"
        );
    }

    #[test]
    fn a_statement_is_written_once() {
        let directory = tempfile::tempdir().unwrap();
        let mut recorder = Recorder::new(directory.path());
        for line in ["a", "b", "a"] {
            recorder.add(line.to_owned());
        }
        let file = std::fs::read_dir(directory.path()).unwrap().next();
        let written = std::fs::read_to_string(file.unwrap().unwrap().path());
        assert_eq!(written.unwrap(), "a\nb\n");
    }
}
