//! The text of every error.

use super::*;

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
    // Two carriers have this key, so nothing is suggested.
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
            "the configuration file {} does not exist: create it, or choose another",
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
