//! PPP (RFC 1661, 1662) and PPP over Ethernet (RFC 2516).

use super::counts::{Fault, NonIp};
use super::layer::{Layer, Step, of_ppp_protocol};
use super::octets::Octets;

/// A PPP frame with or without address and control octets, and with or without a compressed protocol field.
pub(super) fn ppp(octets: Octets<'_>) -> Option<Step<'_>> {
    let octets = match octets.array(0)? {
        [0xff, 0x03] => octets.skip(2)?,
        // LINKTYPE_PPP_HDLC says that Cisco HDLC framing can stand in place of PPP.
        [0x0f | 0x8f, 0x00] => return Some(Step::Next(Layer::CiscoHdlc, octets)),
        _ => octets,
    };
    let first = octets.u8(0)?;
    // Protocol numbers are odd in their last octet and even before it: an odd first octet is a compressed number.
    Some(if first & 1 == 1 {
        of_ppp_protocol(u16::from(first), octets.skip(1)?)
    } else {
        of_ppp_protocol(octets.u16(0)?, octets.skip(2)?)
    })
}

/// A PPPoE session: version and type 1, code 0, session id, length of the PPP frame behind it.
pub(super) fn pppoe(octets: Octets<'_>) -> Option<Step<'_>> {
    let [version_type, code] = octets.array(0)?;
    if version_type != 0x11 {
        return Some(Step::Bad(Fault::LinkBad));
    }
    if code != 0 {
        return Some(Step::NonIp(NonIp::PppoeDiscovery));
    }
    let length = octets.u16(4)?;
    Some(Step::Next(Layer::Ppp, octets.skip(6)?.limit(usize::from(length))))
}
