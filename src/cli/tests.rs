//! Parsing command lines.

use clap::CommandFactory;
use clap::error::ErrorKind;

use super::*;

fn parse(line: &str) -> Result<Command, clap::Error> {
    Cli::try_parse_from(line.split_whitespace()).map(|cli| cli.command)
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_documented_line_is_understood() {
    for line in [
        "vantage serve",
        "vantage serve --listen 127.0.0.1:0 --data /tmp/shop --config shop.yaml --demo",
        "vantage serve --router-only --admin-listen 127.0.0.1:9090",
        "vantage subgraph returns --listen 127.0.0.1:4001",
        "vantage serve --create-database returns --create-database orders",
        "vantage router --supergraph supergraph.graphql --listen 127.0.0.1:4000",
        "vantage compose --output schema/supergraph.graphql",
        "vantage compose --config supergraph.yaml -o supergraph.graphql",
        "vantage anonymize --supergraph supergraph.graphql --operation page.graphql --operation cart.graphql --salt ours",
        "vantage schema export",
        "vantage schema check --old old.graphql --new new.graphql --format json",
        "vantage schema check --operations web.json ios.json --all",
        "vantage schema check --clients --format json",
        "vantage schema check --clients clients.yaml",
        "vantage client add acme --mode require",
        "vantage client rotate-key acme --clients clients.yaml",
        "vantage client revoke acme k1",
        "vantage client list",
        "vantage operations check --supergraph next.graphql --client acme --all --format junit",
        "vantage operations list",
        "vantage operations add acme order-status.graphql",
        "vantage migrate",
        "vantage migrate --domain orders",
        "vantage seed --orders 100000",
        "vantage token --demo",
        "vantage token --customer usr_1 --scope orders:read --scope returns:write --ttl 15m",
        "vantage config check --config shop.yaml",
        "vantage config schema",
        "vantage backup /backups/today --data /var/lib/vantage",
        "vantage restore /backups/today",
        "vantage outbox list",
        "vantage outbox requeue orders 018f 018e",
        "vantage outbox requeue orders --all",
        "vantage tasks list --all --domain returns",
        "vantage tasks retry returns refund/ret_1 void/ret_2",
        "vantage tasks retry orders --all",
        "vantage tasks discard orders payment/ord_1",
        "vantage stock set prd_1 12 --reason recount --actor anna@example.com",
        "vantage stock write-off prd_1 2 --reason scrapped --actor anna@example.com",
        "vantage stock import delivery.csv --dry-run",
        "vantage stock list",
        "vantage customer export usr_1 --output export.json --data /var/lib/vantage",
        "vantage customer export usr_1 --domain orders",
        "vantage customer erase usr_1 --dry-run",
        "vantage customer erase usr_1 --yes",
        "vantage deals setup-queue --create",
        "vantage deals setup-queue --check",
        "vantage objects setup --create",
        "vantage objects setup --check --config shop.yaml",
        "vantage objects setup --dry-run",
        "vantage load --target http://127.0.0.1:4000",
        "vantage load --target http://127.0.0.1:4000 --scenario browse=6,checkout --rate 90/m --ramp 10s --warm-up 10s",
        "vantage load --target http://127.0.0.1:4000 --users 20 --think 2s-5s --threshold p95<250ms --report a.html",
        "vantage load --target http://127.0.0.1:4000 --threshold browse:errors<1% --threshold checkout.place:p99<1s",
    ] {
        assert!(parse(line).is_ok(), "{line}: {:?}", parse(line).err());
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let check = |line: &str, kind: ErrorKind| {
        assert_eq!(parse(line).unwrap_err().kind(), kind, "{line}");
    };
    check(
        "vantage",
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
    );
    check(
        "vantage serve --listen 127.0.0.1",
        ErrorKind::ValueValidation,
    );
    check(
        "vantage serve --router-only --demo",
        ErrorKind::ArgumentConflict,
    );
    check("vantage subgraph billing", ErrorKind::InvalidValue);
    check("vantage router", ErrorKind::MissingRequiredArgument);
    check("vantage token", ErrorKind::MissingRequiredArgument);
    check(
        "vantage operations check --all",
        ErrorKind::MissingRequiredArgument,
    );
    check(
        "vantage token --demo --customer usr_1",
        ErrorKind::ArgumentConflict,
    );
    check("vantage token --demo --ttl 15", ErrorKind::ValueValidation);
    check("vantage load", ErrorKind::MissingRequiredArgument);
    let load = "vantage load --target http://127.0.0.1:4000";
    for pace in ["--rate 5/s", "--max-in-flight 5"] {
        check(
            &format!("{load} --users 5 {pace}"),
            ErrorKind::ArgumentConflict,
        );
    }
    for option in [
        "--rate 5",
        "--scenario basket",
        "--threshold p95<1",
        "--think 5s-2s",
    ] {
        check(&format!("{load} {option}"), ErrorKind::ValueValidation);
    }
    check(
        "vantage load --target 127.0.0.1:4000",
        ErrorKind::ValueValidation,
    );
    for command in ["set prd_1 12", "write-off prd_1 2", "import stock.csv"] {
        check(
            &format!("vantage stock {command} --actor="),
            ErrorKind::ValueValidation,
        );
    }
    check(
        "vantage outbox requeue orders",
        ErrorKind::MissingRequiredArgument,
    );
    check("vantage customer erase", ErrorKind::MissingRequiredArgument);
    check(
        "vantage customer erase usr_1 --dry-run --yes",
        ErrorKind::ArgumentConflict,
    );
}

#[test]
fn a_flag_overrides_only_its_own_key() {
    let Ok(Command::Serve(serve)) = parse("vantage serve --listen 127.0.0.1:0") else {
        panic!("it is the serve command");
    };
    let overrides = serve.settings.overrides(Some(&serve.listen));
    assert_eq!(
        overrides.listen,
        Some(SocketAddr::from(([127, 0, 0, 1], 0)))
    );
    assert_eq!(overrides.data, None);
}
