//! GTP-U: user data of mobile networks (3GPP TS 29.281).

use super::super::layer::Layer;
use super::super::octets::Octets;
use super::{Inside, is_likely};
use crate::model::TunnelKind;

/// A G-PDU of version 1, with its optional fields and extension headers passed over.
pub(super) fn enter(payload: Octets<'_>) -> Option<Inside<'_>> {
    const VERSION_1_GTP: u8 = 0x30;
    const VERSION_AND_TYPE: u8 = 0xf0;
    const OPTIONAL_FIELDS: u8 = 0x07;
    const EXTENSION: u8 = 0x04;
    const G_PDU: u8 = 0xff;
    let [flags, message, l0, l1, t0, t1, t2, t3] = payload.array(0)?;
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    if flags & VERSION_AND_TYPE != VERSION_1_GTP || message != G_PDU || length + 8 > payload.wire() {
        return None;
    }
    let mut octets = payload.skip(8)?.limit(length);
    if flags & OPTIONAL_FIELDS != 0 {
        // Sequence number, N-PDU number, type of the next extension header.
        let mut next = octets.u8(3)?;
        octets = octets.skip(4)?;
        while flags & EXTENSION != 0 && next != 0 {
            // The first octet is the length in 4-octet words, the last one the next type.
            let length = usize::from(octets.u8(0)?.max(1)) * 4;
            next = octets.u8(length - 1)?;
            octets = octets.skip(length)?;
        }
    }
    let vni = u32::from_be_bytes([t0, t1, t2, t3]);
    Some(Inside { kind: TunnelKind::GtpU, vni, layer: Layer::Ip, octets }).filter(is_likely)
}
