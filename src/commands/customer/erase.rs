//! `vantage customer erase ID`: erases a customer in all domains whose databases are here, and publishes that they were
//! deleted, for the others.
//!
//! All domains erase in transactions of their own that are committed one after the other, orders first. Its transaction
//! has the event from which every domain erases what this command does not get to, if it is interrupted.

use std::io::{BufRead, IsTerminal, Write};

use anyhow::{Context, bail};
use platform::clock::Clock;
use platform::database::{Database, DatabaseTransaction};
use resolvers::erasure::{CUSTOMER_DELETED, Erased};

use crate::cli::CustomerErase;
use crate::config::Configuration;
use crate::data_directory::Missing;
use crate::domains::{self, Domain};
use crate::output;

/// The domains that store something of customers; the one that publishes the deletion comes first.
const DOMAINS: [Domain; 5] = [
    Domain::Orders,
    Domain::Returns,
    Domain::Tracking,
    Domain::Notifications,
    Domain::Search,
];

pub(super) async fn run(command: &CustomerErase) -> anyhow::Result<()> {
    let customer = super::parse(&command.customer)?;
    let id = command.customer.as_str();
    let configuration = super::configuration(&command.settings)?;
    let (mut databases, mut elsewhere) = (Vec::new(), Vec::new());
    for domain in DOMAINS {
        match open(&configuration, domain).await? {
            Some(database) => databases.push((domain, database)),
            None if domain == Domain::Orders => bail!(
                "the orders database is not here, which publishes deletions: use the settings of the process that \
                 serves orders"
            ),
            None => elsewhere.push(domain.name()),
        }
    }
    if !command.dry_run && !command.yes {
        confirm(id)?;
    }
    let now = Clock::system().now();
    let mut erasures = Vec::new();
    for (domain, database) in &databases {
        let name = domain.name();
        let unwritable = || format!("the {name} database cannot be written, and nothing is erased");
        let transaction = database.begin().await.with_context(unwritable)?;
        let erased = domain.erase(&transaction, customer, now).await;
        erasures.push(Erasure {
            domain: *domain,
            transaction,
            erased: erased.with_context(unwritable)?,
        });
    }
    let open = unsettled(&erasures);
    if command.dry_run {
        for erasure in erasures {
            output::line(&line(erasure.domain, &erasure.erased))?;
            erasure.transaction.rollback().await;
        }
        if !open.is_empty() {
            output::line(&refusal(id, &open))?;
        }
        return output::line("nothing was changed");
    }
    if !open.is_empty() {
        for erasure in erasures {
            erasure.transaction.rollback().await;
        }
        bail!(refusal(id, &open));
    }
    if erasures
        .iter()
        .all(|erasure| erasure.erased.rows.is_empty())
    {
        output::note(&format!(
            "nothing is known of {id}: check that it is the right customer; it is recorded that they were erased"
        ));
    }
    let mut lines = Vec::new();
    for erasure in erasures {
        let name = erasure.domain.name();
        erasure.transaction.commit().await.with_context(|| {
            format!("{name} is not erased yet: run the command again, unless its process does when it gets the event")
        })?;
        lines.push(line(erasure.domain, &erasure.erased));
    }
    for (domain, database) in &databases {
        // SQLite's log has copies of what was erased until it is written anew.
        if let Err(error) = database.checkpoint().await {
            let name = domain.name();
            output::note(&format!(
                "note: the log of the {name} database was not cut: {error}"
            ));
        }
    }
    for line in lines {
        output::line(&line)?;
    }
    for name in elsewhere {
        output::line(&format!(
            "{name}: its database is not here; its process erases when it gets the event {CUSTOMER_DELETED}"
        ))?;
    }
    output::line("files of labels are deleted by the process that serves returns")
}

/// What a domain is about to commit.
struct Erasure {
    domain: Domain,
    transaction: DatabaseTransaction,
    erased: Erased,
}

/// Opens a domain's database; `None` if the domain runs elsewhere and its database is not here.
async fn open(configuration: &Configuration, domain: Domain) -> anyhow::Result<Option<Database>> {
    // Without migrating it.
    let Some(found) = domains::open_read_only(configuration, domain).await? else {
        return Ok(None);
    };
    found.close().await;
    let opened = domains::open_database(configuration, domain, Missing::Refuse).await?;
    Ok(Some(opened.0))
}

fn confirm(id: &str) -> anyhow::Result<()> {
    if !std::io::stdin().is_terminal() {
        bail!(
            "erasing {id} cannot be undone: add --yes to do it, or --dry-run to see what it would erase"
        );
    }
    let mut terminal = std::io::stderr();
    write!(
        terminal,
        "Erasing {id} cannot be undone. Type yes to continue: "
    )?;
    terminal.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    if answer.trim() != "yes" {
        bail!("nothing was erased");
    }
    Ok(())
}

/// Orders and returns that are not settled. Parcels of settled orders do not matter: their places are erased when they
/// arrive.
fn unsettled(erasures: &[Erasure]) -> Vec<String> {
    let refusing = erasures
        .iter()
        .filter(|erasure| matches!(erasure.domain, Domain::Orders | Domain::Returns));
    refusing
        .flat_map(|erasure| erasure.erased.open.iter().cloned())
        .collect()
}

pub(super) fn refusal(id: &str, open: &[String]) -> String {
    format!(
        "{id} cannot be erased yet, because these are not settled: {}. Erase them once orders have arrived or are \
         cancelled, and payments and returns are refunded",
        open.join(", ")
    )
}

/// What was erased in a domain.
pub(super) fn line(domain: Domain, erased: &Erased) -> String {
    let rows = erased.rows.iter();
    let rows: Vec<String> = rows
        .map(|(table, rows)| format!("{table} {rows}"))
        .collect();
    let rows = match rows.as_slice() {
        [] => "nothing to erase".to_owned(),
        rows => rows.join(", "),
    };
    let later = match erased.open.as_slice() {
        [] => String::new(),
        open => format!("; once they are settled: {}", open.join(", ")),
    };
    format!("{}: {rows}{later}", domain.name())
}
