//! The layers over a small configuration, and the text of every error.

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

/// The whole chain, as a program prints it.
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
fn an_unknown_key_in_the_file_names_the_nearest_one() {
    let check = |yaml: &str, message: &str| assert_eq!(error(layers(yaml, &[])), message);
    check(
        "lisen: 127.0.0.1:1",
        r#"unknown key "lisen" in shop.yaml; did you mean "listen"?"#,
    );
    check(
        "router: {dedline: 1s}",
        r#"unknown key "router.dedline" in shop.yaml; did you mean "router.deadline"?"#,
    );
    check(
        "deadline: 1s",
        r#"unknown key "deadline" in shop.yaml; did you mean "router.deadline"?"#,
    );
    check(
        "router: {colour: blue}",
        r#"unknown key "router.colour" in shop.yaml; the keys of "router" are deadline, depth, origins, ports, sampling"#,
    );
    check(
        "7: seven",
        r#"unknown key "7" in shop.yaml; the keys are database_url, development, format, labels, listen, router, tracking"#,
    );
    // Two carriers have one: no guess.
    check(
        "tracking: {poll_interval: 1s}",
        r#"unknown key "tracking.poll_interval" in shop.yaml; the keys of "tracking" are carriers"#,
    );
}

#[test]
fn an_unknown_variable_names_the_nearest_one() {
    let check = |name: &str, message: &str| assert_eq!(error(layers("", &[(name, "1s")])), message);
    check(
        "VANTAGE_LISEN",
        "unknown configuration variable VANTAGE_LISEN; did you mean VANTAGE_LISTEN?",
    );
    check(
        "VANTAGE_TRACKIN__CARRIERS__DHL__POLL_INTERVAL",
        "unknown configuration variable VANTAGE_TRACKIN__CARRIERS__DHL__POLL_INTERVAL; \
         did you mean VANTAGE_TRACKING__CARRIERS__DHL__POLL_INTERVAL?",
    );
    check(
        "VANTAGE_TRACKING_CARRIERS_DHL_POLL_INTERVAL",
        "unknown configuration variable VANTAGE_TRACKING_CARRIERS_DHL_POLL_INTERVAL; \
         did you mean VANTAGE_TRACKING__CARRIERS__DHL__POLL_INTERVAL?",
    );
    check(
        "VANTAGE_COLOUR",
        "unknown configuration variable VANTAGE_COLOUR; \
         the keys are database_url, development, format, labels, listen, router, tracking",
    );
}

#[test]
fn a_bad_value_says_where_what_and_how_to_mend_it() {
    let file = |yaml: &str, message: &str| assert_eq!(error(layers(yaml, &[])), message);
    file(
        "listen: localhost",
        r#""listen" in shop.yaml: invalid socket address syntax (the default is 127.0.0.1:4000)"#,
    );
    file(
        "router: {deadline: 30}",
        r#""router.deadline" in shop.yaml: "30" has no unit: write 30s for seconds, or use ms, m, h or d (the default is 5s)"#,
    );
    file(
        "router: {depth: 300}",
        r#""router.depth" in shop.yaml: expected a whole number from 0 to 255, found 300 (the default is 12)"#,
    );
    file(
        "router: {depth: deep}",
        r#""router.depth" in shop.yaml: expected a whole number from 0 to 255, found "deep" (the default is 12)"#,
    );
    file(
        "router: {origins: all}",
        r#""router.origins" in shop.yaml: expected a list, found "all""#,
    );
    file(
        "router: {ports: [80, many]}",
        r#""router.ports.2" in shop.yaml: expected a whole number from 0 to 65535, found "many""#,
    );
    file(
        "router: 5",
        r#""router" in shop.yaml: this is a section: put its keys below it"#,
    );
    file(
        "format: xml",
        r#""format" in shop.yaml: "xml" is not one of text, json (the default is text)"#,
    );
    file(
        "development: 'yes'",
        r#""development" in shop.yaml: expected true or false, found "yes" (the default is true)"#,
    );
    file(
        "tracking: {carriers: {dhl: {key: 4711}}}",
        r#""tracking.carriers.dhl.key" in shop.yaml: expected a secret in quotes (not shown)"#,
    );
    file(
        "listen:",
        r#""listen" in shop.yaml: expected an address and port, found nothing (the default is 127.0.0.1:4000)"#,
    );

    let variable = |name: &str, value: &str, message: &str| {
        assert_eq!(error(layers("", &[(name, value)])), message);
    };
    variable(
        "VANTAGE_DATABASE_URL",
        "hunter2",
        "VANTAGE_DATABASE_URL: not a URL (relative URL without a base): \
         write it like scheme://user:password@host:port/name",
    );
    variable(
        "VANTAGE_DEVELOPMENT",
        "yes",
        "VANTAGE_DEVELOPMENT: expected true or false, found \"yes\" (the default is true)",
    );
    variable(
        "VANTAGE_ROUTER__DEPTH",
        "-1",
        "VANTAGE_ROUTER__DEPTH: expected a whole number from 0 to 255, found -1 (the default is 12)",
    );
    variable(
        "VANTAGE_ROUTER",
        "fast",
        "VANTAGE_ROUTER: this is a section: set the keys in it, joined by two underscores",
    );
}

