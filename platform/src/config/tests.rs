//! Layering over a small configuration.

mod errors;

use std::collections::BTreeMap;
use std::error::Error;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::*;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Tree {
    listen: SocketAddr,
    database_url: Option<ConnectionUrl>,
    development: bool,
    format: Format,
    router: Router,
    tracking: Tracking,
    labels: BTreeMap<String, String>,
}

impl Default for Tree {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 4000)),
            database_url: None,
            development: true,
            format: Format::default(),
            router: Router::default(),
            tracking: Tracking::default(),
            labels: BTreeMap::new(),
        }
    }
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Text,
    Json,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Router {
    deadline: Duration,
    depth: u8,
    sampling: f64,
    origins: Vec<String>,
    ports: Vec<u16>,
}

impl Default for Router {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(5),
            depth: 12,
            sampling: 0.5,
            origins: vec!["https://shop.example".to_owned()],
            ports: Vec::new(),
        }
    }
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Tracking {
    carriers: Carriers,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Carriers {
    dhl: Carrier,
    ups: Carrier,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Carrier {
    poll_interval: Duration,
    key: Option<Secret>,
}

impl Default for Carrier {
    fn default() -> Self {
        Self {
            poll_interval: Duration::from_secs(60),
            key: None,
        }
    }
}

fn layers(yaml: &str, variables: &[(&str, &str)]) -> Result<Tree, ConfigError> {
    let variables = variables
        .iter()
        .map(|(name, value)| (OsString::from(name), OsString::from(value)));
    Layers::new("VANTAGE_")
        .yaml(yaml, Path::new("shop.yaml"))?
        .variables(variables, &["CONFIG", "TEST_"])?
        .load()
}

/// The whole error chain, as a program prints it.
fn error(result: Result<Tree, ConfigError>) -> String {
    let error = result.unwrap_err();
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[test]
fn nothing_set_means_the_defaults() {
    assert_eq!(layers("", &[]).unwrap(), Tree::default());
    let commented_out = "router:\n  # deadline: 5s\ntracking:\n  carriers:\n";
    assert_eq!(layers(commented_out, &[]).unwrap(), Tree::default());
}

#[test]
fn each_layer_overrides_only_what_it_names() {
    let tree = Layers::new("VANTAGE_")
        .yaml(
            "router: {deadline: 2s, depth: 3, origins: [a]}\nlabels: {a: file, b: file}",
            Path::new("shop.yaml"),
        )
        .unwrap()
        .variables(
            [
                ("VANTAGE_ROUTER__DEPTH".into(), "4".into()),
                ("VANTAGE_LISTEN".into(), "127.0.0.1:1".into()),
                ("VANTAGE_LABELS__B".into(), "variable".into()),
                (
                    "VANTAGE_TRACKING__CARRIERS__DHL__POLL_INTERVAL".into(),
                    "1s".into(),
                ),
            ],
            &[],
        )
        .unwrap()
        .flag("--listen", "listen", "0.0.0.0:0")
        .unwrap()
        .load::<Tree>()
        .unwrap();
    let expected = Tree {
        listen: SocketAddr::from(([0, 0, 0, 0], 0)),
        router: Router {
            deadline: Duration::from_secs(2),
            depth: 4,
            origins: vec!["a".to_owned()],
            ..Router::default()
        },
        tracking: Tracking {
            carriers: Carriers {
                dhl: Carrier {
                    poll_interval: Duration::from_secs(1),
                    ..Carrier::default()
                },
                ..Carriers::default()
            },
        },
        labels: [("a", "file"), ("b", "variable")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        ..Tree::default()
    };
    assert_eq!(tree, expected);
}

#[test]
fn a_key_that_was_renamed_is_known_by_its_former_name_too() {
    let load = |yaml: &str, variables: &[(&str, &str)]| {
        let variables = variables.iter().map(|(k, v)| ((*k).into(), (*v).into()));
        Layers::new("VANTAGE_")
            .renamed("tracking.carriers.dhl.interval", "poll_interval")
            .yaml(yaml, Path::new("vantage.yaml"))?
            .variables(variables, &[])?
            .load::<Tree>()
            .map(|tree| tree.tracking.carriers.dhl.poll_interval.to_string())
    };
    let former = "tracking: { carriers: { dhl: { interval: 5s } } }";
    let variable = "VANTAGE_TRACKING__CARRIERS__DHL__INTERVAL";
    assert_eq!(load(former, &[]).unwrap(), "5s");
    assert_eq!(load(former, &[(variable, "7s")]).unwrap(), "7s");
    assert_eq!(
        load(former, &[(variable, "soon")]).unwrap_err().to_string(),
        load(
            "",
            &[("VANTAGE_TRACKING__CARRIERS__DHL__POLL_INTERVAL", "soon")]
        )
        .unwrap_err()
        .to_string()
        .replace("POLL_INTERVAL", "INTERVAL")
    );
    let both = "tracking: { carriers: { dhl: { interval: 5s, poll_interval: 6s } } }";
    let error = load(both, &[]).unwrap_err().to_string();
    assert!(error.contains("tracking.carriers.dhl.interval"), "{error}");
}

#[test]
fn a_variable_has_the_type_of_its_key() {
    let tree = layers(
        "database_url: postgres://file/db",
        &[
            ("VANTAGE_DATABASE_URL", ""),
            ("VANTAGE_DEVELOPMENT", "false"),
            ("VANTAGE_FORMAT", "json"),
            ("VANTAGE_ROUTER__SAMPLING", "1"),
            (
                "VANTAGE_ROUTER__ORIGINS",
                "https://a.example, https://b.example",
            ),
            ("VANTAGE_ROUTER__PORTS", "80,443"),
            ("VANTAGE_TRACKING__CARRIERS__DHL__KEY", "08150815"),
            ("VANTAGE_TEST_POSTGRES_URL", "not ours"),
            ("VANTAGE_CONFIG", "not ours"),
            ("PATH", "not ours"),
        ],
    )
    .unwrap();
    assert_eq!(tree.database_url, None, "an empty variable unsets");
    let secret = "tracking: { carriers: { dhl: { key: '08150815' } } }";
    for yaml in [secret, ""] {
        let empty = ("VANTAGE_TRACKING__CARRIERS__DHL__KEY", "");
        let error = layers(yaml, &[empty, ("VANTAGE_DATABASE_URL", "")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "VANTAGE_TRACKING__CARRIERS__DHL__KEY: is empty: copy the whole secret, make one with \
             `openssl rand -hex 32`, or remove the key"
        );
    }
    assert!(!tree.development);
    assert_eq!(tree.format, Format::Json);
    assert_eq!(tree.router.sampling, 1.0);
    assert_eq!(
        tree.router.origins,
        ["https://a.example", "https://b.example"]
    );
    assert_eq!(tree.router.ports, [80, 443]);
    assert_eq!(
        tree.tracking.carriers.dhl.key,
        Some(Secret::new("08150815"))
    );
}

#[test]
fn a_section_keeps_its_own_defaults_for_the_keys_it_does_not_set() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Fleet {
        slow: Ship,
        fast: Ship,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Ship {
        knots: u8,
        crew: u8,
    }
    impl Default for Fleet {
        fn default() -> Self {
            let ship = |knots| Ship { knots, crew: 3 };
            Self {
                slow: ship(5),
                fast: ship(50),
            }
        }
    }
    let fleet: Fleet = Layers::new("FLEET_")
        .variables([("FLEET_FAST__CREW".into(), "9".into())], &[])
        .and_then(Layers::load)
        .unwrap();
    assert_eq!(fleet.fast, Ship { knots: 50, crew: 9 });
    assert_eq!(fleet.slow, Fleet::default().slow);
}
