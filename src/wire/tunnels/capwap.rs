//! CAPWAP data (RFC 5415): frames between access points and their controller, where they are not encrypted.

use super::super::layer::Layer;
use super::super::octets::Octets;
use super::{Inside, is_likely, other};

/// Version and type 0, header length in words; a frame of Ethernet or, with the T bit, 802.11.
pub(super) fn enter(payload: Octets<'_>) -> Option<Inside<'_>> {
    const NATIVE: u32 = 0x100;
    const FRAGMENT: u32 = 0x80;
    const KEEP_ALIVE: u32 = 0x08;
    const WIRELESS_802_11: u32 = 1;
    let word = payload.u32(0)?;
    let header_len = ((word >> 19) & 0x1f) as usize * 4;
    if word >> 24 != 0 || header_len < 8 || word & (FRAGMENT | KEEP_ALIVE) != 0 {
        return None;
    }
    let frame = payload.skip(header_len)?;
    if word & NATIVE == 0 {
        return other(Layer::Ethernet, frame).filter(is_likely);
    }
    ((word >> 9) & 0x1f == WIRELESS_802_11).then_some(())?;
    // Frame control: version and type 0b10 for data. In the other order it holds flags there.
    const DATA: u8 = 0x08;
    let [first, second] = frame.array(0)?.map(|octet: u8| octet & 0x0f);
    let swapped = first != DATA && second == DATA;
    other(if swapped { Layer::WifiSwapped } else { Layer::Wifi }, frame)
}
