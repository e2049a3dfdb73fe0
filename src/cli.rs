//! The command line: what can be asked of the binary, and the words for it.

mod clients;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use platform::config::Duration;

pub(crate) use self::clients::{Client, ClientsFile, Operations, OperationsFormat};
use crate::config::{Overrides, listen};
use crate::data_directory::Missing;
use crate::domains::Domain;
use crate::schema_report::Format;

/// The federated commerce graph: a router over six domain subgraphs, in one process or many.
#[derive(Debug, Parser)]
#[command(name = "vantage", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the whole graph from one process
    Serve(Serve),
    /// Serve one domain as its own HTTP service
    Subgraph(Subgraph),
    /// Serve any supergraph whose subgraph URLs are in its SDL
    Router(Router),
    /// Serve the simulated third parties alone
    Sandbox(Sandbox),
    /// Compose the subgraphs' schemas into a supergraph
    Compose(Compose),
    /// Export the schemas, or check what they change for clients
    #[command(subcommand)]
    Schema(Schema),
    /// Look after the clients that are registered
    #[command(subcommand)]
    Client(Client),
    /// Look after the operations that clients have registered
    #[command(subcommand)]
    Operations(Operations),
    /// Bring the databases to this version
    Migrate(Migrate),
    /// Fill the databases with demo data
    Seed(Seed),
    /// Mint a token with the development key
    Token(Token),
    /// Check the configuration, or describe it
    #[command(subcommand)]
    Config(Config),
    /// Look after events that could not be delivered
    #[command(subcommand)]
    Outbox(Outbox),
    /// Look after the work that is still to be done
    #[command(subcommand)]
    Tasks(Tasks),
    /// Copy the data directory while it is in use
    Backup(Backup),
    /// Put a backup into an empty data directory
    Restore(Restore),
}

/// Where settings come from; the same for every command that has any.
#[derive(Args, Clone, Debug)]
pub(crate) struct Settings {
    /// Configuration file, instead of router-config/vantage.yaml
    #[arg(long, value_name = "FILE", env = "VANTAGE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Directory of databases, indexes and generated keys [default: ./data]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

/// What is done about databases that are not in the data directory.
#[derive(Args, Clone, Debug)]
pub(crate) struct MissingDatabases {
    /// Make an empty database in place of one that is missing from the data directory
    #[arg(long, value_name = "NAME")]
    pub(crate) create_database: Vec<Domain>,
}

impl MissingDatabases {
    /// Which ones may be made.
    pub(crate) fn allowed(&self) -> Missing<'_> {
        Missing::Create(&self.create_database)
    }
}

/// Where to serve.
#[derive(Args, Clone, Debug)]
pub(crate) struct Listen {
    /// Address and port to serve on; port 0 takes a free one [default: 127.0.0.1:4000]
    #[arg(long, value_name = "ADDR:PORT", value_parser = listen::parse)]
    pub(crate) listen: Option<SocketAddr>,
    /// Address and port for operators alone: metrics, and what is not ready
    #[arg(long, value_name = "ADDR:PORT", value_parser = listen::parse)]
    pub(crate) admin_listen: Option<SocketAddr>,
}

impl Settings {
    /// The keys that these flags set.
    pub(crate) fn overrides(&self, listen: Option<&Listen>) -> Overrides {
        Overrides {
            listen: listen.and_then(|listen| listen.listen),
            admin_listen: listen.and_then(|listen| listen.admin_listen),
            data: self.data.clone(),
            sandbox_listen: None,
        }
    }

