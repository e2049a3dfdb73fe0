//! Measures the embedded search engine over a generated catalog: how long an index takes, how large it is, and how long
//! searches take.

mod catalog;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use chrono::{DateTime, Utc};
use clap::Parser;
use search::engine::embedded::Embedded;
use search::engine::{
    Direction, Document, FacetRequest, Filters, Preference, ProductText, ProductVector,
    SearchEngine, SearchQuery, Sort, UsdRange,
};

use catalog::Request;

/// Products generated and indexed at a time.
const BATCH: u64 = 1_000;
/// Requests before those that are measured.
const WARM_UP: u64 = 100;
/// Results of a page.
const PAGE: usize = 20;
/// Lower bounds of the price facet, in cents.
const PRICES: [i64; 7] = [0, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000];

#[derive(Parser)]
struct Arguments {
    /// Products of the catalog.
    #[arg(long, default_value_t = 100_000)]
    products: u64,
    /// Requests of each kind.
    #[arg(long, default_value_t = 1_000)]
    requests: u64,
    /// Requests at a time.
    #[arg(long, default_value_t = 1)]
    clients: u64,
    /// Directory of the index; one that is there is used again.
    #[arg(long, value_name = "DIR")]
    index: Option<std::path::PathBuf>,
    /// Passed by `cargo bench`; ignored.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    ensure!(arguments.clients > 0, "--clients must be at least 1");
    let temporary = tempfile::tempdir()?;
    let directory = match &arguments.index {
        Some(directory) => directory.clone(),
        None => temporary.path().join("index"),
    };
    let engine: Arc<dyn SearchEngine> = Arc::new(Embedded::new(&directory));
    let known = engine.status().await?.products;
    if known != Some(arguments.products) {
        index(&*engine, arguments.products).await?;
    }
    println!(
        "{} products, index of {} MB",
        arguments.products,
        megabytes(size(&directory)?)
    );
    for kind in Kind::ALL {
        measure(&engine, kind, &arguments).await?;
    }
    let [resident, highest] = ["VmRSS:", "VmHWM:"].map(memory);
    println!("memory: {} MB, at most {} MB", resident?, highest?);
    Ok(())
}

/// Builds the index, and prints how long each part took.
async fn index(engine: &dyn SearchEngine, products: u64) -> anyhow::Result<()> {
    let now: DateTime<Utc> = Utc::now();
    let (mut vectors, mut indexing) = (Duration::ZERO, Duration::ZERO);
    let started = Instant::now();
    let mut fresh = engine.begin_rebuild().await?;
    for start in (0..products).step_by(usize::try_from(BATCH)?) {
        let rows = start..(start + BATCH).min(products);
        let rows: Vec<_> = rows.map(|number| catalog::product(number, now)).collect();
        let begun = Instant::now();
        let documents = rows.into_iter().map(Document::new).collect();
        vectors += begun.elapsed();
        let begun = Instant::now();
        fresh.add(documents).await?;
        indexing += begun.elapsed();
    }
    let begun = Instant::now();
    fresh.publish().await?;
    indexing += begun.elapsed();
    println!(
        "indexed in {:.1} s, and {:.1} s for vectors; {:.1} s with generating the products",
        indexing.as_secs_f64(),
        vectors.as_secs_f64(),
        started.elapsed().as_secs_f64()
    );
    Ok(())
}

/// What is measured.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Plain,
    /// With counts of all facets.
    Faceted,
    /// A typing error, three filters, and counts of all facets.
    TypoAndFilters,
    Personalized,
    /// All of it.
    Everything,
    Suggestions,
    /// The newest of all products, without a text.
    Browsing,
}

impl Kind {
    const ALL: [Self; 7] = [
        Self::Plain,
        Self::Faceted,
        Self::TypoAndFilters,
        Self::Personalized,
        Self::Everything,
        Self::Suggestions,
        Self::Browsing,
    ];

