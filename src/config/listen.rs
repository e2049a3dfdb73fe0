//! Parses listen addresses.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};

use serde::Deserializer;
use serde::de::{Error, Visitor};

const FORM: &str = "write an address and a port, such as 127.0.0.1:4000, localhost:4000, [::1]:4000, :4000 or 4000";

/// Parses `127.0.0.1:4000`, `[::1]:4000`, a host name with a port, a port alone (on this machine), or `:4000` (on every
/// interface).
///
/// # Errors
/// Anything else, and a name that does not resolve.
pub(crate) fn parse(text: &str) -> Result<SocketAddr, String> {
    let text = text.trim();
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let (host, port) = text.rsplit_once(':').unwrap_or(("localhost", text));
    let port: u16 = port.parse().map_err(|_| FORM.to_owned())?;
    match host {
        "" => Ok(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))),
        // The name resolves to both families; the defaults use the first.
        "localhost" => Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
        _ if host.contains([':', '[', ']', '/', '@']) => Err(FORM.to_owned()),
        _ => {
            let mut found = (host, port).to_socket_addrs().into_iter().flatten();
            let found = found.next();
            found.ok_or_else(|| format!("{host} does not resolve to an address"))
        }
    }
}

/// For a configuration key.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SocketAddr, D::Error> {
    from.deserialize_any(Listen)
}

/// For an optional configuration key.
pub(super) fn deserialize_option<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<SocketAddr>, D::Error> {
    from.deserialize_option(OptionalListen)
}

struct Listen;

impl Visitor<'_> for Listen {
    type Value = SocketAddr;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an address and a port, such as 127.0.0.1:4000")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<SocketAddr, E> {
        parse(text).map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, port: u64) -> Result<SocketAddr, E> {
        parse(&port.to_string()).map_err(E::custom)
    }
}

struct OptionalListen;

impl<'de> Visitor<'de> for OptionalListen {
    type Value = Option<SocketAddr>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Listen.expecting(f)
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        deserialize(from).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        for (text, expect) in [
            ("127.0.0.1:4000", "127.0.0.1:4000"),
            ("[::1]:4000", "[::1]:4000"),
            ("localhost:4000", "127.0.0.1:4000"),
            (":4000", "0.0.0.0:4000"),
            ("4000", "127.0.0.1:4000"),
            ("0", "127.0.0.1:0"),
        ] {
            let address = parse(text).expect(text);
            assert_eq!(address.to_string(), expect, "{text}");
        }
        for text in [
            "",
            "localhost",
            "127.0.0.1",
            "1.2.3.4:",
            "65536",
            ":x",
            "::1:4000",
            "http://a:1",
        ] {
            assert_eq!(parse(text), Err(FORM.to_owned()), "{text}");
        }
        let unknown = parse("nobody.invalid:4000").expect_err("no such host");
        assert_eq!(unknown, "nobody.invalid does not resolve to an address");
    }
}
