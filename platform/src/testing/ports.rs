//! Ports for servers that tests start as processes, or stop and start again.

use std::net::TcpListener;

/// A free port below the range from which systems take the local ports of connections. From that range, a connection could
/// get it before the server has it, or while the server is away: a client that tries to come back can even reach itself.
pub fn free_port() -> u16 {
    loop {
        let port = rand::random_range(20_000..32_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
