//! The whole configuration: its defaults, example file, JSON schema, and production checks.

use serde_json::Value;

use super::*;

const EXAMPLE: &str = include_str!("../../router-config/vantage.yaml");
const SCHEMA: &str = include_str!("../../router-config/vantage.schema.json");

/// Loads an empty file with these variables.
fn load(variables: &[(&str, &str)]) -> Result<Configuration, ConfigError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    let variables = variables
        .iter()
        .map(|(name, value)| (name.into(), value.into()));
    Configuration::load(Some(file.path()), variables, &Overrides::default())
}

/// The error line of a configuration that must be refused.
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

    let written: Value = platform::yaml::from_str(EXAMPLE).unwrap();
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
        admin_listen: Some(([127, 0, 0, 1], 9090).into()),
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
fn public_data_is_stored_by_default_where_nobody_else_changes_it() {
    const ENABLED: &str = "VANTAGE_ROUTER__ENTITY_CACHE__ENABLED";
    let uses = |variables: &[(&str, &str)]| load(variables).unwrap().uses_entity_cache();
    let redis = ("VANTAGE_REDIS_URL", "redis://cache");
    assert!(uses(&[]));
    assert!(!uses(&[(ENABLED, "false")]));
    assert!(!uses(&[redis]));
    assert!(uses(&[redis, (ENABLED, "true")]));
    assert!(!uses(&[("VANTAGE_DATABASE_URL", "postgres://db/shop")]));
    assert!(!uses(&[(
        "VANTAGE_SUBGRAPHS__ORDERS__URL",
        "http://orders:4001"
    )]));
    let shared = ("VANTAGE_ROUTER__ENTITY_CACHE__REDIS__ENABLED", "true");
    assert!(refused(&[shared]).contains("requires redis_url"));
    assert!(load(&[shared, redis]).is_ok());
}

