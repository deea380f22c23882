//! GRE (RFC 2784, 2890), its version 1 for PPTP (RFC 2637), and the WCCP redirect that rides on it.

use super::super::layer::Layer;
use super::super::octets::Octets;
use super::{Inside, by_ether_type, erspan};
use crate::model::TunnelKind;

const CHECKSUM: u16 = 0x8000;
const ROUTING: u16 = 0x4000;
const KEY: u16 = 0x2000;
const SEQUENCE: u16 = 0x1000;
const ACKNOWLEDGE: u16 = 0x0080;
const VERSION: u16 = 0x0007;

/// The packet or frame in a GRE packet. Source routes (RFC 1701) are obsolete and not followed.
pub(super) fn enter(payload: Octets<'_>) -> Option<Inside<'_>> {
    let (flags, protocol) = (payload.u16(0)?, payload.u16(2)?);
    if flags & ROUTING != 0 {
        return None;
    }
    match flags & VERSION {
        0 => version_0(flags, protocol, payload),
        1 => version_1(flags, protocol, payload),
        _ => None,
    }
}

fn version_0(flags: u16, protocol: u16, payload: Octets<'_>) -> Option<Inside<'_>> {
    let mut at = 4;
    if flags & CHECKSUM != 0 {
        at += 4;
    }
    let mut key = 0;
    if flags & KEY != 0 {
        key = payload.u32(at)?;
        at += 4;
    }
    if flags & SEQUENCE != 0 {
        at += 4;
    }
    let inner = payload.skip(at)?;
    match protocol {
        0x88be => return erspan::type_1_or_2(inner, flags & SEQUENCE != 0),
        0x22eb => return erspan::type_3(inner),
        _ => {}
    }
    let (layer, octets) = match protocol {
        // WCCP version 2 puts 4 octets before the packet, version 1 does not.
        0x883e if inner.u8(0)? >> 4 == 4 => (Layer::Ip, inner),
        0x883e => (Layer::Ip, inner.skip(4)?),
        _ => by_ether_type(protocol, inner)?,
    };
    Some(Inside { kind: TunnelKind::Gre, vni: key, layer, octets })
}

/// PPTP: the key is the length of the payload and a call id. Without a sequence number it only acknowledges.
fn version_1(flags: u16, protocol: u16, payload: Octets<'_>) -> Option<Inside<'_>> {
    if protocol != 0x880b || flags & KEY == 0 || flags & SEQUENCE == 0 {
        return None;
    }
    let (length, call) = (payload.u16(4)?, payload.u16(6)?);
    let at = if flags & ACKNOWLEDGE != 0 { 16 } else { 12 };
    let octets = payload.skip(at)?.limit(usize::from(length));
    Some(Inside { kind: TunnelKind::Gre, vni: u32::from(call), layer: Layer::Ppp, octets })
}