    fn query(self, request: &Request, vector: &Arc<ProductVector>) -> SearchQuery {
        let text = match self {
            Self::TypoAndFilters | Self::Everything => request.mistyped.clone(),
            Self::Browsing => String::new(),
            _ => request.text.clone(),
        };
        let is_filtered = matches!(self, Self::TypoAndFilters | Self::Everything);
        let filters = if is_filtered {
            Filters {
                categories: request.categories.clone(),
                brands: request.brands.clone(),
                price: UsdRange {
                    min: Some(request.price.0),
                    max: Some(request.price.1),
                },
                ..Filters::default()
            }
        } else {
            Filters::default()
        };
        let is_counted = is_filtered || matches!(self, Self::Faceted | Self::Browsing);
        let is_personal = matches!(self, Self::Personalized | Self::Everything);
        SearchQuery {
            text,
            filters,
            sort: match self {
                Self::Browsing => Sort::Newest,
                _ => Sort::Relevance,
            },
            limit: PAGE,
            direction: Direction::Forward,
            beyond: None,
            snapshot: None,
            facets: is_counted.then(|| FacetRequest {
                price_bounds: PRICES.to_vec(),
            }),
            preference: is_personal.then(|| Preference {
                vector: vector.clone(),
                boost: 1.5,
            }),
        }
    }
}

/// Prints how long requests of this kind take.
async fn measure(
    engine: &Arc<dyn SearchEngine>,
    kind: Kind,
    arguments: &Arguments,
) -> anyhow::Result<()> {
    let begun = Instant::now();
    let clients = (0..arguments.clients).map(|client| {
        let engine = engine.clone();
        let (requests, clients) = (arguments.requests, arguments.clients);
        tokio::spawn(async move {
            let (mut times, mut found) = (Vec::new(), 0);
            for number in (client..WARM_UP + requests).step_by(usize::try_from(clients)?) {
                let (time, total) = once(&*engine, kind, number).await?;
                if number >= WARM_UP {
                    times.push(time);
                    found += total;
                }
            }
            anyhow::Ok((times, found))
        })
    });
    let (mut times, mut found) = (Vec::new(), 0);
    for client in clients.collect::<Vec<_>>() {
        let (more, total) = client.await??;
        times.extend(more);
        found += total;
    }
    let rate = (WARM_UP + arguments.requests) as f64 / begun.elapsed().as_secs_f64();
    times.sort_unstable();
    println!(
        "{:<16} p50 {:>7.2} ms   p99 {:>7.2} ms   at most {:>7.2} ms   {rate:>6.0} a second   {:>8} results on average",
        format!("{kind:?}"),
        percentile(&times, 50),
        percentile(&times, 99),
        percentile(&times, 100),
        found / arguments.requests.max(1)
    );
    Ok(())
}

/// How long one request took, and how many results there are.
async fn once(
    engine: &dyn SearchEngine,
    kind: Kind,
    number: u64,
) -> anyhow::Result<(Duration, u64)> {
    let request = catalog::request(number);
    let likes = catalog::product(number % 1_000, DateTime::UNIX_EPOCH);
    let vector = ProductVector::of_product(ProductText {
        title: &likes.title,
        category: &likes.category,
        ..ProductText::default()
    });
    let vector = Arc::new(vector.context("a product without words")?);
    if let Kind::Suggestions = kind {
        let begun = Instant::now();
        let found = engine.suggest(request.prefix, 8).await?;
        return Ok((begun.elapsed(), found.len() as u64));
    }
    let query = kind.query(&request, &vector);
    let begun = Instant::now();
    let found = engine.search(query).await?;
    Ok((begun.elapsed(), found.total))
}

/// In milliseconds.
fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    let time = sorted.get(index).copied().unwrap_or_default();
    time.as_secs_f64() * 1_000.0
}

/// The size of all files below a directory, in bytes.
fn size(directory: &Path) -> std::io::Result<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        sum += if entry.file_type()?.is_dir() {
            size(&entry.path())?
        } else {
            entry.metadata()?.len()
        };
    }
    Ok(sum)
}

fn megabytes(bytes: u64) -> u64 {
    bytes / 1_000_000
}

/// A line of this process's status, in megabytes.
fn memory(name: &str) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.context("no such line")?.trim().trim_end_matches(" kB");
    Ok(kilobytes.parse::<u64>()? / 1_000)
}