#[test]
fn addresses_of_the_wrong_kind_are_refused() {
    assert_eq!(
        refused(&[("VANTAGE_DATABASE_URL", "mysql://root:hunter2@db/shop")]),
        "VANTAGE_DATABASE_URL: \"mysql\" is not one of postgres, postgresql"
    );
    assert_eq!(
        refused(&[("VANTAGE_REDIS_URL", "http://cache")]),
        "VANTAGE_REDIS_URL: \"http\" is not one of redis, rediss"
    );
    assert_eq!(
        refused(&[("VANTAGE_SUBGRAPHS__ORDERS__URL", "orders:4001")]),
        "VANTAGE_SUBGRAPHS__ORDERS__URL: \"orders\" is not one of http, https"
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
    for (variable, path) in [
        ("VANTAGE_SERVER__PATH", "/healthz"),
        ("VANTAGE_SERVER__PATH", "/api/v1/returns"),
        ("VANTAGE_MCP__PATH", "/readyz"),
        ("VANTAGE_MCP__PATH", "/webhooks/mcp"),
    ] {
        let error = refused(&[(variable, path)]);
        assert!(error.contains("is used for something else"), "{error}");
    }
    assert!(load(&[("VANTAGE_SERVER__PATH", "/apis/graphql")]).is_ok());
    assert_eq!(
        refused(&[("VANTAGE_SERVER__WEBSOCKET__PING_INTERVAL", "0s")]),
        "VANTAGE_SERVER__WEBSOCKET__PING_INTERVAL: must be more than zero"
    );
    for name in [
        "VANTAGE_ROUTER__DEADLINE",
        "VANTAGE_ROUTER__LIMITS__PLANNING_MS",
    ] {
        let zero = if name.ends_with("MS") { "0" } else { "0s" };
        let expected = format!("{name}: must be more than zero");
        assert_eq!(refused(&[(name, zero)]), expected);
    }
    assert_eq!(
        refused(&[(
            "VANTAGE_SERVER__FORWARD_HEADERS",
            "authorization,content-length"
        )]),
        "VANTAGE_SERVER__FORWARD_HEADERS: `content-length` belongs to one connection or one body, and the router sends its own"
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
fn webhooks_stay_out_of_our_network_in_production_and_events_are_kept_as_long_as_they_are_retried()
{
    let private = ("VANTAGE_WEBHOOKS__ALLOW_PRIVATE_HOSTS", "true");
    assert!(load(&[private]).unwrap().webhooks.allow_private_hosts);
    let provider = ("VANTAGE_AUTH__JWKS__URL", "https://id.example/jwks.json");
    assert_eq!(
        refused(&[("VANTAGE_MODE", "production"), provider, private]),
        "VANTAGE_WEBHOOKS__ALLOW_PRIVATE_HOSTS: must be false in production: webhooks would reach our own network"
    );
    assert_eq!(
        refused(&[("VANTAGE_WEBHOOKS__RETENTION", "1d")]),
        "VANTAGE_WEBHOOKS__RETENTION: is shorter than all webhooks.retries together: \
         events would be deleted before their last attempt"
    );
    let short = [
        ("VANTAGE_WEBHOOKS__RETENTION", "1m"),
        ("VANTAGE_WEBHOOKS__RETRIES", "5s, 20s"),
    ];
    assert!(load(&short).is_ok());
    assert_eq!(
        refused(&[("VANTAGE_WEBHOOKS__TIMEOUT", "61s")]),
        "VANTAGE_WEBHOOKS__TIMEOUT: is longer than 60s"
    );
    assert_eq!(
        refused(&[("VANTAGE_WEBHOOKS__SIGNING_KEY", "a short secret")]),
        "VANTAGE_WEBHOOKS__SIGNING_KEY: is shorter than 32 bytes: make one with `openssl rand -hex 32`"
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
            (
                "VANTAGE_AUTH__DEVELOPMENT_SECRET",
                "0123456789abcdef0123456789abcdef"
            )
        ]),
        "VANTAGE_AUTH__DEVELOPMENT_SECRET: is refused in production: \
         remove it, and set auth.jwks.url or auth.public_keys"
    );
    assert_eq!(
        refused(&[
            production,
            ("VANTAGE_AUTH__JWKS__URL", "http://id.example/jwks.json")
        ]),
        "VANTAGE_AUTH__JWKS__URL: must be https in production, or an attacker could answer in its place and sign tokens"
    );
    assert!(load(&[production, provider]).is_ok());
    // Then no tokens are verified here.
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
        "\"subgraph_secret\": is required when subgraphs are other processes: set the same one in all of them"
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

/// The paths of all keys with this type in the schema, however they are nested.
fn keys_of_type(schema: &Value, node: &Value, path: &str, name: &str, found: &mut Vec<String>) {
    let reference = format!("#/$defs/{name}");
    let Value::Object(members) = node else {
        return;
    };
    if members.get("$ref").and_then(Value::as_str) == Some(&reference) {
        found.push(path.to_owned());
        return;
    }
    if let Some(Value::String(reference)) = members.get("$ref") {
        let target = schema.pointer(reference.trim_start_matches('#')).unwrap();
        keys_of_type(schema, target, path, name, found);
    }
    if let Some(Value::Object(properties)) = members.get("properties") {
        for (key, property) in properties {
            let path = format!("{path}__{}", key.to_uppercase());
            keys_of_type(schema, property, &path, name, found);
        }
    }
    if let Some(Value::Array(any)) = members.get("anyOf") {
        for one in any {
            keys_of_type(schema, one, path, name, found);
        }
    }
}

fn keys(name: &str) -> Vec<String> {
    let schema: Value = serde_json::from_str(&json_schema().unwrap()).unwrap();
    let mut found = Vec::new();
    keys_of_type(&schema, &schema, "", name, &mut found);
    found
}

#[test]
fn no_secret_and_no_credential_of_a_url_is_ever_shown() {
    const CANARY: &str = "canary-canary-canary-canary-canary";
    let (urls, secrets) = (keys("ConnectionUrl"), keys("Secret"));
    assert!(
        urls.len() >= 17 && secrets.len() >= 17,
        "{urls:?} {secrets:?}"
    );
    let mut variables: Vec<(String, String)> = Vec::new();
    for key in &urls {
        let scheme = match key.as_str() {
            "__DATABASE_URL" => "postgres",
            "__REDIS_URL" | "__ROUTER__ENTITY_CACHE__REDIS__URL" => "redis",
            "__PROVIDERS__SMTP__URL" => "smtps",
            _ => "https",
        };
        for url in [
            format!("{scheme}://user:{CANARY}@host.example/path?{CANARY}={CANARY}#{CANARY}"),
            format!("{scheme}://{CANARY}@host.example"),
        ] {
            variables.push((key.clone(), url));
        }
    }
    variables.extend(secrets.into_iter().map(|key| (key, CANARY.to_owned())));
    // Keys that some of them require.
    let companions = [
        ("__OBJECTS__S3__BUCKET", "labels"),
        ("__PROVIDERS__FEDEX__ACCOUNT", "shop"),
        ("__PROVIDERS__UPS__ACCOUNT", "shop"),
        ("__PROVIDERS__FCM__ACCOUNT", "shop"),
        ("__PROVIDERS__SMS__ACCOUNT", "shop"),
        ("__KAFKA__SASL__MECHANISM", "scram-sha-512"),
        ("__KAFKA__SASL__USERNAME", "shop"),
    ];
    for form in 0..2 {
        let mut set: Vec<(String, String)> = Vec::new();
        for (key, value) in &variables {
            let mut same = variables.iter().filter(|(other, _)| other == key);
            let chosen = same.clone().nth(form).or_else(|| same.next()).unwrap();
            if chosen.1 == *value {
                set.push((
                    format!("VANTAGE{}", key.replacen("__", "_", 1)),
                    value.clone(),
                ));
            }
        }
        for (key, value) in companions {
            let key = format!("VANTAGE{}", key.replacen("__", "_", 1));
            set.push((key, value.to_owned()));
        }
        let set: Vec<_> = set.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let configuration = load(&set).unwrap();
        for shown in [
            platform::yaml::to_string(&configuration).unwrap(),
            serde_json::to_string(&configuration).unwrap(),
            format!("{configuration:?}"),
        ] {
            assert!(
                shown.contains("host.example"),
                "the URLs are shown: {shown}"
            );
            assert!(!shown.contains("canary"), "{shown}");
        }
    }
}

/// Fails if a URL or a secret is added with another type.
#[test]
fn every_url_and_every_secret_of_the_tree_has_the_type_that_hides_it() {
    let schema: Value = serde_json::from_str(&json_schema().unwrap()).unwrap();
    let mut wrong = Vec::new();
    let mut nodes = vec![("".to_owned(), &schema)];
    while let Some((path, node)) = nodes.pop() {
        let Value::Object(members) = node else {
            continue;
        };
        let is_definition = path.ends_with("/ConnectionUrl") || path.ends_with("/Secret");
        let format = members.get("format").and_then(Value::as_str);
        if matches!(format, Some("uri" | "password")) && !is_definition {
            wrong.push(path.clone());
        }
        if let Some(Value::Object(properties)) = members.get("properties") {
            for (key, property) in properties {
                let words = ["url", "endpoint", "secret", "password", "token"];
                let sounds = key.split('_').any(|word| words.contains(&word));
                let text = property.to_string();
                let is_text = text.contains("\"string\"");
                if sounds && is_text {
                    wrong.push(format!("{path}/{key}"));
                }
            }
        }
        for (key, member) in members {
            nodes.push((format!("{path}/{key}"), member));
        }
    }
    assert_eq!(wrong, [] as [String; 0]);
}

/// Loads a file that sets one key, with the keys that it requires.
fn load_key(key: &str, text: &str, mode: &str) -> Result<Configuration, ConfigError> {
    let mut tree = serde_json::json!({
        "mode": mode,
        "auth": {"jwks": {"url": "https://id.example/jwks.json"}},
    });
    if key.starts_with("objects.s3") {
        tree["objects"]["s3"]["bucket"] = "labels".into();
    }
    if key.starts_with("pricing.rates.second_source") {
        tree["pricing"]["rates"]["second_source"]["url"] = "https://rates.example".into();
    }
    if key.starts_with("notifications.deals.sqs") {
        tree["notifications"]["deals"]["sqs"]["queue_url"] =
            "https://sqs.example/123456789012/deals.fifo".into();
    }
    if key.starts_with("kafka.sasl") {
        let sasl = serde_json::json!({"mechanism": "scram-sha-512", "username": "shop"});
        tree["kafka"]["sasl"] = sasl;
    }
    let mut at = &mut tree;
    for part in key.split('.') {
        at = &mut at[part];
    }
    *at = text.into();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), tree.to_string()).unwrap();
    Configuration::load(Some(file.path()), [], &Overrides::default())
}

