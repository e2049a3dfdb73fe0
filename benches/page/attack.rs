//! The page during an attack with deeply nested pages. The attack is rejected for its cost. Where configuration admits
//! it, it is still bounded in objects and memory, and its work ends with it.

use std::path::Path;
use std::time::{Duration, Instant};

use futures::future::join_all;
use tokio::sync::watch;

use crate::compare::{Loaded, median, shown};
use crate::graph::Graph;
use crate::load::{Connection, Page};

/// Would resolve a million orders.
const ATTACK: &str = "{ me { orders(first: 100) { nodes { customer { orders(first: 100) { nodes { customer { \
                      orders(first: 100) { nodes { id customer { id } } } } } } } } } } }";

/// Attacking clients.
const ATTACKERS: usize = 4;

/// Admits the attack.
const ADMIT: [(&str, &str); 1] = [("VANTAGE_ROUTER__LIMITS__COST", "1000000000")];

/// Time after the attack until the processes must be idle.
const IDLE_WITHIN: Duration = Duration::from_secs(1);

/// Compares the page's latencies without and with the attack, in both layouts.
pub(crate) async fn measure(
    data: &Path,
    other_data: &Path,
    page: &Page,
    token: &str,
    connections: usize,
    time: Duration,
    rounds: usize,
) -> anyhow::Result<()> {
    let attack = Page::new(ATTACK, Some(token));
    for (layout, settings, wanted) in [
        ("In one process", &[][..], "1.2 ×"),
        ("In seven processes", &[], "1.2 ×"),
        (
            "In one process, admitted",
            &ADMIT,
            "as much as equivalent regular load",
        ),
        (
            "In seven processes, admitted",
            &ADMIT,
            "as much as equivalent regular load",
        ),
    ] {
        let graph = if layout.starts_with("In one") {
            Graph::in_process(data, settings).await?
        } else {
            Graph::over_http(other_data, settings).await?
        };
        println!("\n{layout}: alone | beside {ATTACKERS} attackers");
        let address = graph.address().to_owned();
        page.load(&address, connections, time).await?;
        let before = graph.memory()?;
        let mut ratios = Vec::new();
        for _ in 0..rounds {
            let alone = page.load(&address, connections, time).await?;
            let (stop, stopped) = watch::channel(false);
            let attackers = tokio::spawn(attackers(attack.clone(), address.clone(), stopped));
            let beside = page.load(&address, connections, time).await?;
            stop.send_replace(true);
            let refusals = attackers.await?;
            println!(
                "  {} | {} | {refusals} attack responses",
                shown(&alone),
                shown(&beside)
            );
            ratios.push(beside.quantile(0.99) / alone.quantile(0.99));
        }
        let used = graph.cpu()?;
        tokio::time::sleep(IDLE_WITHIN).await;
        let used = graph.cpu()?.saturating_sub(used);
        println!(
            "  p99 {:.2} × (target: at most {wanted}); memory +{} MB (target: at most 50); {} ms of processor time in the \
             second after the attack",
            median(ratios),
            graph.memory()?.saturating_sub(before) / 1_000_000,
            used.as_millis()
        );
    }
    Ok(())
}

/// Attacks until stopped, then abandons running requests. Counts the responses.
async fn attackers(attack: Page, address: String, stopped: watch::Receiver<bool>) -> usize {
    let attackers = (0..ATTACKERS).map(|_| {
        let (attack, address, mut stopped) = (attack.clone(), address.clone(), stopped.clone());
        async move {
            let mut answers = 0;
            let attacking = async {
                loop {
                    let begun = Instant::now();
                    if let Ok(mut connection) = Connection::open(&address).await
                        && attack.send(&mut connection).await.is_ok()
                    {
                        answers += 1;
                    }
                    // Limit the rate of immediate rejections.
                    tokio::time::sleep(Duration::from_millis(10).saturating_sub(begun.elapsed()))
                        .await;
                }
            };
            tokio::select! {
                () = attacking => {}
                _ = stopped.wait_for(|stopped| *stopped) => {}
            }
            answers
        }
    });
    join_all(attackers).await.into_iter().sum()
}
