//! Reads the clients file and the manifests it names.

use std::path::{Path, PathBuf};

use platform::yaml;

use super::config::ClientsDocument;
use super::error::ClientsError;

/// The files' contents, not interpreted yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientsFiles {
    pub(super) path: PathBuf,
    pub(super) text: String,
    /// The manifests named by the file, with their text or the read error.
    pub(super) manifests: Vec<(PathBuf, Result<String, String>)>,
}

impl ClientsFiles {
    /// # Errors
    /// If the clients file cannot be read. Problems with a manifest are reported with the client that uses it.
    pub fn read(path: &Path) -> Result<Self, ClientsError> {
        let text = std::fs::read_to_string(path).map_err(|reason| ClientsError::Read {
            path: path.to_owned(),
            reason,
        })?;
        Ok(Self::of(path, text))
    }

    /// Treats a text as the clients file and reads the manifests it names.
    pub fn of(path: &Path, text: String) -> Self {
        let directory = path.parent().unwrap_or(Path::new(""));
        // An invalid text names no manifests here, and is rejected when it is interpreted.
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

/// A file with only comments has no clients.
pub(super) fn parse(text: &str) -> Result<ClientsDocument, yaml::YamlError> {
    Ok(yaml::from_str::<Option<ClientsDocument>>(text)?.unwrap_or_default())
}
