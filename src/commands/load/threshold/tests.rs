//! Reading, replacing and judging limits.

use super::*;

fn threshold(text: &str) -> Threshold {
    text.parse().unwrap()
}

fn texts(scenarios: &str, given: &[&str]) -> Result<Vec<String>, ThresholdError> {
    let given: Vec<_> = given.iter().map(|text| threshold(text)).collect();
    let limits = of_run(&scenarios.parse().unwrap(), &given)?;
    Ok(limits.iter().map(Threshold::to_string).collect())
}

#[test]
fn limits_are_read_and_written_in_one_form() {
    for (text, written) in [
        ("p95<250ms", "p95<250ms"),
        (" browse : p99.9 <= 1.5s ", "browse:p99.9<=1500ms"),
        ("checkout.place:max<800us", "checkout.place:max<0.8ms"),
        ("errors<1%", "errors<1%"),
        ("success>=95%", "success>=95%"),
        ("tracking:mean<2ms", "tracking:mean<2ms"),
    ] {
        assert_eq!(threshold(text).to_string(), written);
        assert_eq!(threshold(written).to_string(), written);
    }
}

#[test]
fn what_limits_nothing_is_refused_with_advice() {
    for (text, advice) in [
        ("p95", "write it like p95<250ms"),
        ("p95<", "write it like 250ms"),
        ("p95<250", "write it like 250ms"),
        ("p95<-1ms", "write it like 250ms"),
        ("p101<1ms", "use p50"),
        ("latency<1ms", "use p50"),
        ("errors<1", "write it like 1%"),
        ("errors<101%", "from 0% to 100%"),
        ("basket:p95<1ms", "use browse"),
        (
            "browse.pay:p95<1ms",
            "use search, suggestions, filter, product",
        ),
        ("browse.search:dropped<1%", "for a whole scenario"),
    ] {
        let error = text.parse::<Threshold>().unwrap_err().to_string();
        assert!(error.contains(advice), "{text}: {error}");
    }
}

#[test]
fn a_value_meets_a_limit_or_not_and_what_was_not_measured_does_not() {
    for (text, value, met) in [
        ("p95<250ms", 249.9, true),
        ("p95<250ms", 250.0, false),
        ("p95<=250ms", 250.0, true),
        ("success>95%", 95.0, false),
        ("success>=95%", 95.0, true),
    ] {
        assert_eq!(threshold(text).is_met(Some(value)), met, "{text} {value}");
    }
    assert!(!threshold("errors<1%").is_met(None));
}

#[test]
fn scenarios_have_limits_of_their_own() {
    let of = |scenario| texts(scenario, &[]).unwrap();
    assert_eq!(
        of("browse"),
        ["browse:p95<180ms", "browse:errors<2%", "browse:dropped<1%"]
    );
    assert_eq!(
        of("account")[..2],
        ["account:p95<220ms", "account:errors<3%"]
    );
    assert_eq!(
        of("checkout"),
        [
            "checkout:p95<320ms",
            "checkout:errors<5%",
            "checkout:dropped<1%",
            "checkout:success>95%"
        ]
    );
}

#[test]
fn given_limits_replace_those_of_the_same_kind_and_are_added_otherwise() {
    assert_eq!(
        texts("browse,account", &["p95<90ms", "account:p99<1s"]).unwrap(),
        [
            "browse:errors<2%",
            "browse:dropped<1%",
            "browse:p95<90ms",
            "account:errors<3%",
            "account:dropped<1%",
            "account:p95<90ms",
            "account:p99<1000ms"
        ]
    );
    let error = texts("browse", &["returns:p95<1s"]).unwrap_err();
    assert!(error.to_string().contains("add it to --scenario"));
}
