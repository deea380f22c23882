//! Internet checksums (RFC 1071). A wrong one is counted and accepted: a sending host leaves them to its network card, so
//! that captures made there show them unfinished.

use std::net::IpAddr;

use etherparse::checksum::u64_16bit_word as sum;

/// Whether an IPv4 header, options included, carries the checksum it should.
pub(super) fn ipv4_header_is_right(header: &[u8]) -> bool {
    sum::ones_complement(sum::add_slice(0, header)) == 0
}

/// Whether a whole segment sums up to what its checksum says, with the pseudo-header of its IP version.
pub(super) fn segment_is_right(src: IpAddr, dst: IpAddr, proto: u8, segment: &[u8]) -> bool {
    let length = u32::try_from(segment.len()).unwrap_or(u32::MAX);
    let mut total = sum::add_4bytes(0, length.to_be_bytes());
    total = sum::add_2bytes(total, [0, proto]);
    for address in [src, dst] {
        total = match address {
            IpAddr::V4(v4) => sum::add_4bytes(total, v4.octets()),
            IpAddr::V6(v6) => sum::add_slice(total, &v6.octets()),
        };
    }
    sum::ones_complement(sum::add_slice(total, segment)) == 0
}
