//! `vantage client` and `vantage operations`: registered clients and their operations.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use router::clients::ClientMode;

/// The location of the clients file.
#[derive(Args, Clone, Debug)]
pub(crate) struct ClientsFile {
    /// Configuration file, instead of router-config/vantage.yaml
    #[arg(long, value_name = "FILE", env = "VANTAGE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Clients file, instead of the configured clients.file
    #[arg(long, value_name = "FILE")]
    pub(crate) clients: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Client {
    /// Register a client and print its key: only once, since only its hash is kept
    Add {
        #[command(flatten)]
        file: ClientsFile,
        /// The name that the client sends
        name: String,
        /// Which documents the client may send
        #[arg(long, value_enum, default_value = "allow")]
        mode: Mode,
        /// A scope of its key, such as orders:read; repeated for each
        #[arg(long, value_name = "SCOPE", value_delimiter = ',')]
        scope: Vec<String>,
        /// Create no key: the client is identified by its name or its tokens
        #[arg(long)]
        without_key: bool,
        /// Offer the client's queries to agents as tools
        #[arg(long)]
        tools: bool,
    },
    /// Create another key for a client and print it; existing keys keep working
    RotateKey {
        #[command(flatten)]
        file: ClientsFile,
        name: String,
    },
    /// Revoke one or all of a client's keys
    Revoke {
        #[command(flatten)]
        file: ClientsFile,
        name: String,
        /// Id of the key; by default all keys are revoked
        key: Option<String>,
    },
    /// List the clients
    List {
        #[command(flatten)]
        file: ClientsFile,
    },
}

/// The modes, named as in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    Allow,
    LogUnknown,
    Require,
}

impl From<Mode> for ClientMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Allow => Self::Allow,
            Mode::LogUnknown => Self::LogUnknown,
            Mode::Require => Self::Require,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Operations {
    /// Fail if a registered operation, or one of the REST routes (as client `rest`), is not valid against a schema
    Check {
        #[command(flatten)]
        file: ClientsFile,
        /// SDL of the supergraph; by default this binary's own
        #[arg(long, value_name = "FILE")]
        supergraph: Option<PathBuf>,
        /// A single client instead of all
        #[arg(long, value_name = "NAME")]
        client: Option<String>,
        /// Include every change from this binary's schema, whether or not an operation uses it
        #[arg(long, requires = "supergraph")]
        all: bool,
        #[arg(long, value_enum, default_value = "text")]
        format: OperationsFormat,
    },
    /// List the registered operations
    List {
        #[command(flatten)]
        file: ClientsFile,
        /// A single client instead of all
        #[arg(long, value_name = "NAME")]
        client: Option<String>,
    },
    /// Print the cost of each registered operation, in the units of rates and limits, with default variables
    Cost {
        #[command(flatten)]
        file: ClientsFile,
        /// SDL of the supergraph; by default this binary's own
        #[arg(long, value_name = "FILE")]
        supergraph: Option<PathBuf>,
        /// A single client instead of all
        #[arg(long, value_name = "NAME")]
        client: Option<String>,
    },
    /// Register the operations of a document or a manifest
    Add {
        #[command(flatten)]
        file: ClientsFile,
        /// SDL of the supergraph to validate against; by default this binary's own
        #[arg(long, value_name = "FILE")]
        supergraph: Option<PathBuf>,
        client: String,
        /// A GraphQL document with one operation, or a manifest (.json)
        operations: PathBuf,
    },
}

/// The output format of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OperationsFormat {
    /// One line for each invalid operation
    Text,
    Json,
    /// JUnit XML with one suite per client
    Junit,
}
