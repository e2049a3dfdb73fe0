//! Loads two alternatives in turn and compares pairs of runs, because a machine's speed drifts.

use std::time::Duration;

use crate::load::{Page, Run};

/// A target that serves the page.
pub(crate) trait Loaded {
    /// `127.0.0.1:PORT`.
    fn address(&self) -> &str;

    /// Processor time used so far.
    fn cpu(&self) -> anyhow::Result<Duration>;
}

/// Duration of a run, number of runs, and connections.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) rounds: usize,
    pub(crate) connections: usize,
    pub(crate) time: Duration,
}

impl Load {
    /// Loads both in turn, and prints every pair of runs and the median ratios.
    pub(crate) async fn compare<L: Loaded>(
        self,
        both: [&L; 2],
        pages: &[Page],
    ) -> anyhow::Result<()> {
        for one in both {
            // Warm-up.
            Page::load_each(pages, one.address(), self.connections, self.time).await?;
        }
        let (mut rates, mut medians, mut tails, mut costs) = (vec![], vec![], vec![], vec![]);
        for round in 0..self.rounds {
            // The starting side alternates, too.
            let (first, second);
            if round % 2 == 0 {
                first = self.run(both[0], pages).await?;
                second = self.run(both[1], pages).await?;
            } else {
                second = self.run(both[1], pages).await?;
                first = self.run(both[0], pages).await?;
            }
            let ((first, cost), (second, other_cost)) = (first, second);
            println!(
                "  {} cpu {cost:5.3} ms | {} cpu {other_cost:5.3} ms",
                shown(&first),
                shown(&second)
            );
            rates.push(first.rate() / second.rate());
            medians.push(first.quantile(0.5) / second.quantile(0.5));
            tails.push(first.quantile(0.99) / second.quantile(0.99));
            costs.push(cost / other_cost);
        }
        println!(
            "  ratio (median of pairs): {:.2} × the requests per second, {:.2} × the p50, {:.2} × the \
             p99, {:.2} × the processor time of a request",
            median(rates),
            median(medians),
            median(tails),
            median(costs)
        );
        Ok(())
    }

    /// A run, and the processor time per request in milliseconds.
    async fn run<L: Loaded>(self, of: &L, pages: &[Page]) -> anyhow::Result<(Run, f64)> {
        let before = of.cpu()?;
        let run = Page::load_each(pages, of.address(), self.connections, self.time).await?;
        let used = of.cpu()?.saturating_sub(before).as_secs_f64() * 1e3;
        // Each connection starts with a request that is not part of the run.
        let requests = run.requests() + self.connections;
        Ok((run, used / requests as f64))
    }
}

pub(crate) fn shown(run: &Run) -> String {
    format!(
        "{:6.0}/s p50 {:6.2} ms p99 {:6.2} ms",
        run.rate(),
        run.quantile(0.5),
        run.quantile(0.99)
    )
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
