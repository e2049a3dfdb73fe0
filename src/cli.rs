//! The command line: commands, flags and their help.

mod backup;
mod catalog;
mod check;
mod clients;
mod customer;
mod deals;
mod load;
mod notifications;
mod objects;
mod outbox;
mod prices;
mod rates;
mod search;
mod stock;
mod tasks;
#[cfg(test)]
mod tests;
mod webhooks;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use platform::config::Duration;
use platform::record_file::FileFormat;

pub(crate) use self::backup::{Backup, Restore};
pub(crate) use self::catalog::{Catalog, CatalogImport};
pub(crate) use self::check::Check;
pub(crate) use self::clients::{Client, ClientsFile, Operations, OperationsFormat};
pub(crate) use self::customer::{Customer, CustomerErase, CustomerExport};
pub(crate) use self::deals::{Deals, DealsSchedule, DealsSetupQueue};
pub(crate) use self::load::Load;
pub(crate) use self::notifications::{
    Channel, MigratePreferences, Notifications, PaceArguments, RepairPreferences,
    Status as MessageStatus,
};
pub(crate) use self::objects::{Objects, ObjectsSetup};
pub(crate) use self::outbox::Outbox;
pub(crate) use self::prices::{Prices, PricesImport};
pub(crate) use self::rates::Rates;
pub(crate) use self::search::{
    EvaluationFormat, Search, SearchEvaluate, SearchExperiment, SearchReportFormat, SearchStatus,
    SearchStatusFormat, SearchVectors, SearchVectorsCommand,
};
pub(crate) use self::stock::{Stock, StockImport, StockSet, StockWriteOff};
pub(crate) use self::tasks::Tasks;
pub(crate) use self::webhooks::{Webhook, Webhooks, WebhooksSettings};
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
    /// Serve only the simulated third parties
    Sandbox(Sandbox),
    /// Compose the subgraphs' schemas into a supergraph
    Compose(Compose),
    /// Hash the names of a supergraph and of operations, to report how they are planned
    Anonymize(Anonymize),
    /// Export the schemas, or check what their changes mean for clients
    #[command(subcommand)]
    Schema(Schema),
    /// Manage registered clients
    #[command(subcommand)]
    Client(Client),
    /// Manage the webhooks that notify partners of events
    #[command(subcommand)]
    Webhooks(Webhooks),
    /// Manage clients' registered operations
    #[command(subcommand)]
    Operations(Operations),
    /// Migrate the databases to this version
    Migrate(Migrate),
    /// Fill the databases with demo data
    Seed(Seed),
    /// Mint a token with the development key
    Token(Token),
    /// Check or describe the configuration
    #[command(subcommand)]
    Config(Config),
    /// Manage events that could not be delivered
    #[command(subcommand)]
    Outbox(Outbox),
    /// Manage durable tasks
    #[command(subcommand)]
    Tasks(Tasks),
    /// Manage products
    #[command(subcommand)]
    Catalog(Catalog),
    /// Export or erase what is stored of a customer
    #[command(subcommand)]
    Customer(Customer),
    /// Manage messages to customers
    #[command(subcommand)]
    Notifications(Notifications),
    /// Manage deals for customers
    #[command(subcommand)]
    Deals(Deals),
    /// Manage prices
    #[command(subcommand)]
    Prices(Prices),
    /// Manage stock
    #[command(subcommand)]
    Stock(Stock),
    /// Manage search
    #[command(subcommand)]
    Search(Search),
    /// Manage exchange rates
    #[command(subcommand)]
    Rates(Rates),
    /// Manage the bucket of objects, such as labels
    #[command(subcommand)]
    Objects(Objects),
    /// Back up the data directory while it is in use
    Backup(Backup),
    /// Restore a backup into an empty data directory
    Restore(Restore),
    /// Check whether the databases contradict themselves or each other; changes nothing
    Check(Check),
    /// Simulate customers against a running server, and judge latencies and errors by budgets
    Load(Box<Load>),
}

/// Where settings come from; shared by all commands that have any.
#[derive(Args, Clone, Debug)]
pub(crate) struct Settings {
    /// Configuration file, instead of router-config/vantage.yaml
    #[arg(long, value_name = "FILE", env = "VANTAGE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Directory of databases, indexes and generated keys [default: ./data]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

/// What to do about databases missing from the data directory.
#[derive(Args, Clone, Debug)]
pub(crate) struct MissingDatabases {
    /// Create an empty database where one is missing from the data directory
    #[arg(long, value_name = "NAME")]
    pub(crate) create_database: Vec<Domain>,
}

impl MissingDatabases {
    /// Which databases may be created.
    pub(crate) fn allowed(&self) -> Missing<'_> {
        Missing::Create(&self.create_database)
    }
}

/// How a file to import is written.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "lowercase")]
pub(crate) enum FileFormatArgument {
    Csv,
    /// An array, or one object after another
    Json,
}

impl From<FileFormatArgument> for FileFormat {
    fn from(format: FileFormatArgument) -> Self {
        match format {
            FileFormatArgument::Csv => Self::Csv,
            FileFormatArgument::Json => Self::Json,
        }
    }
}

