//! `vantage client add|rotate-key|revoke|list`: registered clients and their keys.

use std::path::Path;

use anyhow::{Context, bail};
use router::clients::{ApiKey, ClientMode, Clients, ClientsFiles, RegisteredClient};
use serde_json::Value;

use crate::cli::Client;
use crate::clients_file::{ClientsFile, Edit};
use crate::output;

pub(crate) fn run(command: Client) -> anyhow::Result<()> {
    match command {
        Client::Add {
            file,
            name,
            mode,
            scope,
            without_key,
            tools,
        } => {
            let file = ClientsFile::open(&file)?;
            let key = (!without_key).then(ApiKey::generate);
            add(file, &name, mode.into(), &scope, key, tools)
        }
        Client::RotateKey { file, name } => rotate(ClientsFile::open(&file)?, &name),
        Client::Revoke { file, name, key } => {
            revoke(ClientsFile::open(&file)?, &name, key.as_deref())
        }
        Client::List { file } => list(&ClientsFile::path(&file)?),
    }
}

fn add(
    mut file: ClientsFile,
    name: &str,
    mode: ClientMode,
    scopes: &[String],
    key: Option<ApiKey>,
    tools: bool,
) -> anyhow::Result<()> {
    if file.has(name)? {
        bail!(
            "client `{name}` already exists: `vantage client rotate-key` creates another key for it"
        );
    }
    let keys = key.as_ref().map(|key| {
        let item = key_item(1, key);
        format!("keys:\n  - {item}\n")
    });
    let scopes: Vec<_> = scopes.iter().map(|scope| plain(scope)).collect();
    let scopes = if scopes.is_empty() {
        String::new()
    } else {
        format!("scopes: [{}]\n", scopes.join(", "))
    };
    let client = format!(
        "name: {}\nmode: {}\n{}{scopes}{}",
        plain(name),
        mode.name(),
        keys.unwrap_or_default(),
        if tools { "tools: true\n" } else { "" }
    );
    file.edit(&Edit::AddClient(&client))?;
    match key {
        Some(key) => show(name, "k1", &key),
        None => output::line(&format!("added {name}")),
    }
}

/// Creates another key in addition to the existing ones, so that a running client can switch when it is ready.
fn rotate(mut file: ClientsFile, name: &str) -> anyhow::Result<()> {
    let keys = file.list(name, "keys")?;
    let ids: Vec<_> = keys.iter().filter_map(|key| key["id"].as_str()).collect();
    let number = (1..).find(|number| !ids.contains(&format!("k{number}").as_str()));
    let number: usize = number.context("there are too many keys")?;
    let key = ApiKey::generate();
    file.edit(&Edit::Append {
        client: name,
        key: "keys",
        item: &key_item(number, &key),
    })?;
    show(name, &format!("k{number}"), &key)?;
    if let Some(last) = ids.last() {
        let name = if name.contains(' ') {
            format!("'{name}'")
        } else {
            name.to_owned()
        };
        let revoke = format!("vantage client revoke {name} {last}");
        output::line(&format!(
            "{} still in use; when the client has the new one: {revoke}",
            ids.join(", ")
        ))?;
    }
    Ok(())
}

fn revoke(mut file: ClientsFile, name: &str, id: Option<&str>) -> anyhow::Result<()> {
    let keys = file.list(name, "keys")?;
    let is_meant = |key: &Value| id.is_none_or(|id| key["id"] == id);
    let mut revoked = 0;
    // From the end, so that the other indexes stay valid.
    for (index, _) in keys
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, key)| is_meant(key))
    {
        file.edit(&Edit::Remove {
            client: name,
            key: "keys",
            index,
        })?;
        revoked += 1;
    }
    if revoked == 0 {
        match id {
            Some(id) => bail!("client `{name}` has no key `{id}`"),
            None => bail!("client `{name}` has no keys"),
        }
    }
    output::line(&format!("revoked {revoked} keys of {name}"))
}

fn list(path: &Path) -> anyhow::Result<()> {
    let clients = Clients::load(&ClientsFiles::read(path)?)?;
    for client in clients.iter() {
        output::line(&line(client))?;
    }
    Ok(())
}

fn line(client: &RegisteredClient) -> String {
    let keys = match client.key_ids.as_slice() {
        [] => "none".to_owned(),
        ids => ids.join(", "),
    };
    let tools = client.tool_count().map(|count| format!(" tools={count}"));
    format!(
        "{} mode={} keys={keys} operations={}{}",
        client.name,
        client.mode.name(),
        client.operations.len(),
        tools.unwrap_or_default()
    )
}

fn key_item(number: usize, key: &ApiKey) -> String {
    format!("{{ id: k{number}, sha256: {} }}", key.hash())
}

fn show(client: &str, id: &str, key: &ApiKey) -> anyhow::Result<()> {
    output::line(&format!(
        "Key {id} of {client}, to be sent in X-API-Key. It is shown only once:\n{}",
        key.expose()
    ))
}

/// A text as a YAML scalar, quoted only if necessary.
fn plain(text: &str) -> String {
    match platform::yaml::from_str::<Value>(text) {
        Ok(Value::String(read)) if read == text => text.to_owned(),
        _ => Value::from(text).to_string(),
    }
}
