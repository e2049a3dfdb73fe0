//! `vantage client` and `vantage operations`: who calls, and with what.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use router::clients::ClientMode;

/// Which file of clients.
#[derive(Args, Clone, Debug)]
pub(crate) struct ClientsFile {
    /// Configuration file, instead of router-config/vantage.yaml
    #[arg(long, value_name = "FILE", env = "VANTAGE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// File of the clients, instead of the configured clients.file
    #[arg(long, value_name = "FILE")]
    pub(crate) clients: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Client {
    /// Register a client, and print its key: once, for only its hash is kept
    Add {
        #[command(flatten)]
        file: ClientsFile,
        /// What the client calls itself
        name: String,
        /// Which documents it may send
        #[arg(long, value_enum, default_value = "allow")]
        mode: Mode,
        /// Make no key: it is known by its name, or by its tokens
        #[arg(long)]
        without_key: bool,
    },
    /// Make another key of a client, and print it; the ones it has go on working
    RotateKey {
        #[command(flatten)]
        file: ClientsFile,
        name: String,
    },
    /// Take a key from a client, or all of them
    Revoke {
        #[command(flatten)]
        file: ClientsFile,
        name: String,
        /// Id of the key, instead of all
        key: Option<String>,
    },
    /// List the clients
    List {
        #[command(flatten)]
        file: ClientsFile,
    },
}

/// The modes by the names that the file has.
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
    /// Fail when a registered operation, or one of the REST routes (as client `rest`), does not fit a schema
    Check {
        #[command(flatten)]
        file: ClientsFile,
        /// SDL of the supergraph, instead of this binary's own
        #[arg(long, value_name = "FILE")]
        supergraph: Option<PathBuf>,
        /// One client instead of all
        #[arg(long, value_name = "NAME")]
        client: Option<String>,
        /// Count every change from this binary's schema, whether an operation uses it or not
        #[arg(long, requires = "supergraph")]
        all: bool,
        #[arg(long, value_enum, default_value = "text")]
        format: OperationsFormat,
    },
    /// List the registered operations
    List {
        #[command(flatten)]
        file: ClientsFile,
        /// One client instead of all
        #[arg(long, value_name = "NAME")]
        client: Option<String>,
    },
    /// Print what each registered operation costs, in the units of rates and limits, with the defaults of its variables
    Cost {
        #[command(flatten)]
        file: ClientsFile,
        /// SDL of the supergraph, instead of this binary's own
        #[arg(long, value_name = "FILE")]
        supergraph: Option<PathBuf>,
        /// One client instead of all
        #[arg(long, value_name = "NAME")]
        client: Option<String>,
    },
    /// Register the operations of a document or a manifest
    Add {
        #[command(flatten)]
        file: ClientsFile,
        /// SDL of the supergraph that they have to fit, instead of this binary's own
        #[arg(long, value_name = "FILE")]
        supergraph: Option<PathBuf>,
        client: String,
        /// A GraphQL document of one operation, or a manifest (.json)
        operations: PathBuf,
    },
}

/// How the outcome of a check is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OperationsFormat {
    /// A line for each operation that does not fit
    Text,
    Json,
    /// JUnit's XML: a suite for each client
    Junit,
}
