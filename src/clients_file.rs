//! Edits the clients file: keeps comments and layout, and replaces the file atomically.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, bail};
use platform::yaml;
use router::clients::{Clients, ClientsFiles};
use serde_json::{Value, json};
use yaml_edit::{Document, Mapping};

use crate::cli;
use crate::config::{Configuration, Overrides};

/// The start of a new file.
const EMPTY: &str = "# The registered client applications. See router-config/clients.yaml in Vantage's sources for all settings.\nclients: []\n";

/// The file with its parsed contents.
pub(crate) struct ClientsFile {
    path: PathBuf,
    text: String,
}

/// A change to the file. New parts are inserted verbatim as YAML.
pub(crate) enum Edit<'a> {
    AddClient(&'a str),
    /// Appends an item to the client's list under this key.
    Append {
        client: &'a str,
        key: &'static str,
        item: &'a str,
    },
    /// Removes the item at this index from that list.
    Remove {
        client: &'a str,
        key: &'static str,
        index: usize,
    },
    /// Replaces it.
    Replace {
        client: &'a str,
        key: &'static str,
        index: usize,
        item: &'a str,
    },
}

impl ClientsFile {
    /// Its path, from the command line or the configuration.
    pub(crate) fn path(named: &cli::ClientsFile) -> anyhow::Result<PathBuf> {
        if let Some(path) = &named.clients {
            return Ok(path.clone());
        }
        let configuration = Configuration::load(
            named.config.as_deref(),
            std::env::vars_os(),
            &Overrides::default(),
        )?;
        configuration
            .clients
            .file
            .context("no clients file is configured: set clients.file, or pass --clients FILE")
    }

    /// Opens the file, or starts a new one.
    pub(crate) fn open(named: &cli::ClientsFile) -> anyhow::Result<Self> {
        let path = Self::path(named)?;
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => EMPTY.to_owned(),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        Ok(Self { path, text })
    }

    /// Its contents, without its manifests.
    pub(crate) fn value(&self) -> anyhow::Result<Value> {
        let value: Value = yaml::from_str(&self.text)
            .with_context(|| format!("{} is not valid", self.path.display()))?;
        Ok(if value.is_null() { json!({}) } else { value })
    }

    /// Its path, for messages.
    pub(crate) fn shown(&self) -> &Path {
        &self.path
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it has a client of this name.
    pub(crate) fn has(&self, name: &str) -> anyhow::Result<bool> {
        Ok(position(&self.value()?, name).is_some())
    }

    /// A client's list under this key.
    pub(crate) fn list(&self, client: &str, key: &str) -> anyhow::Result<Vec<Value>> {
        let value = self.value()?;
        let index = position(&value, client)
            .with_context(|| format!("{} has no client `{client}`", self.path.display()))?;
        let list = value["clients"][index][key].as_array();
        Ok(list.cloned().unwrap_or_default())
    }

    /// Its directory, which manifests are relative to.
    pub(crate) fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// Applies a change and writes the file. The new text is validated first: nothing else may have changed.
    pub(crate) fn edit(&mut self, edit: &Edit<'_>) -> anyhow::Result<()> {
        let mut expected = self.value()?;
        edit.apply(&mut expected)?;
        let document = Document::from_str(&self.text)
            .map_err(|error| anyhow::anyhow!("{}: {error}", self.path.display()))?;
        let written = edit.write(&document).then(|| document.to_string());
        let written = written.filter(|text| {
            let read = yaml::from_str::<Value>(text);
            read.is_ok_and(|read| read == expected)
        });
        let Some(text) = written else {
            bail!(
                "the layout of {} does not allow an automatic change: edit it by hand",
                self.path.display()
            );
        };
        Clients::load(&ClientsFiles::of(&self.path, text.clone()))?;
        replace(&self.path, &text)?;
        self.text = text;
        Ok(())
    }
}

impl Edit<'_> {
    /// The file's contents after the change.
    fn apply(&self, document: &mut Value) -> anyhow::Result<()> {
        let list = match self {
            Self::AddClient(_) => &mut document["clients"],
            Self::Append { client, key, .. }
            | Self::Remove { client, key, .. }
            | Self::Replace { client, key, .. } => {
                let index = position(document, client);
                let index = index.with_context(|| format!("there is no client `{client}`"))?;
                &mut document["clients"][index][*key]
            }
        };
        if list.is_null() {
            *list = json!([]);
        }
        let items = list.as_array_mut().context("it is not a list")?;
        match self {
            Self::AddClient(item) | Self::Append { item, .. } => items.push(yaml::from_str(item)?),
            Self::Remove { index, .. } => {
                items.remove(*index);
            }
            Self::Replace { index, item, .. } => items[*index] = yaml::from_str(item)?,
        }
        Ok(())
    }

    /// Edits the text; returns whether that was possible.
    fn write(&self, document: &Document) -> bool {
        let Some(root) = document.as_mapping() else {
            return false;
        };
        match self {
            Self::AddClient(item) => append(&root, "clients", item),
            Self::Append { client, key, item } => {
                client_in(&root, client).is_some_and(|client| append(&client, key, item))
            }
            Self::Remove { client, key, index } => client_in(&root, client)
                .and_then(|client| client.get_sequence(*key))
                .is_some_and(|list| list.remove(*index).is_some()),
            Self::Replace {
                client,
                key,
                index,
                item,
            } => client_in(&root, client)
                .and_then(|client| client.get_sequence(*key))
                .zip(Document::from_str(item).ok())
                .is_some_and(|(list, item)| list.set(*index, item)),
        }
    }
}

