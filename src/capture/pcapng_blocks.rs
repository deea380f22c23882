//! The inside of pcapng blocks other than packets: interface descriptions and their clocks, options, names, secrets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use zeroize::Zeroizing;

use crate::model::{LinkType, Timestamp};

use super::source::{ByteOrder, Extras, link_type};

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Key material in a capture is a few octets a connection: 16 MiB are those of a hundred thousand. Past it, the rest is left
/// out and the capture says so.
const SECRET_BYTES_MAX: usize = 16 << 20;
/// Names kept for one capture. Past it the rest is left out: they are hints, not content.
const NAMES_MAX: usize = 65_536;
/// Longest name kept, as in DNS (RFC 1035, section 2.3.4).
const NAME_BYTES_MAX: usize = 255;

/// A Decryption Secrets Block: what a capturing host knew of the sessions in the capture. Wiped when dropped; no `Debug`.
pub struct Secrets {
    /// What `data` is: one of the constants of this type, or another number of the pcapng registry.
    pub kind: u32,
    /// The secrets, in the format of their kind.
    pub data: Zeroizing<Vec<u8>>,
}

impl Secrets {
    /// TLS secrets in the NSS key log format (`SSLKEYLOGFILE`).
    pub const TLS_KEY_LOG: u32 = 0x544c_534b;
    /// SSH secrets as a key log.
    pub const SSH_KEY_LOG: u32 = 0x5353_484b;
    /// WireGuard keys as a key log.
    pub const WIREGUARD_KEY_LOG: u32 = 0x5747_4b4c;
}

/// A record of a Name Resolution Block: what the capturing host said an address is called. A claim, not evidence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResolvedName {
    /// The address.
    pub address: IpAddr,
    /// One of its names; octets that are not UTF-8 are replaced.
    pub name: String,
}

/// How the ticks of an interface's clock become nanoseconds.
#[derive(Clone, Copy)]
enum Resolution {
    /// Ticks are whole multiples of a nanosecond: powers of ten up to the ninth.
    Multiply(u64),
    /// Ticks are finer than nanoseconds: this many are one.
    Divide(u128),
    /// Ticks are this negative power of two of a second.
    PowerOfTwo(u8),
}

impl Resolution {
    /// From the option `if_tsresol`: a negative power of ten, or of two if the highest bit is set.
    fn from_option(octet: u8) -> Self {
        let exponent = octet & 0x7f;
        match u32::from(exponent) {
            _ if octet & 0x80 != 0 => Self::PowerOfTwo(exponent),
            power @ 0..=9 => Self::Multiply(10_u64.pow(9 - power)),
            power => Self::Divide(10_u128.checked_pow(power - 9).unwrap_or(u128::MAX)),
        }
    }

    fn nanos(self, ticks: u64) -> u128 {
        match self {
            Self::Multiply(factor) => u128::from(ticks) * u128::from(factor),
            Self::Divide(divisor) => u128::from(ticks) / divisor,
            Self::PowerOfTwo(exponent) => (u128::from(ticks) * u128::from(NANOS_PER_SECOND)) >> exponent,
        }
    }
}

/// What an Interface Description Block tells that frames need.
#[derive(Clone, Copy)]
pub(super) struct Interface {
    pub(super) link: LinkType,
    /// Octets captured of a frame at most; 0 is no limit.
    pub(super) snaplen: u32,
    resolution: Resolution,
    /// Seconds to add to every time (`if_tsoffset`).
    offset_seconds: i64,
}

/// Why an interface description is not as it should be.
pub(super) enum InterfaceError {
    TooShort,
    /// The fixed part is there and usable.
    Options(Interface, String),
}

impl Interface {
    /// Decodes the body of the block.
    pub(super) fn decode(body: &[u8], order: ByteOrder) -> Result<Self, InterfaceError> {
        let (Some(link), Some(snaplen), Some(rest)) = (order.u16_at(body, 0), order.u32_at(body, 4), body.get(8..))
        else {
            return Err(InterfaceError::TooShort);
        };
        let mut interface =
            Self { link: link_type(link), snaplen, resolution: Resolution::Multiply(1000), offset_seconds: 0 };
        for option in options(rest, order) {
            match option {
                Ok((9, [resolution, ..])) => {
                    interface.resolution = Resolution::from_option(*resolution);
                }
                Ok((14, value)) => {
                    // The registry says signed since 2020; earlier writers used small positive numbers only.
                    if let Some(octets) = value.first_chunk::<8>() {
                        interface.offset_seconds = match order {
                            ByteOrder::Little => i64::from_le_bytes(*octets),
                            ByteOrder::Big => i64::from_be_bytes(*octets),
                        };
                    }
                }
                Ok(_) => {}
                Err(fault) => return Err(InterfaceError::Options(interface, fault)),
            }
        }
        Ok(interface)
    }

