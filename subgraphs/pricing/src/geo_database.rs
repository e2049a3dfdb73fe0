//! Looks up an address's country in a MaxMind database file (GeoLite2 Country or City).

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use maxminddb::{Reader, geoip2};

use crate::countries::normalized;

/// A MaxMind database, in memory.
pub struct GeoDatabase(Reader<Vec<u8>>);

/// Why a database file is not usable.
#[derive(Debug, thiserror::Error)]
#[error("the geolocation database {path} cannot be used: {source}")]
pub struct GeoError {
    path: PathBuf,
    source: maxminddb::MaxMindDbError,
}

impl GeoDatabase {
    /// Reads the whole file: a country database has some ten megabytes.
    pub fn open(path: &Path) -> Result<Self, GeoError> {
        Reader::open_readfile(path)
            .map(Self)
            .map_err(|source| GeoError {
                path: path.to_owned(),
                source,
            })
    }

    /// ISO code of the address's country; `None` for private and unknown addresses.
    pub fn country(&self, ip: IpAddr) -> Option<String> {
        let found = self.0.lookup(ip).ok()?;
        let country: geoip2::Country<'_> = found.decode().ok()??;
        country.country.iso_code.and_then(normalized)
    }
}

impl std::fmt::Debug for GeoDatabase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("GeoDatabase")
            .field(&self.0.metadata().database_type)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Vec<u8> {
        let mut bytes = vec![2 << 5 | u8::try_from(text.len()).unwrap()];
        bytes.extend(text.as_bytes());
        bytes
    }

    /// A database with one node: addresses from 128.0.0.0 up are in this country.
    fn database(country: &str) -> Vec<u8> {
        let map = |entries: u8| vec![7 << 5 | entries];
        let uint16 = |value: u8| vec![5 << 5 | 1, value];
        // The records of node 0: 1 (the number of nodes) means "not found", 17 the first datum.
        let tree = vec![0, 0, 1, 0, 0, 17];
        let datum = [
            map(1),
            text("country"),
            map(1),
            text("iso_code"),
            text(country),
        ];
        let metadata = [
            map(9),
            text("binary_format_major_version"),
            uint16(2),
            text("binary_format_minor_version"),
            uint16(0),
            text("build_epoch"),
            vec![1, 2, 1],
            text("database_type"),
            text("Test-Country"),
            text("description"),
            map(0),
            text("ip_version"),
            uint16(4),
            text("languages"),
            vec![0, 4],
            text("node_count"),
            vec![6 << 5 | 1, 1],
            text("record_size"),
            uint16(24),
        ];
        [
            tree,
            vec![0; 16],
            datum.concat(),
            b"\xab\xcd\xefMaxMind.com".to_vec(),
            metadata.concat(),
        ]
        .concat()
    }

    #[test]
    fn an_address_has_the_country_of_its_network_or_none() {
        let geo = GeoDatabase(Reader::from_source(database("DE")).unwrap());
        let country = |ip: &str| geo.country(ip.parse().unwrap());
        assert_eq!(country("203.0.113.9").as_deref(), Some("DE"));
        assert_eq!(country("10.0.0.1"), None);
        assert_eq!(country("::1"), None, "no IPv6 in this database");
        let nonsense = GeoDatabase(Reader::from_source(database("Germany")).unwrap());
        assert_eq!(nonsense.country("203.0.113.9".parse().unwrap()), None);
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = GeoDatabase::open(Path::new("/no/such.mmdb")).unwrap_err();
        assert!(error.to_string().contains("/no/such.mmdb"), "{error}");
    }
}