fn position(document: &Value, client: &str) -> Option<usize> {
    let clients = document["clients"].as_array()?;
    clients.iter().position(|one| one["name"] == client)
}

fn client_in(root: &Mapping, client: &str) -> Option<Mapping> {
    let clients = root.get_sequence("clients")?;
    let mut mappings = clients.values().filter_map(|one| one.as_mapping().cloned());
    mappings.find(|one| {
        let name = one.get("name");
        name.is_some_and(|name| {
            name.as_scalar()
                .is_some_and(|name| name.as_string() == client)
        })
    })
}

/// Appends an item to a list, creating the list if it is missing or empty.
fn append(to: &Mapping, key: &str, item: &str) -> bool {
    let Ok(item) = Document::from_str(item) else {
        return false;
    };
    let list = to.get_sequence(key).filter(|list| !list.is_empty());
    let begun = list.is_none();
    let list = list.unwrap_or_default();
    list.push(item);
    if begun {
        to.set(key, list);
    }
    true
}

/// Replaces a file atomically.
pub(crate) fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let shown = path.display();
    // Keep a symlink in place.
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let directory = target.parent().filter(|parent| *parent != Path::new(""));
    let directory = directory.unwrap_or(Path::new("."));
    let permissions = std::fs::metadata(&target).map(|metadata| metadata.permissions());
    let write = || -> std::io::Result<()> {
        std::fs::create_dir_all(directory)?;
        let mut draft = tempfile::Builder::new()
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(directory)?;
        draft.write_all(text.as_bytes())?;
        if let Ok(permissions) = permissions {
            draft.as_file().set_permissions(permissions)?;
        }
        draft.as_file().sync_all()?;
        draft.persist(&target)?;
        Ok(())
    };
    write().with_context(|| format!("cannot write {shown}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Who calls.
clients:
  # A partner.
  - name: acme
    mode: require # nothing else
    keys:
      - { id: k1, sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 } # Ann has it
    scopes: [orders:read]

  - name: web
    keys: []
";

    /// The file after these changes.
    fn edited(text: &str, edits: &[Edit<'_>]) -> anyhow::Result<String> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("clients.yaml");
        std::fs::write(&path, text)?;
        let mut file = ClientsFile {
            path: path.clone(),
            text: text.to_owned(),
        };
        for edit in edits {
            file.edit(edit)?;
        }
        Ok(std::fs::read_to_string(&path)?)
    }

    fn key(id: usize) -> String {
        format!("{{ id: k{id}, sha256: {id:064} }}")
    }

    #[test]
    fn comments_and_layout_stay() {
        let key = key(2);
        let append = |client| Edit::Append {
            client,
            key: "keys",
            item: &key,
        };
        let text = edited(TEXT, &[append("acme")]).unwrap();
        for line in TEXT.lines() {
            assert!(text.contains(line), "{line}: {text}");
        }
        assert!(text.contains(&key), "{text}");
        let remove = Edit::Remove {
            client: "acme",
            key: "keys",
            index: 0,
        };
        let text = edited(TEXT, &[append("acme"), remove]).unwrap();
        assert!(text.contains(&key) && !text.contains("k1,"), "{text}");
        for comment in ["# Who calls.", "# A partner.", "# nothing else"] {
            assert!(text.contains(comment), "{comment}: {text}");
        }
    }

    #[test]
    fn an_item_is_replaced_in_its_place() {
        let (first, second, third) = (key(2), key(3), key(4));
        let edit = |item| Edit::Append {
            client: "web",
            key: "keys",
            item,
        };
        let replace = Edit::Replace {
            client: "web",
            key: "keys",
            index: 0,
            item: &third,
        };
        let text = edited(TEXT, &[edit(&first), edit(&second), replace]).unwrap();
        assert!(!text.contains(&first), "{text}");
        assert!(text.find(&third) < text.find(&second), "{text}");
        assert!(text.contains("# Ann has it"), "{text}");
    }

    #[test]
    fn lists_are_begun_where_there_is_none() {
        let (first, second) = (key(2), key(3));
        let append = |item| Edit::Append {
            client: "web",
            key: "keys",
            item,
        };
        edited(TEXT, &[append(&first), append(&second)]).unwrap();
        let manifest = Edit::Append {
            client: "web",
            key: "origins",
            item: "\"https://shop.example.com\"",
        };
        edited(TEXT, &[manifest]).unwrap();
        for text in [
            EMPTY,
            "clients:\n",
            "# nothing yet\nclients: []\n",
            "clients: [{ name: web }]\n",
        ] {
            let client = format!("name: acme\nmode: require\nkeys:\n  - {first}\n");
            let text = edited(
                text,
                &[Edit::AddClient(&client), Edit::AddClient("name: other\n")],
            );
            assert!(text.unwrap().contains("acme"));
        }
    }

    #[test]
    fn a_change_that_would_be_refused_is_not_written() {
        let error = edited(TEXT, &[Edit::AddClient("name: acme\n")]).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("another client has the same name"),
            "{error}"
        );
    }
}
