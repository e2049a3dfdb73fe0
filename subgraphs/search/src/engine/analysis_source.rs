//! Where an engine reads stop words, stems and synonyms when it builds an index.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::EngineError;
use crate::rules::analysis::{Analysis, AnalysisFiles};

/// Largest file: each index keeps the files that it was built with.
const MAX_BYTES: u64 = 1 << 20;

/// The files of this version, or those of a directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AnalysisSource {
    #[default]
    BuiltIn,
    /// Files that are missing there are those of this version.
    Directory(PathBuf),
}

impl AnalysisSource {
    /// Reads and checks the files.
    ///
    /// # Errors
    /// A file or a line that cannot be read.
    pub fn read(&self) -> Result<AnalysisFiles, EngineError> {
        let built_in = AnalysisFiles::default();
        let files = match self {
            Self::BuiltIn => built_in,
            Self::Directory(directory) => AnalysisFiles {
                stop_words: or(directory, "stop_words.txt", built_in.stop_words)?,
                stemming: or(directory, "stemming.txt", built_in.stemming)?,
                synonyms: or(directory, "synonyms.txt", built_in.synonyms)?,
            },
        };
        Analysis::parse(&files)?;
        Ok(files)
    }
}

/// The text of a file in the directory, or the one that is given if there is no such file.
fn or(directory: &Path, name: &str, otherwise: String) -> Result<String, EngineError> {
    let file = directory.join(name);
    let unusable = |problem: String| EngineError::AnalysisFile {
        file: file.clone(),
        problem,
    };
    let opened = match File::open(&file) {
        Err(error) if error.kind() == ErrorKind::NotFound && directory.is_dir() => {
            return Ok(otherwise);
        }
        opened => opened.map_err(|error| unusable(error.to_string()))?,
    };
    let mut bytes = Vec::new();
    let read = opened.take(MAX_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| unusable(error.to_string()))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(unusable(format!("it has more than {MAX_BYTES} bytes")));
    }
    String::from_utf8(bytes).map_err(|error| unusable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn files_of_a_directory_replace_those_of_this_version() {
        let directory = tempfile::tempdir().unwrap();
        let source = AnalysisSource::Directory(directory.path().to_owned());
        assert_eq!(source.read().unwrap(), AnalysisFiles::default());
        fs::write(directory.path().join("synonyms.txt"), "tv, telly").unwrap();
        let files = source.read().unwrap();
        assert_eq!(files.synonyms, "tv, telly");
        assert_eq!(files.stemming, AnalysisFiles::default().stemming);
        fs::write(directory.path().join("synonyms.txt"), "tv").unwrap();
        let error = source.read().unwrap_err().to_string();
        assert!(error.contains("synonyms.txt, line 1"), "{error}");
        let error_of = |source: &AnalysisSource| source.read().unwrap_err().to_string();
        let file = directory.path().join("synonyms.txt");
        let too_large = "a, b\n".repeat(250_000);
        for (bytes, problem) in [
            (
                too_large.as_bytes(),
                "synonyms.txt cannot be read: it has more than 1048576 bytes",
            ),
            (
                b"caf\xe9, coffee",
                "synonyms.txt cannot be read: invalid utf-8 sequence of 1 bytes from index 3",
            ),
        ] {
            fs::write(&file, bytes).unwrap();
            let error = error_of(&source);
            assert!(error.ends_with(problem), "{error}");
        }
        let missing = AnalysisSource::Directory(directory.path().join("missing"));
        let error = error_of(&missing);
        assert!(
            error.contains("missing/stop_words.txt cannot be read"),
            "{error}"
        );
    }
}
