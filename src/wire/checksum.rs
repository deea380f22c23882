//! Internet checksums (RFC 1071). A wrong one is counted and accepted: a sending host leaves them to its network card, so
//! that captures made there show them unfinished.
//!
//! The sum is written so that the compiler makes vector instructions of it; `etherparse::checksum` carries from one word to
//! the next, and measured more than twice as dear on a full segment.

use std::net::IpAddr;

/// Whether an IPv4 header, options included, carries the checksum it should.
pub(super) fn ipv4_header_is_right(header: &[u8]) -> bool {
    is_complete(sum(header))
}

/// Whether a whole segment sums up to what its checksum says, with the pseudo-header of its IP version.
pub(super) fn segment_is_right(src: IpAddr, dst: IpAddr, proto: u8, segment: &[u8]) -> bool {
    let length = u32::try_from(segment.len()).unwrap_or(u32::MAX);
    let [l0, l1, l2, l3] = length.to_be_bytes();
    let mut total = sum(&[l0, l1, l2, l3, 0, 0, 0, proto]) + sum(segment);
    for address in [src, dst] {
        total += match address {
            IpAddr::V4(v4) => sum(&v4.octets()),
            IpAddr::V6(v6) => sum(&v6.octets()),
        };
    }
    is_complete(total)
}

/// The sum of all words of four octets; section 2 of the RFC: neither word length nor byte order matter to the outcome. A
/// datagram has 16,384 words at most, so that 64 bits do not overflow.
fn sum(data: &[u8]) -> u64 {
    let (words, rest) = data.as_chunks::<4>();
    let total: u64 = words.iter().map(|word| u64::from(u32::from_ne_bytes(*word))).sum();
    let mut last = [0; 4];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    total + u64::from(u32::from_ne_bytes(last))
}

/// Whether the ones' complement sum is the one that a right checksum gives: all ones.
fn is_complete(mut total: u64) -> bool {
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    total == 0xffff
}
