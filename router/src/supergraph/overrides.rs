//! Fields that move gradually from one subgraph to another: `@override` with a label.

use std::collections::HashSet;

use hive_router_planner::graph::{PERCENTAGE_SCALE_FACTOR, PlannerOverrideContext};
use hive_router_planner::state::supergraph_state::SupergraphState;
use rand::RngExt;

/// The percentages of labels such as `percent(5)`, in ascending order, in the planner's units: a hundred-millionth of a
/// percent.
#[derive(Debug, Default)]
pub(crate) struct Shares(Vec<u64>);

impl Shares {
    pub(super) fn of(supergraph: &SupergraphState) -> Self {
        let overrides = &supergraph.progressive_overrides;
        let mut shares: Vec<u64> = overrides.percentages.iter().copied().collect();
        shares.sort_unstable();
        Self(shares)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Draws which shares a request belongs to: all but this many of the smallest ones.
    pub(crate) fn sample(&self) -> usize {
        if self.0.is_empty() {
            return 0;
        }
        let value = rand::rng().random_range(0..100 * PERCENTAGE_SCALE_FACTOR);
        self.0.iter().filter(|share| value >= **share).count()
    }

    /// The planner's context for requests with this draw.
    pub(crate) fn context(&self, drawn: usize, labels: &HashSet<String>) -> PlannerOverrideContext {
        let value = drawn.checked_sub(1).and_then(|last| self.0.get(last));
        PlannerOverrideContext::new(labels.clone(), value.copied().unwrap_or_default())
    }
}