    /// The keys that these flags set for the sandbox alone.
    pub(crate) fn sandbox_overrides(&self, listen: Option<SocketAddr>) -> Overrides {
        Overrides {
            sandbox_listen: listen.map(|listen| ("--listen", listen)),
            ..self.overrides(None)
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) settings: Settings,
    #[command(flatten)]
    pub(crate) missing: MissingDatabases,
    #[command(flatten)]
    pub(crate) listen: Listen,
    /// Run no subgraph here: all are reached by their configured URLs
    #[arg(long, conflicts_with = "demo")]
    pub(crate) router_only: bool,
    /// Keep the demo shipments moving
    #[arg(long)]
    pub(crate) demo: bool,
    /// Address and port of the simulated third parties [default: 127.0.0.1:0, a free port]
    #[arg(long, value_name = "ADDR:PORT", value_parser = listen::parse, conflicts_with = "router_only")]
    pub(crate) sandbox_listen: Option<SocketAddr>,
}

impl Serve {
    /// The keys that the flags set.
    pub(crate) fn overrides(&self) -> Overrides {
        Overrides {
            sandbox_listen: self
                .sandbox_listen
                .map(|listen| ("--sandbox-listen", listen)),
            ..self.settings.overrides(Some(&self.listen))
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct Sandbox {
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Address and port to serve on [default: 127.0.0.1:0, a free port]
    #[arg(long, value_name = "ADDR:PORT", value_parser = listen::parse)]
    pub(crate) listen: Option<SocketAddr>,
}

#[derive(Args, Debug)]
pub(crate) struct Subgraph {
    pub(crate) name: Domain,
    #[command(flatten)]
    pub(crate) settings: Settings,
    #[command(flatten)]
    pub(crate) missing: MissingDatabases,
    #[command(flatten)]
    pub(crate) listen: Listen,
    /// Keep the demo shipments moving; for the tracking subgraph
    #[arg(long)]
    pub(crate) demo: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Router {
    /// SDL of the supergraph
    #[arg(long, value_name = "FILE")]
    pub(crate) supergraph: PathBuf,
    /// Address and port to serve on; port 0 takes a free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:4000", value_parser = listen::parse)]
    pub(crate) listen: SocketAddr,
    /// Address and port for operators alone: metrics, and what is not ready
    #[arg(long, value_name = "ADDR:PORT", value_parser = listen::parse)]
    pub(crate) admin_listen: Option<SocketAddr>,
    /// Configuration file, instead of router-config/vantage.yaml
    #[arg(long, value_name = "FILE", env = "VANTAGE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Compose {
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Leave out `@authenticated` and the like, for routers that refuse a supergraph with them
    #[arg(long)]
    pub(crate) omit_authorization: bool,
    /// Another team's subgraph, with the file of its schema; repeated for each
    #[arg(long, num_args = 3, value_names = ["NAME", "URL", "FILE"])]
    pub(crate) subgraph: Vec<String>,
    /// File for the supergraph, instead of standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Schema {
    /// Write the SDL of every subgraph, the supergraph and the public schema
    Export {
        #[arg(long, value_name = "DIR", default_value = "schema")]
        directory: PathBuf,
    },
    /// Tell what changes for clients, and fail when something breaks them
    Check(SchemaCheck),
}

#[derive(Args, Debug)]
pub(crate) struct SchemaCheck {
    /// SDL that clients have: a public schema or a supergraph
    #[arg(long, value_name = "FILE", default_value = "schema/api.graphql")]
    pub(crate) old: PathBuf,
    /// SDL that they are to get; without it, the one of this program
    #[arg(long, value_name = "FILE")]
    pub(crate) new: Option<PathBuf>,
    /// Manifests of operations: only what these use counts
    #[arg(long, value_name = "MANIFEST", num_args = 1..)]
    pub(crate) operations: Vec<PathBuf>,
    /// Count every change, whether an operation uses it or not
    #[arg(long)]
    pub(crate) all: bool,
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Args, Debug)]
pub(crate) struct Migrate {
    #[command(flatten)]
    pub(crate) settings: Settings,
    #[command(flatten)]
    pub(crate) missing: MissingDatabases,
    /// One domain instead of all
    #[arg(long, value_name = "NAME")]
    pub(crate) domain: Option<Domain>,
}

#[derive(Args, Debug)]
pub(crate) struct Seed {
    #[command(flatten)]
    pub(crate) settings: Settings,
    #[command(flatten)]
    pub(crate) missing: MissingDatabases,
    /// How many orders [default: 2000]
    #[arg(long, value_name = "N")]
    pub(crate) orders: Option<u32>,
}

#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("whose").required(true).args(["demo", "customer"]))]
pub(crate) struct Token {
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// For the demo customer
    #[arg(long)]
    pub(crate) demo: bool,
    /// For this customer: an id (usr_…) or an email address
    #[arg(long, value_name = "CUSTOMER")]
    pub(crate) customer: Option<String>,
    /// OAuth scopes, separated by spaces or commas, or repeated
    #[arg(long, value_name = "SCOPE", value_delimiter = ',')]
    pub(crate) scope: Vec<String>,
    /// How long it is good for, such as 15m or 30d
    #[arg(long, value_name = "TIME", default_value = "24h")]
    pub(crate) ttl: Duration,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Say whether the configuration is valid, and show it without its secrets
    Check(ConfigCheck),
    /// Print the JSON schema of the configuration file
    Schema {
        /// File for it, instead of standard output
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

#[derive(Args, Debug)]
pub(crate) struct ConfigCheck {
    #[command(flatten)]
    pub(crate) settings: Settings,
    #[command(flatten)]
    pub(crate) listen: Listen,
}

#[derive(Args, Debug)]
pub(crate) struct Backup {
    /// Directory for the copy; empty, or not there yet
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

#[derive(Args, Debug)]
pub(crate) struct Restore {
    /// Directory of the backup
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Outbox {
    /// List the events that are given up, and those that failed and will be tried again
    List {
        #[command(flatten)]
        settings: Settings,
        /// One domain instead of all
        #[arg(long, value_name = "NAME")]
        domain: Option<Domain>,
        /// How many of each domain at most
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u64,
    },
    /// Deliver events again that are given up, and at once those that failed
    Requeue {
        #[command(flatten)]
        settings: Settings,
        domain: Domain,
        /// Ids of the events
        #[arg(value_name = "EVENT", required_unless_present = "all")]
        events: Vec<String>,
        /// All that are given up or failed
        #[arg(long, conflicts_with = "events")]
        all: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Tasks {
    /// List the tasks that are given up, and those that failed and will be tried again
    List {
        #[command(flatten)]
        settings: Settings,
        /// One domain instead of all
        #[arg(long, value_name = "NAME")]
        domain: Option<Domain>,
        /// Those that did not fail, too
        #[arg(long)]
        all: bool,
        /// How many of each domain at most
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u64,
    },
    /// Try tasks again at once
    Retry {
        #[command(flatten)]
        settings: Settings,
        domain: Domain,
        /// Tasks as they are listed, such as refund/ret_01h…
        #[arg(value_name = "TASK", required_unless_present = "all")]
        tasks: Vec<String>,
        /// All that are given up or failed
        #[arg(long, conflicts_with = "tasks")]
        all: bool,
    },
    /// Delete tasks: what they were to do is not done
    Discard {
        #[command(flatten)]
        settings: Settings,
        domain: Domain,
        /// Tasks as they are listed, such as refund/ret_01h…
        #[arg(value_name = "TASK", required = true)]
        tasks: Vec<String>,
    },
}
