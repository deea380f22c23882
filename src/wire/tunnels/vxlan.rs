//! VXLAN (RFC 7348) and its generic protocol extension (draft-ietf-nvo3-vxlan-gpe).

use super::super::ethernet;
use super::super::layer::{Layer, Step};
use super::super::octets::Octets;
use super::{Inside, is_likely};
use crate::model::TunnelKind;

/// The network identifier is valid.
const INSTANCE: u8 = 0x08;
/// The next protocol is named.
const NEXT_PROTOCOL: u8 = 0x04;

/// On a VXLAN port: the instance flag, and a frame behind it. The reserved bits can be a group policy.
pub(super) fn enter(payload: Octets<'_>) -> Option<Inside<'_>> {
    if payload.u8(0)? & (INSTANCE | NEXT_PROTOCOL) != INSTANCE {
        return None;
    }
    inside(Layer::Ethernet, payload).filter(is_likely)
}

/// On any port: nothing but the instance flag, and a frame with a plausible IP packet behind it.
pub(super) fn enter_strict(payload: Octets<'_>) -> Option<Inside<'_>> {
    if payload.u32(0)? != u32::from(INSTANCE) << 24 || payload.u8(7)? != 0 {
        return None;
    }
    inside(Layer::Ethernet, payload).filter(|inside| ethernet::has_plausible_ip(inside.octets))
}

/// On the GPE port: the next protocol as in a network service header.
pub(super) fn enter_gpe(payload: Octets<'_>) -> Option<Inside<'_>> {
    if payload.u8(0)? & (INSTANCE | NEXT_PROTOCOL) != INSTANCE | NEXT_PROTOCOL {
        return enter(payload);
    }
    let Step::Next(layer, _) = ethernet::next_protocol(payload.u8(3)?, payload) else { return None };
    inside(layer, payload).filter(is_likely)
}

fn inside(layer: Layer, payload: Octets<'_>) -> Option<Inside<'_>> {
    Some(Inside { kind: TunnelKind::Vxlan, vni: payload.u32(4)? >> 8, layer, octets: payload.skip(8)? })
}
