//! The page beside an attack: a query whose pages are pages of pages. Its cost refuses it; where configuration lets it
//! in all the same, what it may resolve is still bounded, and so are its memory and what is left of it once it is over.

use std::path::Path;
use std::time::{Duration, Instant};

use futures::future::join_all;
use tokio::sync::watch;

use crate::compare::{Loaded, median, shown};
use crate::graph::Graph;
use crate::load::{Connection, Page};

/// A million orders, were it answered.
const ATTACK: &str = "{ me { orders(first: 100) { nodes { customer { orders(first: 100) { nodes { customer { \
                      orders(first: 100) { nodes { id customer { id } } } } } } } } } } }";

/// Clients that attack.
const ATTACKERS: usize = 4;

/// Lets the attack in.
const ADMIT: [(&str, &str); 1] = [("VANTAGE_ROUTER__LIMITS__COST", "1000000000")];

/// How soon the processes are idle again once the attack is over.
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
            "In one process, let in",
            &ADMIT,
            "what as much honest work costs",
        ),
        (
            "In seven processes, let in",
            &ADMIT,
            "what as much honest work costs",
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
                "  {} | {} | {refusals} attacks answered",
                shown(&alone),
                shown(&beside)
            );
            ratios.push(beside.quantile(0.99) / alone.quantile(0.99));
        }
        let used = graph.cpu()?;
        tokio::time::sleep(IDLE_WITHIN).await;
        let used = graph.cpu()?.saturating_sub(used);
        println!(
            "  p99 {:.2} × (wanted: at most {wanted}); memory +{} MB (wanted: at most 50); {} ms of processor time in the \
             second after the attack",
            median(ratios),
            graph.memory()?.saturating_sub(before) / 1_000_000,
            used.as_millis()
        );
    }
    Ok(())
}

/// Attacks until it is stopped; what runs by then is abandoned. Counts the answers.
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
                    // One that is refused at once is no attack any more.
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
