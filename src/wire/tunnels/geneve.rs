//! GENEVE (RFC 8926).

use super::super::octets::Octets;
use super::{Inside, by_ether_type, is_likely};
use crate::model::TunnelKind;

/// Version and option length, flags, ethertype, network identifier; options are passed over.
pub(super) fn enter(payload: Octets<'_>) -> Option<Inside<'_>> {
    const CONTROL: u8 = 0x80;
    const RESERVED: u8 = 0x3f;
    let [first, flags] = payload.array(0)?;
    if first >> 6 != 0 || flags & (CONTROL | RESERVED) != 0 {
        return None;
    }
    let options = usize::from(first & 0x3f) * 4;
    let (layer, octets) = by_ether_type(payload.u16(2)?, payload.skip(8 + options)?)?;
    Some(Inside { kind: TunnelKind::Geneve, vni: payload.u32(4)? >> 8, layer, octets }).filter(is_likely)
}
