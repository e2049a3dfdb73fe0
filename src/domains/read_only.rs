//! Opens a domain's database for a command that only looks.

use anyhow::bail;
use platform::database::ReadOnly;

use super::{Domain, database_config};
use crate::config::Configuration;

/// Opens a domain's database as it is; `None` if the domain runs elsewhere and its database is not here.
pub(crate) async fn open_read_only(
    configuration: &Configuration,
    domain: Domain,
) -> anyhow::Result<Option<ReadOnly>> {
    let (config, name) = (database_config(configuration), domain.name());
    let Some(database) = ReadOnly::open(&config, name).await? else {
        if configuration.subgraphs.url(name).is_some() {
            return Ok(None);
        }
        bail!(
            "there is no {name} database: choose another directory with --data, or set database_url as the processes have it"
        );
    };
    let applied = database.migrations().await?;
    let known = domain.migrations();
    if let Some(newer) = applied.iter().find(|step| !known.contains(step)) {
        bail!(
            "the {name} database was written by a newer version: it has the migration {newer}, which this version does \
             not know"
        );
    }
    if applied.len() < known.len() {
        bail!("the {name} database is of an older version: run `vantage migrate` first");
    }
    Ok(Some(database))
}
