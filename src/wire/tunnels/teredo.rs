//! Teredo: IPv6 in UDP through address translators (RFC 4380).

use super::super::ip;
use super::super::layer::Layer;
use super::super::octets::Octets;
use super::Inside;
use crate::model::TunnelKind;

/// On the Teredo port: IPv6 behind the indications.
pub(super) fn enter(payload: Octets<'_>) -> Option<Inside<'_>> {
    let octets = indications(payload)?;
    let is_ipv6 = octets.u8(0)? >> 4 == 6 && ip::fits(octets);
    is_ipv6.then_some(Inside { kind: TunnelKind::Teredo, vni: 0, layer: Layer::Ip, octets })
}

/// On any port (clients use ports of their own among each other): one end has a Teredo address, and the length is right.
pub(super) fn enter_strict(payload: Octets<'_>) -> Option<Inside<'_>> {
    const PREFIX: [u8; 4] = [0x20, 0x01, 0, 0];
    // The first octet of IPv6 or of an indication: most datagrams end here.
    if !matches!(payload.u8(0)?, 0 | 0x60..=0x6f) {
        return None;
    }
    let inside = enter(payload)?;
    let octets = inside.octets;
    let is_exact = usize::from(octets.u16(4)?) + 40 == octets.wire();
    (is_exact && (octets.array(8)? == PREFIX || octets.array(24)? == PREFIX)).then_some(inside)
}

/// Section 5.1.1: an authentication indication (0x0001), then an origin indication (0x0000), each optional.
fn indications(payload: Octets<'_>) -> Option<Octets<'_>> {
    let mut octets = payload;
    if octets.u16(0)? == 0x0001 {
        let (id, value) = (usize::from(octets.u8(2)?), usize::from(octets.u8(3)?));
        octets = octets.skip(4 + id + value + 9)?;
    }
    if octets.u16(0)? == 0x0000 {
        octets = octets.skip(8)?;
    }
    Some(octets)
}
