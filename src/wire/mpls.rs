//! MPLS (RFC 3032): labels until the bottom of the stack, then a payload that nothing announces.

use super::counts::NonIp;
use super::ethernet;
use super::ip;
use super::layer::{Layer, Step};
use super::octets::Octets;

/// One label. Below the last one the first nibble decides (RFC 4928, section 3): IP, a pseudowire control word (RFC 4385)
/// before an Ethernet frame, or an Ethernet frame without one.
pub(super) fn label(octets: Octets<'_>) -> Option<Step<'_>> {
    const BOTTOM_OF_STACK: u32 = 0x100;
    let bottom = octets.u32(0)? & BOTTOM_OF_STACK != 0;
    let payload = octets.skip(4)?;
    if !bottom {
        return Some(Step::Next(Layer::Mpls, payload));
    }
    let nibble = payload.u8(0)? >> 4;
    // A MAC address can begin like an IP header: the rest of the header has to fit.
    if ip::is_plausible(payload) {
        return Some(Step::Next(Layer::Ip, payload));
    }
    if nibble == 0
        && let Some(frame) = payload.skip(4)
        && ethernet::fits(frame)
    {
        return Some(Step::Next(Layer::Ethernet, frame));
    }
    if ethernet::fits(payload) {
        return Some(Step::Next(Layer::Ethernet, payload));
    }
    Some(match nibble {
        4 | 6 => Step::Next(Layer::Ip, payload),
        _ => Step::NonIp(NonIp::Mpls),
    })
}
