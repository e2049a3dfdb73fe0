//! Evaluating flags over a file that changes.

use crate::supervisor::Supervisor;
use crate::testing::until;
use std::time::Duration;

use super::*;

const LIVE: Flag = Flag::on_by_default("live");
const NEW: Flag = Flag::off_by_default("new");

const ROLLOUT: &str = r#"
$evaluators:
  here: { in: [{ var: region }, [us-east-1, us-west-2]] }
flags:
  live:
    state: ENABLED
    variants: { "on": true, "off": false }
    defaultVariant: "off"
    targeting:
      if:
        - and: [{ $ref: here }, { "==": [{ var: carrier }, dhl] }]
        - fractional: [["on", 25], ["off", 75]]
        - { "==": [{ var: tester }, true] }
        - "on"
"#;

/// A file with the single flag `live`, the same for everybody.
fn everybody(variant: &str) -> String {
    format!(
        "flags: {{ live: {{ state: ENABLED, variants: {{ on: true, off: false }}, defaultVariant: {variant} }} }}"
    )
}

fn somebody(number: usize) -> EvaluationContext {
    EvaluationContext::default().with_targeting_key(format!("usr_{number}"))
}

async fn flags(file: &FlagText, region: &str) -> Flags {
    let interval = Duration::from_millis(10);
    let provider = FlagFile::open(&file.path(), interval, &Supervisor::new())
        .await
        .unwrap();
    let everywhere = EvaluationContext::default().with_custom_field(REGION, region);
    Flags::of(provider, everywhere).await
}

/// A flag file that is deleted after the test.
struct FlagText(tempfile::TempDir);

impl FlagText {
    fn new(yaml: &str) -> Self {
        let file = Self(tempfile::tempdir().unwrap());
        file.write(yaml);
        file
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("flags.yaml")
    }

    /// Replaces the file atomically, as deployments do.
    fn write(&self, yaml: &str) {
        let draft = self.0.path().join("draft");
        std::fs::write(&draft, yaml).unwrap();
        std::fs::rename(draft, self.path()).unwrap();
    }
}

/// Waits until the flag has this value for everybody.
async fn becomes(flags: &Flags, flag: Flag, expected: bool) {
    until(&format!("the flag is {expected}"), async || {
        flags.is_on(flag, &somebody(0)).await == expected
    })
    .await;
}

#[tokio::test]
async fn a_flag_that_nobody_has_decided_has_its_default() {
    let none = flags(&FlagText::new("# nothing yet\n"), "eu").await;
    for flags in [Flags::defaults(), none] {
        assert!(flags.is_on(LIVE, &somebody(1)).await);
        assert!(!flags.is_on(NEW, &somebody(1)).await);
    }
}

#[tokio::test]
async fn rules_choose_by_region_and_carrier_and_a_share_that_stays_the_same() {
    let file = FlagText::new(ROLLOUT);
    let (here, elsewhere) = (
        flags(&file, "us-east-1").await,
        flags(&file, "eu-west-1").await,
    );
    let mut chosen = Vec::new();
    for number in 0..2_000 {
        let dhl = somebody(number).with_custom_field("carrier", "dhl");
        let is_on = here.is_on(LIVE, &dhl).await;
        assert_eq!(is_on, here.is_on(LIVE, &dhl).await);
        chosen.push(is_on);
        let ups = somebody(number).with_custom_field("carrier", "ups");
        assert!(!here.is_on(LIVE, &ups).await);
        assert!(!elsewhere.is_on(LIVE, &dhl).await);
        let tester = ups.with_custom_field("tester", true);
        assert!(elsewhere.is_on(LIVE, &tester).await);
    }
    let share = chosen.iter().filter(|is_on| **is_on).count();
    assert!((400..600).contains(&share), "a quarter of 2,000: {share}");

    // Subjects already included stay included when the share grows.
    let wider = FlagText::new(&ROLLOUT.replace("25", "50").replace("75", "50"));
    let wider = flags(&wider, "us-east-1").await;
    for (number, _) in chosen.iter().enumerate().filter(|(_, is_on)| **is_on) {
        let dhl = somebody(number).with_custom_field("carrier", "dhl");
        assert!(wider.is_on(LIVE, &dhl).await);
    }
    // A subject without a key cannot be part of a share.
    let nobody = EvaluationContext::default().with_custom_field("carrier", "dhl");
    assert!(!here.is_on(LIVE, &nobody).await);
}

#[tokio::test]
async fn a_disabled_flag_has_its_default() {
    let file = FlagText::new(&everybody("off").replace("ENABLED", "DISABLED"));
    assert!(flags(&file, "eu").await.is_on(LIVE, &somebody(1)).await);
}

#[tokio::test]
async fn a_file_of_json_is_read_as_well() {
    let json = r#"{"$schema": "https://flagd.dev/schema/v0/flags.json", "flags": {"live":
        {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off", "targeting": {}}}}"#;
    let file = FlagText::new(json);
    assert!(!flags(&file, "eu").await.is_on(LIVE, &somebody(1)).await);
}

#[tokio::test]
async fn a_changed_file_counts_without_a_restart() {
    let file = FlagText::new(&everybody("off"));
    let flags = flags(&file, "eu").await;
    becomes(&flags, LIVE, false).await;
    file.write(&everybody("on"));
    becomes(&flags, LIVE, true).await;
}

#[tokio::test]
async fn a_file_that_cannot_be_used_from_the_start_says_where_it_is_wrong() {
    let with = |rule: &str| everybody("on").replace(" } }", &format!(", targeting: {rule} }} }}"));
    for (yaml, expected) in [
        ("live: { default: true }".to_owned(), "line 1"),
        (
            everybody("on").replace("defaultVariant", "default"),
            "unknown field `default`",
        ),
        (everybody("on").replace("ENABLED", "ON"), "ON"),
        (
            everybody("perhaps"),
            "\"perhaps\" is not one of its variants",
        ),
        (
            with("{ if: [true, perhaps] }"),
            "\"perhaps\" is not one of its variants",
        ),
        (with("{ percentage: 25 }"), "percentage"),
        (with("{ $ref: nobody }"), "nobody"),
        ("flags: yes please".to_owned(), "line 1"),
    ] {
        let file = FlagText::new(&yaml);
        let error = FlagFile::open(&file.path(), Duration::from_secs(1), &Supervisor::new())
            .await
            .unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    let missing = FlagFile::open(
        std::path::Path::new("/nowhere/flags.yaml"),
        Duration::from_secs(1),
        &Supervisor::new(),
    )
    .await;
    assert!(matches!(missing, Err(FlagFileError::Read { .. })));
}
