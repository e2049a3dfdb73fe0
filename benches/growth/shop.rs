//! The shops, seeded once by the real binary.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Instant;

use anyhow::Context;
use sea_orm::{ConnectionTrait, Database};
use url::Url;

use crate::graph;

/// How large a shop is: `50000:10000`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    orders: u32,
    products: u32,
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text
            .split_once(':')
            .and_then(|(orders, products)| Some((orders.parse().ok()?, products.parse().ok()?)));
        let (orders, products) = numbers.ok_or("two numbers are required, such as 2000:500")?;
        Ok(Self { orders, products })
    }
}

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} orders, {} products",
            self.orders, self.products
        )
    }
}

/// The data directory of a shop of this size, which is seeded unless an earlier run has done so.
pub(crate) async fn seeded(
    size: Size,
    directory: &Path,
    postgres: Option<&Url>,
) -> anyhow::Result<PathBuf> {
    let kind = if postgres.is_some() {
        "postgres"
    } else {
        "sqlite"
    };
    let name = format!("growth_{kind}_{}_{}", size.orders, size.products);
    std::fs::create_dir_all(directory.join(&name))?;
    // The binary runs in the directory.
    let data = directory.join(&name).canonicalize()?;
    let is_seeded = data.join("seeded");
    if is_seeded.exists() {
        return Ok(data);
    }
    // An interrupted run is continued.
    let begun = data.join("begun");
    if let Some(server) = postgres
        && !begun.exists()
    {
        let url = create_database(server, &name).await?;
        // Where the binary finds its configuration.
        let config = data.join("router-config");
        std::fs::create_dir_all(&config)?;
        let text = format!("database_url: \"{url}\"\n");
        std::fs::write(config.join("vantage.yaml"), text)?;
    }
    std::fs::write(begun, "")?;
    let started = Instant::now();
    let (orders, products) = (size.orders.to_string(), size.products.to_string());
    let arguments = ["seed", "--orders", &orders, "--products", &products];
    println!("{}", graph::run(&data, &arguments).await?);
    println!("  in {:.0?}", started.elapsed());
    std::fs::write(is_seeded, "")?;
    Ok(data)
}

/// Creates a database on the server and returns its URL.
async fn create_database(server: &Url, name: &str) -> anyhow::Result<Url> {
    let connection = Database::connect(server.as_str()).await?;
    let create = format!("CREATE DATABASE \"{name}\"");
    connection
        .execute_unprepared(&create)
        .await
        .with_context(|| format!("the database {name} cannot be created; drop one of that name"))?;
    let mut url = server.clone();
    url.set_path(name);
    Ok(url)
}
