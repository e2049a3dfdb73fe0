//! The clients' file and the manifests it names, as they are on disk.

use std::path::{Path, PathBuf};

use platform::yaml;

use super::config::ClientsDocument;
use super::error::ClientsError;

/// What the files say, before anybody has looked at what that means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientsFiles {
    pub(super) path: PathBuf,
    pub(super) text: String,
    /// The manifests that the file names, with their text or why they cannot be read.
    pub(super) manifests: Vec<(PathBuf, Result<String, String>)>,
}

impl ClientsFiles {
    /// # Errors
    /// When the clients' file cannot be read. What is wrong with a manifest is told with the client that has it.
    pub fn read(path: &Path) -> Result<Self, ClientsError> {
        let text = std::fs::read_to_string(path).map_err(|reason| ClientsError::Read {
            path: path.to_owned(),
            reason,
        })?;
        Ok(Self::of(path, text))
    }

    /// A text as the file, with the manifests that it names.
    pub fn of(path: &Path, text: String) -> Self {
        let directory = path.parent().unwrap_or(Path::new(""));
        // A text that is no such document names no manifests, and is refused when it is looked at.
        let document = parse(&text).unwrap_or_default();
        let named = document.clients.into_iter().flat_map(|one| one.manifests);
        let manifests = named.map(|manifest| {
            let text = std::fs::read_to_string(directory.join(&manifest));
            (manifest, text.map_err(|error| error.to_string()))
        });
        Self {
            path: path.to_owned(),
            manifests: manifests.collect(),
            text,
        }
    }

    pub(super) fn manifest(&self, manifest: &Path) -> Result<&str, &str> {
        let read = self.manifests.iter().find(|(path, _)| path == manifest);
        match read {
            Some((_, Ok(text))) => Ok(text),
            Some((_, Err(error))) => Err(error),
            None => Err("it was not read"),
        }
    }
}

/// A text of comments alone has no clients.
pub(super) fn parse(text: &str) -> Result<ClientsDocument, yaml::YamlError> {
    Ok(yaml::from_str::<Option<ClientsDocument>>(text)?.unwrap_or_default())
}