#[test]
fn a_value_and_a_section_under_one_key_are_told_apart() {
    assert_eq!(
        error(layers(
            "listen: 127.0.0.1:1",
            &[("VANTAGE_LISTEN__PORT", "1")]
        )),
        r#""listen" in shop.yaml: sets a value where VANTAGE_LISTEN__PORT sets the keys of a section: keep one of them"#
    );
    assert_eq!(
        error(layers("router: {depth: 1}", &[("VANTAGE_ROUTER", "fast")])),
        "VANTAGE_ROUTER: sets a value where shop.yaml sets the keys of a section: keep one of them"
    );
}

#[test]
fn a_flag_is_named_as_it_is_typed() {
    let result = Layers::new("VANTAGE_")
        .flag("--listen", "listen", "4000")
        .and_then(Layers::load::<Tree>);
    assert_eq!(
        error(result),
        "--listen: invalid socket address syntax (the default is 127.0.0.1:4000)"
    );
}

#[test]
fn a_file_that_cannot_be_used_is_named_with_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("absent.yaml");
    let new = || Layers::new("VANTAGE_");
    assert_eq!(
        error(new().file(&missing).and_then(Layers::load)),
        format!(
            "there is no configuration file {}: create it, or name another",
            missing.display()
        )
    );
    assert_eq!(
        new()
            .file_if_present(&missing)
            .and_then(Layers::load::<Tree>)
            .unwrap(),
        Tree::default()
    );
    let unreadable = error(new().file(directory.path()).and_then(Layers::load));
    assert!(
        unreadable.starts_with(&format!(
            "the configuration file {} cannot be read: ",
            directory.path().display()
        )),
        "{unreadable}"
    );
    let syntax = error(layers("listen: [", &[]));
    assert!(
        syntax.starts_with("the configuration file shop.yaml is not valid YAML: ")
            && syntax.contains("line "),
        "{syntax}"
    );
    let twice = error(layers("listen: a\nlisten: b", &[]));
    assert!(
        twice.contains("duplicate mapping key `listen`") && twice.contains("line 2"),
        "{twice}"
    );
    assert_eq!(
        error(layers("- listen", &[])),
        "the configuration file shop.yaml must hold keys with values, such as `listen: 127.0.0.1:4000`"
    );
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_no_text_is_named() {
    use std::os::unix::ffi::OsStringExt;
    let variables = [("VANTAGE_LISTEN".into(), OsString::from_vec(vec![0xff]))];
    let result = Layers::new("VANTAGE_")
        .variables(variables, &[])
        .and_then(Layers::load);
    assert_eq!(
        error(result),
        "the variable VANTAGE_LISTEN is not valid UTF-8"
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

#[test]
fn an_item_of_a_list_that_lacks_a_key_is_named() {
    #[derive(Debug, Default, Serialize, Deserialize)]
    struct Partners {
        partners: Vec<Partner>,
    }
    #[derive(Debug, Serialize, Deserialize)]
    struct Partner {
        name: String,
    }
    let error = Layers::new("VANTAGE_")
        .yaml("partners: [{name: A}, {}]", Path::new("shop.yaml"))
        .and_then(Layers::load::<Partners>)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        r#""partners.2" in shop.yaml: needs the key "name""#
    );
}

#[test]
fn a_check_of_the_whole_names_where_the_key_was_set() {
    let check = |layers: Layers, message: &str| {
        let error = layers
            .load_checked(|_: &Tree| Err(Invalid::new("router.depth", "is too deep for this")))
            .unwrap_err();
        assert_eq!(error.to_string(), message);
    };
    let new = || Layers::new("VANTAGE_");
    check(new(), r#""router.depth": is too deep for this"#);
    check(
        new()
            .yaml("router: {depth: 9}", Path::new("shop.yaml"))
            .unwrap(),
        r#""router.depth" in shop.yaml: is too deep for this"#,
    );
    check(
        new().flag("--depth", "router.depth", "9").unwrap(),
        "--depth: is too deep for this",
    );
}
