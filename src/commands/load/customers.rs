//! The customers of a run: their tokens from a file, or minted for those that the shop's orders name.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail, ensure};
use platform::config::Secret;
use resolvers::access::SUPPORT;
use router::auth::{DevelopmentKey, NewToken};
use serde_json::json;

use super::failure::Failure;
use super::graphql::GraphqlClient;
use super::operations::CUSTOMERS;
use crate::cli::Load;
use crate::config::{Configuration, Mode};
use crate::keys;

/// Longer than any run.
const TOKEN_TTL: Duration = Duration::from_secs(7 * 24 * 60 * 60);
const SUPPORT_SUBJECT: &str = "vantage-load";

/// Orders read at a time to find customers, and how often.
const PAGE: u32 = 100;
const MAX_PAGES: usize = 50;

/// The tokens of as many customers as there are, up to the chosen number.
pub(super) async fn tokens(command: &Load, client: &GraphqlClient) -> anyhow::Result<Vec<String>> {
    let wanted = usize::try_from(command.customers)?;
    if let Some(file) = &command.tokens {
        let mut tokens = from_file(file)?;
        tokens.truncate(wanted);
        return Ok(tokens);
    }
    let key = development_key(command)?;
    let mint = |subject: &str, scopes: Vec<String>| {
        let token = NewToken {
            subject: subject.to_owned(),
            scopes,
            ttl: TOKEN_TTL,
        };
        key.mint(&token, SystemTime::now())
    };
    let support = mint(SUPPORT_SUBJECT, vec![SUPPORT.to_owned()])?;
    let customers = find(client, &support, wanted).await?;
    let tokens = customers.iter().map(|id| mint(id, Vec::new()));
    Ok(tokens.collect::<Result<_, _>>()?)
}

fn from_file(file: &Path) -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("the tokens in {} cannot be read", file.display()))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let tokens: Vec<_> = lines.map(str::to_owned).collect();
    ensure!(
        !tokens.is_empty(),
        "{} has no tokens: write one customer's token in each line",
        file.display()
    );
    Ok(tokens)
}

/// The key that the target is expected to have.
fn development_key(command: &Load) -> anyhow::Result<DevelopmentKey> {
    let configuration = Configuration::load(
        command.settings.config.as_deref(),
        std::env::vars_os(),
        &command.settings.overrides(None),
    )?;
    let auth = match &command.token_secret_file {
        Some(file) => {
            let secret = std::fs::read_to_string(file)
                .with_context(|| format!("the secret in {} cannot be read", file.display()))?;
            let mut auth = configuration.auth.clone();
            auth.development_secret = Some(Secret::new(secret.trim()));
            auth
        }
        None if configuration.mode == Mode::Production => bail!(
            "production accepts only its identity provider's tokens: write some customers' tokens into a file for \
             --tokens, or choose --scenario browse"
        ),
        None => keys::auth(&configuration)?,
    };
    DevelopmentKey::from_config(&auth)?.context("there is no development key")
}

/// The ids of customers who have ordered, newest orders first.
async fn find(
    client: &GraphqlClient,
    support: &str,
    wanted: usize,
) -> anyhow::Result<BTreeSet<String>> {
    let mut customers = BTreeSet::new();
    let mut after = None;
    for _ in 0..MAX_PAGES {
        let variables = json!({ "first": PAGE, "after": after });
        let data = client.send(&CUSTOMERS, &variables, Some(support)).await;
        let data = data.map_err(explain)?;
        let orders = &data["supportOrders"];
        for order in orders["nodes"].as_array().into_iter().flatten() {
            if let Some(id) = order["customer"]["id"].as_str()
                && customers.len() < wanted
            {
                customers.insert(id.to_owned());
            }
        }
        let page = &orders["pageInfo"];
        if customers.len() >= wanted || page["hasNextPage"] != true {
            break;
        }
        after = page["endCursor"].as_str().map(str::to_owned);
    }
    ensure!(
        !customers.is_empty(),
        "no customer has ordered anything there: run `vantage seed`, or choose --scenario browse"
    );
    Ok(customers)
}

/// What to do about a refused token.
fn explain(failure: Failure) -> anyhow::Error {
    let refused = match &failure {
        Failure::Graphql(code) => matches!(code.as_str(), "UNAUTHENTICATED" | "FORBIDDEN"),
        Failure::Status(status) => matches!(*status, 401 | 403),
        _ => false,
    };
    let error = anyhow::Error::new(failure);
    if refused {
        error.context(
            "the target refuses tokens of this development key: name its data directory with --data or its secret with \
             --token-secret-file, or give customers' tokens with --tokens",
        )
    } else {
        error.context("the shop's customers cannot be read")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_line_by_line() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("tokens");
        std::fs::write(&file, "one\n\n  two \n").unwrap();
        assert_eq!(from_file(&file).unwrap(), ["one", "two"]);
        std::fs::write(&file, "\n").unwrap();
        let error = from_file(&file).unwrap_err().to_string();
        assert!(
            error.contains("one customer's token in each line"),
            "{error}"
        );
    }

    #[test]
    fn a_refused_token_is_explained_with_what_to_do() {
        let refused = explain(Failure::Graphql("UNAUTHENTICATED".to_owned()));
        assert!(refused.to_string().contains("--token-secret-file"));
        let other = explain(Failure::Timeout);
        assert_eq!(other.to_string(), "the shop's customers cannot be read");
    }
}
