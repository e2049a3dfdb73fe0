//! What commands that import a file have in common: its format by its name, a progress bar, and a line for each problem,
//! up to a number that can still be read.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use platform::record_file::{FileFormat, Progress};

use crate::cli::FileFormatArgument;
use crate::output;

/// Problems that are printed; of further ones only how many there are.
const MOST_PRINTED: u64 = 100;

/// How much can be read from a pipe, in bytes: it is kept on disk.
const MOST_PIPED: u64 = 1 << 30;

/// A file that is read more than once: first to check it, then to import it. It is opened once, so that it is the same file
/// each time.
pub(super) struct RereadFile<'a> {
    path: &'a Path,
    format: FileFormat,
    file: File,
}

impl<'a> RereadFile<'a> {
    /// Opens it. The format is that of its name, unless one is given. What is not a regular file, such as a pipe, can be
    /// read only once, so it is copied to a temporary file that has no name.
    pub(super) fn open(path: &'a Path, format: Option<FileFormatArgument>) -> anyhow::Result<Self> {
        let format = format_or_named(path, format)?;
        let cannot_be_read = || format!("{} cannot be read", path.display());
        let file = File::open(path).with_context(cannot_be_read)?;
        let metadata = file.metadata().with_context(cannot_be_read)?;
        let file = if metadata.is_file() {
            file
        } else {
            copy(file, MOST_PIPED).with_context(cannot_be_read)?
        };
        Ok(Self { path, format, file })
    }

    /// Begins to read it from its start. Whoever has begun before must have finished.
    pub(super) fn read(&self) -> anyhow::Result<(ImportFile<'a>, File)> {
        let mut file = self.file.try_clone()?;
        file.rewind()?;
        ImportFile::begin(self.path, self.format, file)
    }

    /// Fails unless as many entries were imported as could be when it was checked.
    pub(super) fn check_same(&self, checked: u64, imported: u64) -> anyhow::Result<()> {
        if checked != imported {
            bail!(
                "{} was not imported as it was checked: {checked} entries were right then, and {imported} were imported",
                self.path.display()
            );
        }
        Ok(())
    }
}

/// Copies up to this many bytes to a temporary file.
fn copy(source: impl Read, most: u64) -> anyhow::Result<File> {
    let mut file = tempfile::tempfile().context("there is no place for a temporary file")?;
    // One more, to find out whether there is more.
    let copied = io::copy(&mut source.take(most.saturating_add(1)), &mut file)?;
    if copied > most {
        bail!("it is not a regular file, and has more than {most} bytes: save it to one");
    }
    Ok(file)
}

/// A file to import.
pub(super) struct ImportFile<'a> {
    path: &'a Path,
    pub(super) format: FileFormat,
    bar: ProgressBar,
    problems: u64,
    /// Why a problem was not printed.
    unprinted: Option<anyhow::Error>,
}

impl<'a> ImportFile<'a> {
    /// Opens it. The format is that of its name, unless one is given.
    pub(super) fn open(
        path: &'a Path,
        format: Option<FileFormatArgument>,
    ) -> anyhow::Result<(Self, File)> {
        let format = format_or_named(path, format)?;
        let file =
            File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
        Self::begin(path, format, file)
    }

    fn begin(path: &'a Path, format: FileFormat, file: File) -> anyhow::Result<(Self, File)> {
        let length = file.metadata().map_or(0, |metadata| metadata.len());
        let opened = Self {
            path,
            format,
            // Drawn on standard error, and only on a terminal.
            bar: ProgressBar::new(length).with_style(style()?),
            problems: 0,
            unprinted: None,
        };
        Ok((opened, file))
    }

    /// The file's name without its folders.
    fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        name.to_string_lossy().into_owned()
    }

    /// Why it is imported, for lines that do not say: what the operator gave, or the file's name.
    pub(super) fn reason(&self, given: Option<String>) -> String {
        given.unwrap_or_else(|| format!("import of {}", self.name()))
    }

    /// Shows how far it is, or prints what is wrong with a record.
    pub(super) fn report(&mut self, progress: Progress<'_>) {
        match progress {
            Progress::Read { bytes } => self.bar.set_position(bytes),
            Progress::Problem {
                place,
                field,
                message,
            } => {
                self.problems += 1;
                if self.problems > MOST_PRINTED {
                    return;
                }
                let field = if field.is_empty() {
                    String::new()
                } else {
                    format!("{field}: ")
                };
                self.print(&format!("{place}: {field}{message}"));
            }
        }
    }

    fn print(&mut self, line: &str) {
        let printed = self.bar.suspend(|| output::line(line));
        self.unprinted = self.unprinted.take().or(printed.err());
    }

    /// Ends the progress bar, with the import's result.
    pub(super) fn finish<T, E>(mut self, imported: Result<T, E>) -> anyhow::Result<T>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        if let Some(line) = unprinted(self.problems) {
            self.print(&line);
        }
        self.bar.finish_and_clear();
        let report =
            imported.with_context(|| format!("{} was not imported", self.path.display()))?;
        match self.unprinted {
            Some(error) => Err(error),
            None => Ok(report),
        }
    }
}

