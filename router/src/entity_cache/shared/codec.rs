//! A value as it is stored in Redis: what it depends on, until when it is fresh by the server's clock, and the data as
//! the responses that it is read from.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};

/// What a value depends on, at the time its fetch began: the hashed versions of its tags.
pub(in crate::entity_cache) type Stamp = [u8; 16];

/// The first byte of what is written in this way.
const FORMAT: u8 = 1;

/// Most responses of one value: one for each `_entities` field of a fetch.
const MAX_BODIES: u16 = 64;

/// A stored value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::entity_cache) struct Packed {
    pub(in crate::entity_cache) stamp: Stamp,
    /// Until when it is fresh, in milliseconds of the server's clock, for routers and for clients.
    pub(in crate::entity_cache) expires: u64,
    pub(in crate::entity_cache) client_expires: u64,
    pub(in crate::entity_cache) stale_for: Duration,
    pub(in crate::entity_cache) bodies: Vec<Bytes>,
}

impl Packed {
    /// `None` if it is too large.
    pub(in crate::entity_cache) fn to_bytes(&self, max_bytes: u32) -> Option<Bytes> {
        let count = u16::try_from(self.bodies.len()).ok()?;
        let length: usize = self.bodies.iter().map(|body| body.len() + 4).sum();
        let is_small = length <= usize::try_from(max_bytes).unwrap_or(usize::MAX);
        if count > MAX_BODIES || !is_small {
            return None;
        }
        let mut out = Vec::with_capacity(length + 43);
        out.put_u8(FORMAT);
        out.put_slice(&self.stamp);
        out.put_u64(self.expires);
        out.put_u64(self.client_expires);
        out.put_u64(self.stale_for.as_secs());
        out.put_u16(count);
        for body in &self.bodies {
            out.put_u32(u32::try_from(body.len()).ok()?);
            out.put_slice(body);
        }
        Some(out.into())
    }

    /// `None` if it was written in another way.
    pub(in crate::entity_cache) fn read(mut bytes: Bytes) -> Option<Self> {
        if bytes.try_get_u8().ok()? != FORMAT {
            return None;
        }
        let mut stamp = Stamp::default();
        bytes.try_copy_to_slice(&mut stamp).ok()?;
        let expires = bytes.try_get_u64().ok()?;
        let client_expires = bytes.try_get_u64().ok()?;
        let stale_for = Duration::from_secs(bytes.try_get_u64().ok()?.min(1 << 32));
        let count = bytes.try_get_u16().ok()?;
        if count > MAX_BODIES {
            return None;
        }
        let mut bodies = Vec::with_capacity(count.into());
        for _ in 0..count {
            let length = usize::try_from(bytes.try_get_u32().ok()?).ok()?;
            if length > bytes.len() {
                return None;
            }
            bodies.push(bytes.split_to(length));
        }
        bytes.is_empty().then_some(Self {
            stamp,
            expires,
            client_expires,
            stale_for,
            bodies,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed() -> Packed {
        Packed {
            stamp: [3; 16],
            expires: 1_700_000_000_000,
            client_expires: 5,
            stale_for: Duration::from_secs(30),
            bodies: vec![Bytes::from_static(b"{\"data\":1}"), Bytes::new()],
        }
    }

    #[test]
    fn what_is_written_is_read_and_nothing_else_is() {
        let bytes = packed().to_bytes(1_000).expect("it is small");
        assert_eq!(Packed::read(bytes.clone()), Some(packed()));
        for length in 0..bytes.len() {
            assert_eq!(Packed::read(bytes.slice(..length)), None, "{length} bytes");
        }
        let longer = [&*bytes, b"x"].concat();
        assert_eq!(Packed::read(longer.into()), None);
        let mut other = bytes.to_vec();
        other[0] = FORMAT + 1;
        assert_eq!(Packed::read(other.into()), None);
    }

    #[test]
    fn large_values_are_not_written() {
        assert!(packed().to_bytes(18).is_some());
        assert!(packed().to_bytes(17).is_none());
    }
}