    /// The time of a tick count. Times before 1970 and after 2554 saturate.
    #[inline]
    pub(super) fn time(&self, ticks: u64) -> Timestamp {
        if let (Resolution::Multiply(factor), 0) = (self.resolution, self.offset_seconds) {
            return Timestamp::from_nanos(ticks.saturating_mul(factor));
        }
        let offset = i128::from(self.offset_seconds) * i128::from(NANOS_PER_SECOND);
        // At most 2^64 * 10^9 each: both sums stay far below 2^127.
        let nanos = i128::try_from(self.resolution.nanos(ticks)).unwrap_or(i128::MAX).saturating_add(offset);
        Timestamp::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
    }
}

/// The options of a block: code and value each, until the end mark or the end of the block.
fn options(mut octets: &[u8], order: ByteOrder) -> impl Iterator<Item = Result<(u16, &[u8]), String>> {
    std::iter::from_fn(move || {
        if octets.is_empty() {
            return None;
        }
        let rest = std::mem::take(&mut octets);
        let (Some(code), Some(length)) = (order.u16_at(rest, 0), order.u16_at(rest, 2)) else {
            return Some(Err(format!("{} octets left where an option should begin", rest.len())));
        };
        if code == 0 {
            return None;
        }
        let (length, rest) = (usize::from(length), rest.get(4..).unwrap_or_default());
        let Some(value) = rest.get(..length) else {
            let room = rest.len();
            return Some(Err(format!("option {code} claims {length} octets, the block has room for {room}")));
        };
        octets = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Ok((code, value)))
    })
}

/// Whether the options of a block are whole.
pub(super) fn check_options(octets: &[u8], order: ByteOrder) -> Result<(), String> {
    options(octets, order).try_for_each(|option| option.map(drop))
}

/// Secrets and names, kept until somebody asks for them.
#[derive(Default)]
pub(super) struct Keepsakes {
    kept: Extras,
    secret_bytes: usize,
    names: usize,
}

impl Keepsakes {
    /// Hands over what there is.
    pub(super) fn take(&mut self) -> Extras {
        std::mem::take(&mut self.kept)
    }

    /// Keeps the secrets of a Decryption Secrets Block.
    pub(super) fn secrets(&mut self, body: &[u8], order: ByteOrder) -> Result<(), String> {
        let (Some(kind), Some(length)) = (order.u32_at(body, 0), order.u32_at(body, 4)) else {
            return Err("secrets block too short".to_owned());
        };
        let rest = body.get(8..).unwrap_or_default();
        let Some(data) = rest.get(..length as usize) else {
            return Err(format!("secrets claim {length} octets, the block has room for {}", rest.len()));
        };
        // A block without any secret still costs the memory of its description.
        self.secret_bytes = self.secret_bytes.saturating_add(data.len() + size_of::<Secrets>());
        if self.secret_bytes > SECRET_BYTES_MAX {
            return Err(format!("secrets left out: the capture has more than {SECRET_BYTES_MAX} octets of them"));
        }
        self.kept.secrets.push(Secrets { kind, data: Zeroizing::new(data.to_vec()) });
        check_options(rest.get(data.len().next_multiple_of(4)..).unwrap_or_default(), order)
    }

    /// Keeps the IPv4 and IPv6 records of a Name Resolution Block.
    pub(super) fn names(&mut self, body: &[u8], order: ByteOrder) -> Result<(), String> {
        let mut rest = body;
        while !rest.is_empty() {
            let (Some(kind), Some(length)) = (order.u16_at(rest, 0), order.u16_at(rest, 2)) else {
                return Err(format!("{} octets left where a name record should begin", rest.len()));
            };
            let after = rest.get(4..).unwrap_or_default();
            if kind == 0 {
                return check_options(after, order);
            }
            let length = usize::from(length);
            let Some(value) = after.get(..length) else {
                return Err(format!("name record claims {length} octets, the block has room for {}", after.len()));
            };
            rest = after.get(length.next_multiple_of(4)..).unwrap_or_default();
            let (address, names): (IpAddr, &[u8]) = match kind {
                1 => match value.split_first_chunk::<4>() {
                    Some((address, names)) => (Ipv4Addr::from(*address).into(), names),
                    None => return Err("name record without a whole IPv4 address".to_owned()),
                },
                2 => match value.split_first_chunk::<16>() {
                    Some((address, names)) => (Ipv6Addr::from(*address).into(), names),
                    None => return Err("name record without a whole IPv6 address".to_owned()),
                },
                // MAC addresses and what may come.
                _ => continue,
            };
            for name in names.split(|&octet| octet == 0) {
                if !name.is_empty() && name.len() <= NAME_BYTES_MAX && self.names < NAMES_MAX {
                    self.names += 1;
                    let name = String::from_utf8_lossy(name).into_owned();
                    self.kept.names.push(ResolvedName { address, name });
                }
            }
        }
        Ok(())
    }
}
