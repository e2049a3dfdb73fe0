//! Keys that a shop without configured secrets generates and keeps in its data directory.

use std::io::Write;
use std::path::Path;

use anyhow::Context;
use platform::caller::CallerKey;
use platform::config::Secret;
use platform::webhooks::SigningKey;
use sha2::{Digest, Sha256};
use tracking::GuestLinkKey;
use uuid::Uuid;

use crate::config::{Configuration, Mode};
use crate::data_directory;

/// Signs development tokens; created by the first process that needs it.
const DEVELOPMENT_FILE: &str = "development.key";
/// Signs the caller between the router and subgraphs.
const SUBGRAPH_FILE: &str = "subgraph.key";

/// The key shared by the router and its subgraphs.
pub(crate) fn caller_key(configuration: &Configuration) -> anyhow::Result<CallerKey> {
    let secret = subgraph_secret(configuration)?;
    Ok(CallerKey::new(secret.expose().as_bytes())?)
}

fn subgraph_secret(configuration: &Configuration) -> anyhow::Result<Secret> {
    match &configuration.subgraph_secret {
        Some(secret) => Ok(secret.clone()),
        None => load_or_create(&configuration.data, SUBGRAPH_FILE),
    }
}

/// The key that signs guest tracking links.
pub(crate) fn guest_links(configuration: &Configuration) -> anyhow::Result<GuestLinkKey> {
    let key = derived(configuration, b"vantage guest tracking links\0")?;
    Ok(GuestLinkKey::new(&key)?)
}

/// The key that signs the links in emails that unsubscribe.
pub(crate) fn unsubscribe_links(configuration: &Configuration) -> anyhow::Result<Secret> {
    let key = derived(configuration, b"vantage unsubscribe links\0")?;
    Ok(Secret::new(hex(&key)))
}

/// The key that signs links to files.
pub(crate) fn object_links(configuration: &Configuration) -> anyhow::Result<Secret> {
    let key = derived(configuration, b"vantage links to files\0")?;
    Ok(Secret::new(hex(&key)))
}

/// The key that partners' webhook secrets are derived from: as configured, or derived itself.
pub(crate) fn partner_webhooks(configuration: &Configuration) -> anyhow::Result<SigningKey> {
    let key = match &configuration.webhooks.signing_key {
        Some(key) => key.clone(),
        None => Secret::new(hex(&derived(configuration, b"vantage webhooks\0")?)),
    };
    Ok(SigningKey::new(key))
}

/// The key that the sandbox signs its webhooks with.
pub(crate) fn sandbox_webhooks(configuration: &Configuration) -> anyhow::Result<Secret> {
    let key = derived(configuration, b"vantage sandbox webhooks\0")?;
    Ok(Secret::new(hex(&key)))
}

/// Derives a key for another purpose from the subgraphs' secret.
fn derived(configuration: &Configuration, purpose: &[u8]) -> anyhow::Result<[u8; 32]> {
    let mut hash = Sha256::new_with_prefix(purpose);
    hash.update(subgraph_secret(configuration)?.expose());
    Ok(hash.finalize().into())
}

/// The accepted tokens: as configured, plus a generated key in development.
pub(crate) fn auth(configuration: &Configuration) -> anyhow::Result<router::auth::AuthConfig> {
    let mut auth = configuration.auth.clone();
    if configuration.mode == Mode::Development && auth.development_secret.is_none() {
        auth.development_secret = Some(load_or_create(&configuration.data, DEVELOPMENT_FILE)?);
    }
    Ok(auth)
}

/// The secret in this file of the data directory, created if missing.
fn load_or_create(data: &Path, file: &str) -> anyhow::Result<Secret> {
    let path = data.join(file);
    data_directory::create_private(data)?;
    // Written to a draft and linked into place, so that processes that start together agree.
    let draft = data.join(format!("{file}.{}", Uuid::now_v7().simple()));
    if !path.exists() {
        let written = private_file(&draft)
            .and_then(|mut file| file.write_all(random_hex().as_bytes()))
            .and_then(|()| match std::fs::hard_link(&draft, &path) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
                linked => linked,
            });
        // The draft may not exist if writing failed.
        let _ = std::fs::remove_file(&draft);
        written.with_context(|| {
            format!(
                "cannot write {}; choose another directory with --data",
                path.display()
            )
        })?;
    }
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Secret::new(text.trim()))
}

/// Creates a file that only its owner can read.
fn private_file(path: &Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// 256 bits from the operating system's generator, by way of UUIDs.
fn random_hex() -> String {
    let mut hash = Sha256::new();
    for _ in 0..4 {
        hash.update(Uuid::new_v4().as_bytes());
    }
    hex(&hash.finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
