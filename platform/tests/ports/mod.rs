//! As in the library, where it is only for tests of other crates.

/// A free port below the range from which systems take the local ports of connections.
pub(crate) fn free_port() -> u16 {
    loop {
        let port = rand::random_range(20_000..32_000);
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