#[test]
fn no_secret_of_the_tree_may_be_empty_or_short_and_production_is_strict() {
    let dotted = |key: String| {
        key.trim_start_matches('_')
            .to_lowercase()
            .replace("__", ".")
    };
    let keys: Vec<_> = keys("Secret").into_iter().map(dotted).collect();
    for known in [
        "subgraph_secret",
        "auth.development_secret",
        "subgraph.schema_token",
        "providers.stripe.key",
        "providers.stripe.webhook_secret",
        "providers.easypost.webhook_secret",
        "providers.ups.webhook_secret",
        "objects.s3.secret_access_key",
        "notifications.deals.sqs.secret_access_key",
    ] {
        assert!(keys.iter().any(|key| key == known), "{known} of {keys:?}");
    }
    for key in &keys {
        for mode in ["development", "production"] {
            for (text, problem) in [
                ("", "is empty"),
                ("  \n ", "is empty"),
                ("hunter2", "is shorter than"),
                (" hunter2\n", "is shorter than"),
            ] {
                let error = load_key(key, text, mode).unwrap_err().to_string();
                assert!(error.contains(&format!("{key:?} in ")), "{error}");
                assert!(error.contains(problem), "{error}");
                assert!(error.contains("openssl rand -hex 32"), "{error}");
                assert!(!error.contains("hunter2"), "{error}");
            }
        }
        let variable = format!("VANTAGE_{}", key.to_uppercase().replace('.', "__"));
        let error = refused(&[(&variable, "")]);
        assert!(
            error.starts_with(&format!("{variable}: is empty")),
            "{error}"
        );
        let fifteen = load_key(key, "0123456789abcde", "production");
        assert!(
            fifteen.unwrap_err().to_string().contains("is shorter than"),
            "{key}"
        );
        if !matches!(
            key.as_str(),
            "subgraph_secret"
                | "auth.development_secret"
                | "subgraph.schema_token"
                | "webhooks.signing_key"
        ) {
            assert!(
                load_key(key, "0123456789abcde", "development").is_ok(),
                "{key}"
            );
            assert!(
                load_key(key, "0123456789abcdef", "production").is_ok(),
                "{key}"
            );
        }
    }
}
