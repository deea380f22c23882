//! Serial lines: Cisco HDLC and frame relay.

use super::counts::NonIp;
use super::layer::{Layer, Step, of_ether_type};
use super::octets::Octets;

/// Cisco HDLC: address, control, ethertype (or a protocol of Cisco's own that is none).
pub(super) fn cisco(octets: Octets<'_>) -> Option<Step<'_>> {
    let payload = octets.skip(4)?;
    Some(match octets.u16(2)? {
        // SLARP has the ethertype of reverse ARP; 0x2000 is CDP, 0xfefe OSI, and small numbers are no lengths here.
        0..0x600 | 0x8035 | 0x2000 | 0xfefe => Step::NonIp(NonIp::Hdlc),
        ether_type => of_ether_type(ether_type, payload),
    })
}

/// Frame relay with a two-octet address: RFC 2427 (control 3, NLPID), or Cisco's encapsulation with an ethertype.
pub(super) fn frame_relay(octets: Octets<'_>) -> Option<Step<'_>> {
    const EXTENDED_ADDRESS: u8 = 1;
    let [high, low, third, fourth] = octets.array(0)?;
    if high & EXTENDED_ADDRESS != 0 || low & EXTENDED_ADDRESS == 0 {
        return Some(Step::NonIp(NonIp::Hdlc));
    }
    Some(match (third, fourth) {
        (0x03, 0xcc | 0x8e) => Step::Next(Layer::Ip, octets.skip(4)?),
        // SNAP behind a padding octet.
        (0x03, 0x00) if octets.u8(4)? == 0x80 => of_ether_type(octets.u16(8)?.max(0x600), octets.skip(10)?),
        (0x03, _) => Step::NonIp(NonIp::Hdlc),
        _ => match octets.u16(2)? {
            0..0x600 => Step::NonIp(NonIp::Hdlc),
            ether_type => of_ether_type(ether_type, octets.skip(4)?),
        },
    })
}
