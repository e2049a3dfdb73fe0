//! Counts round trips to PostgreSQL through a proxy: a statement costs one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// The server's message at the end of each round trip.
const READY: u8 = b'Z';

/// Forwards connections and counts round trips.
async fn proxy(server: String) -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let trips = Arc::new(AtomicUsize::new(0));
    let counted = trips.clone();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&server).await.unwrap();
            let (mut from_client, mut to_client) = client.into_split();
            let (from_server, mut to_server) = server.into_split();
            tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
            let counted = counted.clone();
            tokio::spawn(async move {
                let mut from_server = tokio::io::BufReader::new(from_server);
                while let Ok(kind) = from_server.read_u8().await {
                    let length = from_server.read_u32().await.unwrap();
                    let mut body = vec![0; usize::try_from(length).unwrap() - 4];
                    from_server.read_exact(&mut body).await.unwrap();
                    if kind == READY {
                        counted.fetch_add(1, Ordering::SeqCst);
                    }
                    let mut message = vec![kind];
                    message.extend(length.to_be_bytes());
                    message.extend(body);
                    if to_client.write_all(&message).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, trips)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_is_one_round_trip_to_postgres() {
    let Ok(url) = std::env::var(crate::testing::POSTGRES_URL) else {
        return;
    };
    let mut url: url::Url = url.parse().unwrap();
    let server = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
    let (address, trips) = proxy(server).await;
    url.set_host(Some(&address.ip().to_string())).unwrap();
    url.set_port(Some(address.port())).unwrap();
    url.set_query(Some("sslmode=disable"));
    let config = DatabaseConfig::Postgres {
        url: url.to_string(),
        max_connections: 1,
        acquire_timeout: crate::testing::ACQUIRE_TIMEOUT,
    };
    let schema = format!("trips_{}", uuid::Uuid::now_v7().simple());
    let database = Database::open(&config, &schema).await.unwrap();
    create(&database).await;
    // A statement's first run prepares it, which costs an extra round trip.
    pair(&database, 1, 1).await.unwrap();
    ids(&database).await;

    let before = trips.load(Ordering::SeqCst);
    for _ in 0..15 {
        ids(&database).await;
    }
    assert_eq!(trips.load(Ordering::SeqCst) - before, 15);
    let before = trips.load(Ordering::SeqCst);
    single(&database, 10).await.unwrap();
    assert_eq!(trips.load(Ordering::SeqCst) - before, 1);
    let before = trips.load(Ordering::SeqCst);
    pair(&database, 20, 1).await.unwrap();
    assert_eq!(trips.load(Ordering::SeqCst) - before, STEPS);
    let drop = format!("DROP SCHEMA \"{schema}\" CASCADE");
    database.write().execute_unprepared(&drop).await.unwrap();
}
