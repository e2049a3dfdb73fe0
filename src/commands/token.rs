//! `vantage token`: mints a token with the development key, for a customer, the demo customer or a support agent.

use anyhow::{Context, bail};
use entities::orders::customer;
use resolvers::access::SUPPORT;
use resolvers::id::IdKind;
use router::auth::{DevelopmentKey, NewToken};

use crate::cli::Token;
use crate::config::{Configuration, Mode};
use crate::data_directory::Missing;
use crate::demo::DEMO_CUSTOMER_EMAIL;
use crate::domains::{self, Domain};
use crate::keys;
use crate::output;

/// The subject of a support agent's token. In production it is what the identity provider calls them.
const SUPPORT_SUBJECT: &str = "support-agent";

fn scopes(command: &Token) -> Vec<String> {
    let support = command.support.then(|| SUPPORT.to_owned());
    support.into_iter().chain(command.scope.clone()).collect()
}

pub(crate) async fn run(command: Token) -> anyhow::Result<()> {
    let configuration = Configuration::load(
        command.settings.config.as_deref(),
        std::env::vars_os(),
        &command.settings.overrides(None),
    )?;
    if configuration.mode == Mode::Production {
        bail!(
            "production accepts only its identity provider's tokens: mint tokens with mode: development"
        );
    }
    let subject = match &command.customer {
        _ if command.support => SUPPORT_SUBJECT.to_owned(),
        Some(id) if !id.contains('@') => {
            if IdKind::Customer.parse(id).is_none() {
                bail!(
                    "{id} is neither an email address nor a customer id: use usr_ followed by 26 letters and digits, \
                     such as usr_01h455vb4pex5vsknk084sn02q"
                );
            }
            id.clone()
        }
        email => {
            let email = email.as_deref().unwrap_or(DEMO_CUSTOMER_EMAIL);
            let (orders, _) =
                domains::open_database(&configuration, Domain::Orders, Missing::Refuse).await?;
            let customer = customer::by_email(orders.read(), email)
                .await?
                .with_context(|| {
                    format!("no customer has the address {email}: run `vantage serve` or `vantage seed` first")
                })?;
            IdKind::Customer.format(customer.id)
        }
    };
    let key = DevelopmentKey::from_config(&keys::auth(&configuration)?)?
        .context("there is no development key")?;
    let token = NewToken {
        subject,
        scopes: scopes(&command),
        ttl: command.ttl.get(),
    };
    output::line(&key.mint(&token, std::time::SystemTime::now())?)?;
    Ok(())
}
