//! The tree as a whole: its defaults, its example file, its JSON schema, and what production refuses.

use serde_json::Value;

use super::*;

const EXAMPLE: &str = include_str!("../../router-config/vantage.yaml");
const SCHEMA: &str = include_str!("../../router-config/vantage.schema.json");

/// Loads with these variables over an empty file.
fn load(variables: &[(&str, &str)]) -> Result<Configuration, ConfigError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    let variables = variables
        .iter()
        .map(|(name, value)| (name.into(), value.into()));
    Configuration::load(Some(file.path()), variables, &Overrides::default())
}

/// The error's line, for something that must be refused.
fn refused(variables: &[(&str, &str)]) -> String {
    load(variables).unwrap_err().to_string()
}

#[test]
fn the_defaults_survive_being_a_layer() {
    assert_eq!(load(&[]).unwrap(), Configuration::default());
}

#[test]
fn the_example_shows_every_default_and_every_key() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(DEFAULT_FILE);
    let example = Configuration::load(Some(&file), [], &Overrides::default()).unwrap();
    assert_eq!(example, Configuration::default());

    let written: Value = serde_norway::from_str(EXAMPLE).unwrap();
    let defaults = serde_json::to_value(Configuration::default()).unwrap();
    let mut missing = Vec::new();
    compare(&defaults, &written, "", &mut missing);
    assert_eq!(missing, [] as [String; 0], "add them to {DEFAULT_FILE}");
}

fn is_in_a_comment(key: &str) -> bool {
    EXAMPLE
        .lines()
        .filter_map(|line| line.split_once('#'))
        .any(|(_, comment)| comment.trim_start().starts_with(&format!("{key}: ")))
}

/// Keys with a default must be written out; optional ones at least in a comment.
fn compare(defaults: &Value, written: &Value, path: &str, missing: &mut Vec<String>) {
    let Value::Object(defaults) = defaults else {
        return;
    };
    for (key, default) in defaults {
        let path = format!("{path}/{key}");
        match written.get(key) {
            Some(written) => compare(default, written, &path, missing),
            None if default.is_null() && is_in_a_comment(key) => {}
            None => missing.push(path),
        }
    }
}

#[test]
fn the_committed_json_schema_is_the_one_of_the_types() {
    assert!(
        SCHEMA == json_schema().unwrap(),
        "run `cargo run -- config schema --output router-config/vantage.schema.json`"
    );
}

#[test]
fn the_json_schema_refuses_unknown_keys_and_lets_sections_leave_keys_out() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let sections = schema["$defs"].as_object().unwrap();
    assert!(sections.len() > 5, "the sections are definitions");
    for (name, section) in sections.iter().chain([(&"the root".to_owned(), &schema)]) {
        if section.get("properties").is_some() {
            let closed = section.get("additionalProperties");
            assert_eq!(closed, Some(&Value::Bool(false)), "{name}");
        }
    }
    for open in [&schema, &sections["Carrier"], &sections["Telemetry"]] {
        assert_eq!(open.get("required"), None, "{open}");
    }
}

#[test]
fn a_flag_wins_over_a_variable() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let overrides = Overrides {
        listen: Some(SocketAddr::from(([0, 0, 0, 0], 0))),
        data: Some("/srv/shop".into()),
        sandbox_listen: Some(("--sandbox-listen", SocketAddr::from(([127, 0, 0, 1], 4100)))),
    };
    let variables = [
        ("VANTAGE_LISTEN".into(), "127.0.0.1:1".into()),
        ("VANTAGE_MODE".into(), "development".into()),
        (
            "VANTAGE_TEST_POSTGRES_URL".into(),
            "postgres://ignored".into(),
        ),
    ];
    let configuration = Configuration::load(Some(file.path()), variables, &overrides).unwrap();
    assert_eq!(Some(configuration.listen), overrides.listen);
    assert_eq!(Some(configuration.data), overrides.data);
    assert_eq!(configuration.sandbox.listen.port(), 4100);
}

#[test]
fn a_carrier_keeps_its_own_defaults() {
    let configuration = load(&[("VANTAGE_TRACKING__CARRIERS__UPS__POLL_INTERVAL", "1s")]).unwrap();
    let mut expected = Configuration::default();
    expected.tracking.carriers.ups.poll_interval = platform::config::Duration::from_secs(1);
    assert_eq!(configuration, expected);
}

