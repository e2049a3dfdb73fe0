//! Fault injection: what fails, for which calls, and how often.

mod rule;

use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

pub(crate) use rule::{Effect, NewRule, Rule, RuleError, Timing, matches};

use crate::provider::Provider;

/// The active rules, in the order they were created.
#[derive(Debug)]
pub(crate) struct Faults {
    rules: Vec<Rule>,
    made: u64,
    seed: u64,
    random: ChaCha8Rng,
}

/// Faults have their own random stream, so that they do not change ids.
const STREAM: u64 = 1;

fn stream(seed: u64) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(STREAM);
    random
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            rules: Vec::new(),
            made: 0,
            seed,
            random: stream(seed),
        }
    }

    pub(crate) fn add(&mut self, rule: NewRule) -> Result<Rule, RuleError> {
        self.made += 1;
        let rule = Rule::new(self.made, rule)?;
        self.rules.push(rule.clone());
        Ok(rule)
    }

    pub(crate) fn list(&self) -> &[Rule] {
        &self.rules
    }

    /// Removes a rule, and returns whether it existed.
    pub(crate) fn remove(&mut self, id: u64) -> bool {
        let before = self.rules.len();
        self.rules.retain(|rule| rule.id != id);
        self.rules.len() < before
    }

    /// Removes all rules and restarts the random stream.
    pub(crate) fn clear(&mut self) {
        self.rules.clear();
        self.random = stream(self.seed);
    }

    /// The faults of this call. Counts it.
    pub(crate) fn for_call(&mut self, provider: Provider, method: &str, path: &str) -> Vec<Effect> {
        self.draw(|rule| !rule.effect.is_for_webhooks() && rule.is_for_call(provider, method, path))
    }

    /// The faults of this webhook. Counts it.
    pub(crate) fn for_webhook(&mut self, provider: Provider, event: &str) -> Vec<Effect> {
        self.draw(|rule| rule.effect.is_for_webhooks() && rule.is_for_event(provider, event))
    }

    fn draw(&mut self, concerns: impl Fn(&Rule) -> bool) -> Vec<Effect> {
        let mut effects = Vec::new();
        for rule in &mut self.rules {
            let fires = concerns(rule)
                && rule.remaining != Some(0)
                && rule
                    .probability
                    .is_none_or(|probability| self.random.random_bool(probability));
            if fires {
                rule.fired += 1;
                rule.remaining = rule.remaining.map(|remaining| remaining - 1);
                effects.push(rule.effect.clone());
            }
        }
        effects
    }

    pub(crate) fn shuffle<T>(&mut self, things: &mut [T]) {
        things.shuffle(&mut self.random);
    }
}