/// The addresses to listen on.
#[derive(Args, Clone, Debug)]
pub(crate) struct Listen {
    /// Address and port to serve on; port 0 picks a free one [default: 127.0.0.1:4000]
    #[arg(long, value_name = "ADDR:PORT", value_parser = listen::parse)]
    pub(crate) listen: Option<SocketAddr>,
    /// Address and port for operators only: metrics and readiness details
    #[arg(long, value_name = "ADDR:PORT", value_parser = listen::parse)]
    pub(crate) admin_listen: Option<SocketAddr>,
}

impl Settings {
    /// The configuration keys set by these flags.
    pub(crate) fn overrides(&self, listen: Option<&Listen>) -> Overrides {
        Overrides {
            listen: listen.and_then(|listen| listen.listen),
            admin_listen: listen.and_then(|listen| listen.admin_listen),
            data: self.data.clone(),
            sandbox_listen: None,
        }
    }

    /// The configuration keys that these flags set for the sandbox.
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
    /// Run no subgraph in this process: all are reached at their configured URLs
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
    /// The configuration keys set by the flags.
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
    /// Address and port to serve on; port 0 picks a free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:4000", value_parser = listen::parse)]
    pub(crate) listen: SocketAddr,
    /// Address and port for operators only: metrics and readiness details
    #[arg(long, value_name = "ADDR:PORT", value_parser = listen::parse)]
    pub(crate) admin_listen: Option<SocketAddr>,
    /// Configuration file, instead of router-config/vantage.yaml
    #[arg(long, value_name = "FILE", env = "VANTAGE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Compose {
    /// Compose the subgraphs of this file, in the format of rover's supergraph.yaml, instead of this program's own
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Omit `@authenticated` and the like, for routers that reject supergraphs with them
    #[arg(long)]
    pub(crate) omit_authorization: bool,
    /// Another team's subgraph with its schema file; may be repeated
    #[arg(long, num_args = 3, value_names = ["NAME", "URL", "FILE"])]
    pub(crate) subgraph: Vec<String>,
    /// File for the supergraph, instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Anonymize {
    /// SDL of the supergraph
    #[arg(long, value_name = "FILE")]
    pub(crate) supergraph: PathBuf,
    /// A document of operations on it; repeated for each
    #[arg(long, value_name = "FILE")]
    pub(crate) operation: Vec<PathBuf>,
    /// A secret that the hashes depend on, so that they are the same again [default: a random one]
    #[arg(long, value_name = "TEXT")]
    pub(crate) salt: Option<String>,
    /// Directory for the supergraph and the operations
    #[arg(long, short, value_name = "DIR", default_value = "anonymized")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Schema {
    /// Write the SDL of every subgraph, the supergraph and the public schema
    Export {
        #[arg(long, value_name = "DIR", default_value = "schema")]
        directory: PathBuf,
    },
    /// Report what changes for clients, and fail if anything breaks them
    Check(SchemaCheck),
}

#[derive(Args, Debug)]
pub(crate) struct SchemaCheck {
    /// The clients' current SDL: a public schema or a supergraph
    #[arg(long, value_name = "FILE", default_value = "schema/api.graphql")]
    pub(crate) old: PathBuf,
    /// The new SDL; by default the one of this program
    #[arg(long, value_name = "FILE")]
    pub(crate) new: Option<PathBuf>,
    /// Manifests of operations; changes that affect none of them are ignored
    #[arg(long, value_name = "MANIFEST", num_args = 1..)]
    pub(crate) operations: Vec<PathBuf>,
    /// The same with the operations of registered clients: of this file of clients, or of the configured clients.file
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    pub(crate) clients: Option<Option<PathBuf>>,
    /// Configuration file, instead of router-config/vantage.yaml
    #[arg(long, value_name = "FILE", env = "VANTAGE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Include every change, whether or not an operation uses it
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
    /// A single domain instead of all
    #[arg(long, value_name = "NAME")]
    pub(crate) domain: Option<Domain>,
}

#[derive(Args, Debug)]
pub(crate) struct Seed {
    #[command(flatten)]
    pub(crate) settings: Settings,
    #[command(flatten)]
    pub(crate) missing: MissingDatabases,
    /// Number of orders [default: 2000]
    // A larger shop takes days, and its ledger of stock more memory than machines have.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..=100_000_000))]
    pub(crate) orders: Option<u32>,
    /// Number of products [default: 500]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(20..))]
    pub(crate) products: Option<u32>,
    /// Number of customers [default: one for every 40 orders, at least 50]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(3..))]
    pub(crate) customers: Option<u32>,
}

#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("whose").required(true).args(["demo", "customer", "support"]))]
pub(crate) struct Token {
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// For the demo customer
    #[arg(long)]
    pub(crate) demo: bool,
    /// For this customer: an id (usr_…) or an email address
    #[arg(long, value_name = "CUSTOMER")]
    pub(crate) customer: Option<String>,
    /// For a support agent who is no customer, with the scope `support`
    #[arg(long)]
    pub(crate) support: bool,
    /// OAuth scopes, separated by spaces or commas, or repeated
    #[arg(long, value_name = "SCOPE", value_delimiter = ',')]
    pub(crate) scope: Vec<String>,
    /// How long the token is valid, such as 15m or 30d
    #[arg(long, value_name = "TIME", default_value = "24h")]
    pub(crate) ttl: Duration,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Validate the configuration and print it without secrets
    Check(ConfigCheck),
    /// Print the JSON schema of the configuration file
    Schema {
        /// Write it to this file instead of standard output
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