#[test]
fn addresses_of_the_wrong_kind_are_refused() {
    assert_eq!(
        refused(&[("VANTAGE_DATABASE_URL", "mysql://root:hunter2@db/shop")]),
        "VANTAGE_DATABASE_URL: \"mysql\" is none of postgres, postgresql"
    );
    assert_eq!(
        refused(&[("VANTAGE_REDIS_URL", "http://cache")]),
        "VANTAGE_REDIS_URL: \"http\" is none of redis, rediss"
    );
    assert_eq!(
        refused(&[("VANTAGE_SUBGRAPHS__ORDERS__URL", "orders:4001")]),
        "VANTAGE_SUBGRAPHS__ORDERS__URL: \"orders\" is none of http, https"
    );
    assert_eq!(
        refused(&[("VANTAGE_TELEMETRY__LOG_LEVEL", "loud")]),
        "VANTAGE_TELEMETRY__LOG_LEVEL: \"loud\" is not a level: use off, error, warn, info, debug or trace, \
         or levels by module such as warn,router=debug"
    );
}

#[test]
fn what_cannot_be_served_is_refused_where_it_was_set() {
    assert_eq!(
        refused(&[("VANTAGE_SERVER__PATH", "graphql")]),
        "VANTAGE_SERVER__PATH: `graphql` must begin with `/` and have no `{`, `}` or `*`"
    );
    assert_eq!(
        refused(&[("VANTAGE_SERVER__WEBSOCKET__PING_INTERVAL", "0s")]),
        "VANTAGE_SERVER__WEBSOCKET__PING_INTERVAL: must be more than zero"
    );
    assert_eq!(
        refused(&[(
            "VANTAGE_SERVER__CORS__ORIGINS",
            "https://a.example, b.example"
        )]),
        "VANTAGE_SERVER__CORS__ORIGINS: `b.example` is not an origin: write scheme://host or scheme://host:port"
    );
}

#[test]
fn the_mode_alone_decides_what_is_for_developers() {
    assert!(load(&[]).unwrap().server.development);
    let production = [
        ("VANTAGE_MODE", "production"),
        ("VANTAGE_AUTH__JWKS__URL", "https://id.example/jwks.json"),
    ];
    assert!(!load(&production).unwrap().server.development);
    let key = [("VANTAGE_SERVER__DEVELOPMENT", "true")];
    assert!(
        refused(&key).starts_with("unknown configuration variable VANTAGE_SERVER__DEVELOPMENT; ")
    );
}

#[test]
fn production_believes_only_an_identity_provider() {
    let production = ("VANTAGE_MODE", "production");
    let provider = ("VANTAGE_AUTH__JWKS__URL", "https://id.example/jwks.json");
    assert_eq!(
        refused(&[production]),
        "VANTAGE_MODE: production needs an identity provider: set auth.jwks.url or auth.public_keys"
    );
    assert_eq!(
        refused(&[
            production,
            provider,
            ("VANTAGE_AUTH__DEVELOPMENT_SECRET", "x")
        ]),
        "VANTAGE_AUTH__DEVELOPMENT_SECRET: is refused in production: \
         remove it, and set auth.jwks.url or auth.public_keys"
    );
    assert_eq!(
        refused(&[
            production,
            ("VANTAGE_AUTH__JWKS__URL", "http://id.example/jwks.json")
        ]),
        "VANTAGE_AUTH__JWKS__URL: must be https in production: whoever answers for it could sign tokens"
    );
    assert!(load(&[production, provider]).is_ok());
    // Then nobody is believed here at all.
    assert!(load(&[production, ("VANTAGE_AUTH__PASS_THROUGH", "true")]).is_ok());
    assert!(
        load(&[
            production,
            ("VANTAGE_AUTH__JWKS__URL", "http://127.0.0.1:1/jwks")
        ])
        .is_ok()
    );
}

#[test]
fn production_over_processes_needs_a_shared_secret() {
    let production = [
        ("VANTAGE_MODE", "production"),
        ("VANTAGE_AUTH__JWKS__URL", "https://id.example/jwks.json"),
        (
            "VANTAGE_SUBGRAPHS__ORDERS__URL",
            "http://orders:4001/graphql",
        ),
    ];
    assert_eq!(
        refused(&production),
        "\"subgraph_secret\": is needed when subgraphs are other processes: set the same one in all of them"
    );
    let secret = (
        "VANTAGE_SUBGRAPH_SECRET",
        "0123456789abcdef0123456789abcdef",
    );
    assert!(load(&[&production[..], &[secret]].concat()).is_ok());
}

#[test]
fn short_secrets_are_refused_and_not_shown() {
    for name in [
        "VANTAGE_SUBGRAPH_SECRET",
        "VANTAGE_AUTH__DEVELOPMENT_SECRET",
    ] {
        assert_eq!(
            refused(&[(name, "0123456789abcdef0123456789abcde")]),
            format!("{name}: is shorter than 32 bytes: make one with `openssl rand -hex 32`")
        );
        assert!(load(&[(name, "0123456789abcdef0123456789abcdef")]).is_ok());
    }
}