/// What is said of problems that were not printed.
fn unprinted(problems: u64) -> Option<String> {
    let rest = problems.saturating_sub(MOST_PRINTED);
    (rest > 0).then(|| format!("and {}", counted(rest, "more problem")))
}

/// Fails if the file has problems.
pub(super) fn check(problems: u64) -> anyhow::Result<()> {
    if problems > 0 {
        bail!(
            "nothing was changed: the file has {}",
            counted(problems, "problem")
        );
    }
    Ok(())
}

pub(super) fn counted(count: u64, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

fn style() -> anyhow::Result<ProgressStyle> {
    Ok(ProgressStyle::with_template(
        "{bar:40} {percent} % of {total_bytes}, {eta} left",
    )?)
}

/// The format that is given, or else that of the file's name.
fn format_or_named(path: &Path, format: Option<FileFormatArgument>) -> anyhow::Result<FileFormat> {
    match format {
        Some(format) => Ok(format.into()),
        None => format_of(path),
    }
}

/// A file's format by its name.
fn format_of(path: &Path) -> anyhow::Result<FileFormat> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    match extension.map(str::to_ascii_lowercase).as_deref() {
        Some("csv") => Ok(FileFormat::Csv),
        Some("json" | "jsonl" | "ndjson") => Ok(FileFormat::Json),
        _ => bail!(
            "{} does not end in .csv, .json or .jsonl: give --format",
            path.display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_pipe_is_read_more_than_once() {
        use std::io::Write;
        use std::os::fd::AsRawFd;
        let text = "customerId\nusr_1\n";
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(text.as_bytes()).unwrap();
        drop(writer);
        // As a shell gives the output of another command.
        let path = format!("/proc/self/fd/{}", reader.as_raw_fd());
        let format = Some(FileFormatArgument::Csv);
        let source = RereadFile::open(Path::new(&path), format).unwrap();
        for _ in 0..2 {
            let (import, mut file) = source.read().unwrap();
            assert_eq!(import.format, FileFormat::Csv);
            let mut read = String::new();
            file.read_to_string(&mut read).unwrap();
            assert_eq!(read, text);
        }
    }

    #[test]
    fn a_file_that_is_replaced_meanwhile_is_still_the_one_that_was_checked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deals.csv");
        std::fs::write(&path, "old").unwrap();
        let source = RereadFile::open(&path, None).unwrap();
        let other = folder.path().join("other");
        std::fs::write(&other, "new").unwrap();
        std::fs::rename(&other, &path).unwrap();
        let (_, mut file) = source.read().unwrap();
        let mut read = String::new();
        file.read_to_string(&mut read).unwrap();
        assert_eq!(read, "old");
        assert!(source.check_same(3, 3).is_ok());
        let error = source.check_same(3, 2).unwrap_err().to_string();
        assert!(
            error.contains("3 entries were right then, and 2 were imported"),
            "{error}"
        );
    }

    #[test]
    fn a_pipe_with_too_much_is_refused() {
        assert!(copy(&b"12345"[..], 5).is_ok());
        let error = copy(&b"123456"[..], 5).unwrap_err().to_string();
        assert!(error.contains("more than 5 bytes"), "{error}");
    }

    #[test]
    fn of_many_problems_the_first_are_printed_and_the_others_counted() {
        assert_eq!(unprinted(0), None);
        assert_eq!(unprinted(100), None);
        assert_eq!(unprinted(101).as_deref(), Some("and 1 more problem"));
        let many = unprinted(9_999);
        assert_eq!(many.as_deref(), Some("and 9899 more problems"));
    }

    #[test]
    fn the_name_of_a_file_determines_its_format() {
        let format = |name: &str| format_of(Path::new(name)).ok();
        assert_eq!(format("prices.CSV"), Some(FileFormat::Csv));
        assert_eq!(format("a/prices.json"), Some(FileFormat::Json));
        assert_eq!(format("prices.jsonl"), Some(FileFormat::Json));
        assert_eq!(format("prices"), None);
        assert_eq!(format("prices.xlsx"), None);
    }
}
