//! IEEE 802.11 data frames, bare or behind radiotap or PPI headers.

use super::counts::{Fault, NonIp};
use super::layer::{Layer, Step, of_link_type};
use super::octets::Octets;
use crate::model::LinkType;

/// Radiotap (<https://www.radiotap.org>): version 0, length in octets 2 and 3, little-endian.
pub(super) fn radiotap(octets: Octets<'_>) -> Option<Step<'_>> {
    let length = usize::from(u16::from_le_bytes(octets.array(2)?));
    if length < 8 {
        return Some(Step::Bad(Fault::LinkBad));
    }
    Some(Step::Next(Layer::Wifi, octets.skip(length)?))
}

/// Per-packet information header: length and link type, little-endian.
pub(super) fn ppi(octets: Octets<'_>) -> Option<Step<'_>> {
    let length = usize::from(u16::from_le_bytes(octets.array(2)?));
    let link = u32::from_le_bytes(octets.array(4)?);
    if length < 8 {
        return Some(Step::Bad(Fault::LinkBad));
    }
    let payload = octets.skip(length)?;
    Some(match of_link_type(LinkType(link)) {
        Some(layer) => Step::Next(layer, payload),
        None => Step::NonIp(NonIp::LinkType),
    })
}

/// IEEE 802.11 section 9.3: only data frames in the clear carry LLC. Of an aggregate (A-MSDU) the first is read.
pub(super) fn ieee_802_11(octets: Octets<'_>) -> Option<Step<'_>> {
    body(octets.array(0)?, octets)
}

/// The same with the first two octets in the other order, as some controllers send them in CAPWAP.
pub(super) fn ieee_802_11_swapped(octets: Octets<'_>) -> Option<Step<'_>> {
    let [flags, kind] = octets.array(0)?;
    body([kind, flags], octets)
}

fn body([kind, flags]: [u8; 2], octets: Octets<'_>) -> Option<Step<'_>> {
    const DATA: u8 = 2;
    const NO_DATA: u8 = 0x4;
    const QOS: u8 = 0x8;
    const TO_AND_FROM_DS: u8 = 0x03;
    const PROTECTED: u8 = 0x40;
    const ORDER: u8 = 0x80;
    const AGGREGATE: u8 = 0x80;
    let subtype = kind >> 4;
    if (kind >> 2) & 3 != DATA || subtype & NO_DATA != 0 {
        return Some(Step::NonIp(NonIp::WifiControl));
    }
    if flags & PROTECTED != 0 {
        return Some(Step::NonIp(NonIp::WifiEncrypted));
    }
    let mut length = 24;
    if flags & TO_AND_FROM_DS == TO_AND_FROM_DS {
        length += 6;
    }
    let mut aggregate = false;
    if subtype & QOS != 0 {
        aggregate = octets.u8(length)? & AGGREGATE != 0;
        length += if flags & ORDER != 0 { 6 } else { 2 };
    }
    let mut body = octets.skip(length)?;
    if aggregate {
        let part = usize::from(body.u16(12)?);
        body = body.skip(14)?.limit(part);
    } else if body.array(0) != Some([0xaa, 0xaa, 0x03]) && body.array(2) == Some([0xaa, 0xaa, 0x03]) {
        // Some drivers pad the header to a multiple of 4 octets.
        body = body.skip(2)?;
    }
    Some(Step::Next(Layer::Llc, body))
}
