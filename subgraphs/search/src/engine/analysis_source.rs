//! Where an engine reads stop words, stems and synonyms when it builds an index.

use std::fs;
use std::path::{Path, PathBuf};

use super::EngineError;
use crate::rules::analysis::{Analysis, AnalysisFiles};

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

fn or(directory: &Path, name: &str, built_in: String) -> Result<String, EngineError> {
    match fs::read_to_string(directory.join(name)) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && directory.is_dir() => {
            Ok(built_in)
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
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
        let missing = AnalysisSource::Directory(directory.path().join("missing"));
        assert!(missing.read().is_err());
    }
}
