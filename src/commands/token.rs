//! `vantage token`: mints a token with the development key, for a customer or the demo customer.

use anyhow::{Context, bail};
use entities::orders::customer;
use resolvers::id::IdKind;
use router::auth::{DevelopmentKey, NewToken};

use crate::cli::Token;
use crate::config::{Configuration, Mode};
use crate::demo::DEMO_CUSTOMER_EMAIL;
use crate::domains::{self, Domain};
use crate::keys;

pub(crate) async fn run(command: Token) -> anyhow::Result<()> {
    let configuration = Configuration::load(
        command.settings.config.as_deref(),
        std::env::vars_os(),
        &command.settings.overrides(None),
    )?;
    if configuration.mode == Mode::Production {
        bail!("production believes tokens of its identity provider only; unset mode to mint one");
    }
    let subject = match command.customer {
        Some(customer) if IdKind::Customer.parse(&customer).is_some() => customer,
        Some(customer) => bail!("{customer} is not a customer's id: it starts with usr_"),
        None => {
            let (orders, _) = domains::open_database(&configuration, Domain::Orders).await?;
            let demo = customer::by_email(orders.read(), DEMO_CUSTOMER_EMAIL)
                .await?
                .context("there is no demo customer yet: run `vantage seed` or `vantage serve` first")?;
            IdKind::Customer.format(demo.id)
        }
    };
    let key = DevelopmentKey::from_config(&keys::auth(&configuration)?)?
        .context("there is no development key")?;
    let token = NewToken {
        subject,
        scopes: command.scope,
        ttl: command.ttl.get(),
    };
    println!("{}", key.mint(&token, std::time::SystemTime::now())?);
    Ok(())
}
