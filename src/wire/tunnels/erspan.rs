//! ERSPAN: mirrored frames in GRE (draft-foschiano-erspan).

use super::super::layer::Layer;
use super::super::octets::Octets;
use super::Inside;
use crate::model::TunnelKind;

const SESSION: u16 = 0x03ff;

/// Type I has no header and no GRE sequence number, type II has both.
pub(super) fn type_1_or_2(payload: Octets<'_>, has_sequence: bool) -> Option<Inside<'_>> {
    if !has_sequence {
        return frame(0, payload);
    }
    frame(payload.u16(2)? & SESSION, payload.skip(8)?)
}

/// Type III: 12 octets, and 8 more where the last bit says so.
pub(super) fn type_3(payload: Octets<'_>) -> Option<Inside<'_>> {
    let length = if payload.u8(11)? & 1 == 1 { 20 } else { 12 };
    frame(payload.u16(2)? & SESSION, payload.skip(length)?)
}

fn frame(session: u16, octets: Octets<'_>) -> Option<Inside<'_>> {
    Some(Inside { kind: TunnelKind::Erspan, vni: u32::from(session), layer: Layer::Ethernet, octets })
}
