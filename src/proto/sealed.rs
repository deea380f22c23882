//! Protocols that are recognised in order to leave them alone: SSH, WireGuard, IPsec, OpenVPN.
//!
//! What can be read of them (an SSH banner) is read; the rest is reported as encrypted, or as a relay where the other end
//! is the end of a VPN.

use memchr::memchr;

use crate::model::{Direction, UninspectedReason};

use super::decoder::{DatagramDecoder, Input, Out, Probe, Role, Step, StreamDecoder};
use super::reader::Reader;
use super::registry::Ports;
use super::unknown::{Look, look};

/// Octets of an SSH identification line (RFC 4253, section 4.2).
const SSH_LINE_MAX: usize = 255;

/// `SSH-` (RFC 4253, section 4.2).
pub(crate) fn ssh(octets: &[u8]) -> Probe {
    match octets.get(..4) {
        Some(b"SSH-") => Probe::Yes(Role::Either),
        Some(_) => Probe::No,
        None if b"SSH-".starts_with(octets) => Probe::More,
        None => Probe::No,
    }
}

pub(crate) fn ssh_decoder(_: Direction) -> Box<dyn StreamDecoder> {
    Box::new(Sealed { reason: UninspectedReason::Encrypted, line: [true; 2] })
}

/// OpenVPN on a stream: a length before each packet. Only resets are sure enough: they open the connection.
pub(crate) fn openvpn_stream(octets: &[u8]) -> Probe {
    let mut reader = Reader::new(octets);
    let Some(len) = reader.u16() else {
        return Probe::More;
    };
    if !(14..=1500).contains(&len) {
        return Probe::No;
    }
    match reader.u8() {
        None => Probe::More,
        Some(0x38 | 0x40 | 0x50) => match reader.take(usize::from(len) - 1) {
            None => Probe::More,
            Some(packet) => match openvpn_reset(packet) {
                true => Probe::Yes(Role::Either),
                false => Probe::No,
            },
        },
        Some(_) => Probe::No,
    }
}

pub(crate) fn openvpn_stream_decoder(_: Direction) -> Box<dyn StreamDecoder> {
    Box::new(Sealed { reason: UninspectedReason::Relay, line: [false; 2] })
}

/// A stream that is locked, perhaps after one line in clear.
struct Sealed {
    reason: UninspectedReason,
    /// Whether the line is still to come.
    line: [bool; 2],
}

impl StreamDecoder for Sealed {
    fn advance(&mut self, input: Input<'_>, out: &mut Out<'_>) -> Step {
        let within = input.octets.get(..SSH_LINE_MAX).unwrap_or(input.octets);
        let clear = within.starts_with(b"SSH-") || b"SSH-".starts_with(within);
        let end = memchr(b'\n', within);
        if clear && end.is_none() && input.more && within.len() < SSH_LINE_MAX {
            return Step::Took(0);
        }
        *input.dir.of_mut(&mut self.line) = false;
        match end {
            Some(end) if clear => Step::Took(end + 1),
            _ => {
                out.unread(input.dir, input.octets.len(), self.reason);
                Step::Took(input.octets.len())
            }
        }
    }

    fn gap(&mut self, dir: Direction, _len: u64, out: &mut Out<'_>) {
        self.end(dir, out);
    }

    fn end(&mut self, dir: Direction, _out: &mut Out<'_>) {
        *dir.of_mut(&mut self.line) = false;
    }

    fn sealed(&self, dir: Direction) -> Option<UninspectedReason> {
        (!dir.of(&self.line)).then_some(self.reason)
    }
}

/// A flow of datagrams that is locked in both directions.
struct SealedDatagrams(UninspectedReason);

impl DatagramDecoder for SealedDatagrams {
    fn datagram(&mut self, dir: Direction, payload: &[u8], out: &mut Out<'_>) -> bool {
        out.unread(dir, payload.len(), self.0);
        true
    }

    fn sealed(&self, _dir: Direction) -> Option<UninspectedReason> {
        Some(self.0)
    }
}

/// WireGuard: a type, three zeroes, and the exact length of the handshake messages; data only midstream, where the length
/// is a multiple of 16 and what follows the counter looks encrypted (wireguard.com/protocol).
pub(crate) fn wireguard(payload: &[u8], ports: Ports) -> bool {
    match (payload.get(..4), payload.len()) {
        (Some([1, 0, 0, 0]), 148) | (Some([2, 0, 0, 0]), 92) => true,
        (Some([3, 0, 0, 0]), 64) | (Some([4, 0, 0, 0]), 32) => ports.contains(&51820),
        (Some([4, 0, 0, 0]), len) => {
            len.is_multiple_of(16) && len >= 96 && look(payload.get(16..).unwrap_or_default()) == Look::Opaque
        }
        _ => false,
    }
}

pub(crate) fn wireguard_decoder(_: Direction) -> Box<dyn DatagramDecoder> {
    Box::new(SealedDatagrams(UninspectedReason::Relay))
}

/// IKE (RFC 7296, section 3.1: the length in the header is that of the datagram), and on port 4500 ESP or IKE behind four
/// zeroes (RFC 3948).
pub(crate) fn ipsec(payload: &[u8], ports: Ports) -> bool {
    let nat = ports.contains(&4500);
    match payload {
        [0xff] => nat,
        [0, 0, 0, 0, message @ ..] if nat => ike(message),
        _ => ike(payload) || nat && payload.len() >= 28,
    }
}

fn ike(message: &[u8]) -> bool {
    let mut reader = Reader::new(message);
    let header = (|| Some((reader.take(8)?, reader.take(8)?, reader.u8()?, reader.u8()?, reader.u8()?)))();
    let length = (|| {
        reader.take(5)?;
        reader.u32()
    })();
    matches!(header, Some((initiator, _, _, 0x10 | 0x20, 2..=43)) if initiator.iter().any(|octet| *octet != 0))
        && length.is_some_and(|length| length as usize == message.len())
}

pub(crate) fn ipsec_decoder(_: Direction) -> Box<dyn DatagramDecoder> {
    Box::new(SealedDatagrams(UninspectedReason::Relay))
}

/// OpenVPN: a reset, which opens each connection; other packets only on its port.
pub(crate) fn openvpn(payload: &[u8], ports: Ports) -> bool {
    let Some((first, packet)) = payload.split_first() else {
        return false;
    };
    match first {
        0x38 | 0x40 | 0x50 if openvpn_reset(packet) => true,
        _ => ports.contains(&1194) && (1..=11).contains(&(first >> 3)) && payload.len() >= 14,
    }
}

/// A hard reset without its first octet: session id, then nothing acknowledged and packet 0 (plain), or a digest, packet
/// id and time before that (`tls-auth`).
fn openvpn_reset(packet: &[u8]) -> bool {
    let session = packet.get(..8).is_some_and(|session| session.iter().any(|octet| *octet != 0));
    let tail = |at: usize| packet.get(at..at + 5) == Some(&[0; 5]) && packet.len() == at + 5;
    session && [8, 8 + 16 + 8, 8 + 20 + 8, 8 + 32 + 8, 8 + 64 + 8].into_iter().any(tail)
}

pub(crate) fn openvpn_decoder(_: Direction) -> Box<dyn DatagramDecoder> {
    Box::new(SealedDatagrams(UninspectedReason::Relay))
}
