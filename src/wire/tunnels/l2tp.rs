//! L2TP version 2 (RFC 2661: PPP) and version 3 (RFC 3931: any frame).

use super::super::ethernet;
use super::super::layer::Layer;
use super::super::octets::Octets;
use super::{Inside, other};
use crate::model::TunnelKind;

const CONTROL: u16 = 0x8000;
const VERSION: u16 = 0x000f;

/// L2TPv3 directly in IP: session 0 is for control messages.
pub(super) fn over_ip(payload: Octets<'_>) -> Option<Inside<'_>> {
    version_3(payload)
}

/// Either version over UDP.
pub(super) fn over_udp(payload: Octets<'_>) -> Option<Inside<'_>> {
    let flags = payload.u16(0)?;
    match (flags & CONTROL, flags & VERSION) {
        (0, 2) => version_2(flags, payload),
        (0, 3) => version_3(payload.skip(4)?),
        _ => None,
    }
}

fn version_2(flags: u16, payload: Octets<'_>) -> Option<Inside<'_>> {
    const LENGTH: u16 = 0x4000;
    const SEQUENCE: u16 = 0x0800;
    const OFFSET: u16 = 0x0200;
    const RESERVED: u16 = 0x35f0;
    if flags & RESERVED != 0 {
        return None;
    }
    let mut at = 2;
    let mut octets = payload;
    if flags & LENGTH != 0 {
        octets = payload.limit(usize::from(payload.u16(at)?));
        at += 2;
    }
    // Tunnel and session id.
    at += 4;
    if flags & SEQUENCE != 0 {
        at += 4;
    }
    if flags & OFFSET != 0 {
        at += 2 + usize::from(octets.u16(at)?);
    }
    other(Layer::Ppp, octets.skip(at)?)
}

/// The lengths of the cookie (0, 4 or 8 octets) and of the sublayer (0 or 4) are agreed on by the control connection, which we
/// may not have seen: the first that leads to a frame is taken.
fn version_3(payload: Octets<'_>) -> Option<Inside<'_>> {
    let session = payload.u32(0).filter(|&session| session != 0)?;
    [4, 8, 12, 16]
        .into_iter()
        .filter_map(|at| payload.skip(at))
        .find(|&octets| ethernet::has_plausible_ip(octets))
        .map(|octets| Inside { kind: TunnelKind::L2tpV3, vni: session, layer: Layer::Ethernet, octets })
}
