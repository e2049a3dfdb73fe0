//! Faults: what goes wrong on purpose, for whom, and how often.

mod rule;

use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

pub(crate) use rule::{Effect, NewRule, Rule, RuleError, Timing, matches};

use crate::provider::Provider;

/// The rules in force, in the order they were made.
#[derive(Debug)]
pub(crate) struct Faults {
    rules: Vec<Rule>,
    made: u64,
    seed: u64,
    random: ChaCha8Rng,
}

/// Faults have a random stream of their own, so that they change no id.
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

    /// Whether there was one with this number.
    pub(crate) fn remove(&mut self, id: u64) -> bool {
        let before = self.rules.len();
        self.rules.retain(|rule| rule.id != id);
        self.rules.len() < before
    }

    /// Forgets the rules and begins the dice anew.
    pub(crate) fn clear(&mut self) {
        self.rules.clear();
        self.random = stream(self.seed);
    }

    /// What happens to this call. Counts it.
    pub(crate) fn for_call(&mut self, provider: Provider, method: &str, path: &str) -> Vec<Effect> {
        self.draw(|rule| !rule.effect.is_for_webhooks() && rule.is_for_call(provider, method, path))
    }

    /// What happens to this webhook. Counts it.
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
