//! More load than the graph in one process can serve: what is still served, how fast, and how live updates fare beside it.

use std::path::Path;
use std::time::Duration;

use crate::compare::median;
use crate::graph::{self, Graph};
use crate::live::{Parcels, Redis};
use crate::load::{Connection, Expected, Offered, Page, offer};

/// Customers whose pages are requested, each as often.
const CUSTOMERS: usize = 8;

/// Customers who watch an order.
const LIVE: usize = 20;

/// The first rate, in requests per second. It doubles until a rate does not fit.
const FIRST_RATE: f64 = 20.0;

/// Bisections of the rate between the last that fits and the first that does not.
const BISECTIONS: usize = 5;

/// Time in which the process adapts to a rate.
const WARM_UP: Duration = Duration::from_secs(2);

/// The overload, as a multiple of the rate that fits.
const OVERLOAD: f64 = 2.0;

/// Length and number of runs, and whether the process protects itself.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) time: Duration,
    pub(crate) rounds: usize,
    pub(crate) protected: bool,
}

impl Plan {
    /// Finds the rate that fits, then compares it with twice as much. Returns whether the targets are met.
    pub(crate) async fn measure(self, data: &Path, query: &str) -> anyhow::Result<bool> {
        let mut tokens = Vec::new();
        for number in 1..=CUSTOMERS {
            let customer = format!("customer{number}@vantage.example");
            tokens.push(graph::run(data, &["token", "--customer", &customer]).await?);
        }
        let redis = Redis::start().await?;
        let parcels = Parcels::write(data, LIVE).await?;
        let protected = self.protected.to_string();
        let settings = [
            ("VANTAGE_SERVER__OVERLOAD__ENABLED", protected.as_str()),
            ("VANTAGE_REDIS_URL", redis.url.as_str()),
            // Each request is work.
            ("VANTAGE_ROUTER__SHARE_REQUESTS", "false"),
            // All clients connect from one address.
            ("VANTAGE_SERVER__WEBSOCKET__MAX_UPGRADES_PER_SECOND", ""),
            ("VANTAGE_SERVER__WEBSOCKET__MAX_UPGRADES_PER_MINUTE", ""),
        ];
        let graph = Graph::in_process(data, &settings).await?;
        let address = graph.processes[0].address.clone();
        let mut pages = Vec::new();
        let mut connection = Connection::open(&address).await?;
        for token in &tokens {
            let page = Page::new(query, Some(token));
            pages.push(Expected::fetch(page, &mut connection).await?);
        }
        let mut live = parcels.watch(data, &address, &redis).await?;

        println!("\nThe rate that fits");
        let (rate, mut most) = self.saturation(&pages, &address).await?;
        println!("\nAt {rate:.0}/s | at {OVERLOAD} times that; live updates beside it");
        let (mut goodputs, mut tails, mut updates) = (vec![], vec![], vec![]);
        for _ in 0..self.rounds {
            live.take(self.time)?;
            let at = offer(&pages, &address, rate, WARM_UP, self.time).await?;
            let live_at = live.take(self.time)?.quantile(0.99);
            let beyond = offer(&pages, &address, OVERLOAD * rate, WARM_UP, self.time).await?;
            let live_beyond = live.take(self.time)?.quantile(0.99);
            println!(
                "  {} | {}; live p99 {live_at:.1} | {live_beyond:.1} ms",
                shown(&at),
                shown(&beyond)
            );
            most = most.max(at.served.rate());
            goodputs.push(beyond.served.rate() / most);
            tails.push(beyond.served.quantile(0.99) / at.served.quantile(0.99));
            updates.push(live_beyond / live_at);
        }
        let (goodput, tail, update) = (median(goodputs), median(tails), median(updates));
        println!(
            "  median: {goodput:.2} × the most served (target: at least 0.9), {tail:.2} × the p99 of what is served (target: \
             at most 2), {update:.2} × the p99 of live updates (target: at most 2)"
        );
        Ok(goodput >= 0.9 && tail <= 2.0 && update <= 2.0)
    }

    /// The highest rate at which at most one request in a hundred is not served, and the most that was served per
    /// second at any rate.
    async fn saturation(self, pages: &[Expected], address: &str) -> anyhow::Result<(f64, f64)> {
        let mut most = 0.0_f64;
        let (mut fits, mut exceeds) = (0.0, None);
        let mut rate = FIRST_RATE;
        let mut bisections = 0;
        while bisections < BISECTIONS {
            let offered = offer(pages, address, rate, WARM_UP, self.time).await?;
            println!("  {rate:6.0}/s: {}", shown(&offered));
            most = most.max(offered.served.rate());
            if is_served(&offered) {
                fits = rate;
            } else {
                exceeds = Some(rate);
            }
            rate = match exceeds {
                None => 2.0 * rate,
                Some(exceeds) => {
                    bisections += 1;
                    (fits + exceeds) / 2.0
                }
            };
        }
        anyhow::ensure!(fits > 0.0, "no rate fits");
        Ok((fits, most))
    }
}

fn is_served(offered: &Offered) -> bool {
    let others = offered.refused.requests() + offered.failed;
    others * 100 <= offered.served.requests() + others
}

fn shown(offered: &Offered) -> String {
    let Offered {
        served,
        refused,
        failed,
    } = offered;
    format!(
        "{:4.0}/s served, p50 {:5.1} p99 {:5.1} ms; {:4.0}/s refused, p50 {:4.1} ms; {failed} failed",
        served.rate(),
        served.quantile(0.5),
        served.quantile(0.99),
        refused.rate(),
        refused.quantile(0.5)
    )
}
