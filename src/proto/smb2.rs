//! SMB2 and SMB3 over TCP (MS-SMB2, MS-NBT): what WRITE requests and READ responses carry is a file; everything else is read
//! as it stands. Sealed messages (SMB3 encryption) are encrypted and look it.

use crate::model::Direction;

use super::decoder::{Probe, Role, StreamDecoder};
use super::records::{Head, Piece, Records, Service};

/// Ports where SMB is asked first.
pub(crate) const PORTS: &[u16] = &[139, 445];

/// Octets of the session header, and of an SMB2 header behind it (MS-SMB2, section 2.2.1).
const SESSION: usize = 4;
const HEADER: usize = 64;
const READ: u16 = 8;
const WRITE: u16 = 9;

/// Whether octets begin with a session message that holds an SMB message.
pub(crate) fn probe(octets: &[u8]) -> Probe {
    // Session message, a length below 16 MiB, and a protocol id: SMB1 (which opens negotiations), SMB2, sealed, compressed.
    match octets {
        [0, _, _, _, id @ (0xff | 0xfe), b'S', b'M', b'B', ..] => match (id, octets.get(16)) {
            // SMB1 is not read: only its offer of SMB2 is passed over.
            (0xff, _) if octets.get(8).is_some_and(|command| *command != 0x72) => Probe::No,
            (_, None) => Probe::More,
            (_, Some(_)) if is_response(octets) => Probe::Yes(Role::Server),
            _ if octets.len() < SESSION + 20 => Probe::More,
            _ => Probe::Yes(Role::Client),
        },
        [0, _, _, _, 0xfd, b'S', b'M', b'B', ..] => Probe::Yes(Role::Either),
        _ => {
            let pattern: [&[u8]; 5] = [b"\0", b"\xff\xfe\xfd", b"S", b"M", b"B"];
            let fits = |at: usize, octet: &u8| match at {
                0 => *octet == 0,
                1..=3 => true,
                at => pattern.get(at - 3).is_some_and(|octets| octets.contains(octet)),
            };
            if octets.len() < 8 && octets.iter().enumerate().all(|(at, octet)| fits(at, octet)) {
                Probe::More
            } else {
                Probe::No
            }
        }
    }
}

/// Flags, octet 16 of an SMB2 header: bit 0 marks a response.
fn is_response(message: &[u8]) -> bool {
    message.get(4) == Some(&0xfe) && message.get(SESSION + 16).is_some_and(|flags| flags & 1 != 0)
}

/// A decoder for both ends.
pub(crate) fn decoder(_: Direction) -> Box<dyn StreamDecoder> {
    Box::new(Records::new(Smb2))
}

struct Smb2;

fn u16_at(octets: &[u8], at: usize) -> Option<u16> {
    octets.get(at..)?.first_chunk().map(|octets| u16::from_le_bytes(*octets))
}

fn u32_at(octets: &[u8], at: usize) -> Option<u32> {
    octets.get(at..)?.first_chunk().map(|octets| u32::from_le_bytes(*octets))
}

fn u64_at(octets: &[u8], at: usize) -> Option<u64> {
    octets.get(at..)?.first_chunk().map(|octets| u64::from_le_bytes(*octets))
}

impl Service for Smb2 {
    fn head<'a>(&mut self, _dir: Direction, octets: &'a [u8], whole: bool) -> Head<'a> {
        let Some(&[kind, a, b, c]) = octets.first_chunk::<SESSION>() else { return Head::More };
        // A session message, or a keep-alive.
        if !matches!(kind, 0 | 0x85) {
            return Head::Wrong;
        }
        let len = u64::from(u32::from_be_bytes([0, a, b, c]));
        let total = SESSION as u64 + len;
        if len == 0 {
            return Head::Message(total, None);
        }
        match octets.get(SESSION..SESSION + 4) {
            Some(b"\xfeSMB") => {}
            Some(id) if id.get(1..) == Some(b"SMB") => return Head::Message(total, None),
            Some(_) => return Head::Wrong,
            None => return Head::More,
        }
        if octets.len() < SESSION + HEADER + 48 && (octets.len() as u64) < total && !whole {
            return Head::More;
        }
        Head::Message(total, piece(octets))
    }
}

/// The data of a WRITE request (section 2.2.21) or READ response (section 2.2.20). Only the first message of a compound is
/// looked at.
fn piece(octets: &[u8]) -> Option<Piece<'_>> {
    let message = octets.get(SESSION..)?;
    let body = message.get(HEADER..)?;
    let response = message.get(16)? & 1 != 0;
    match (u16_at(message, 12)?, response) {
        (WRITE, false) if u16_at(body, 0) == Some(49) => Some(Piece {
            from: SESSION + usize::from(u16_at(body, 2)?),
            len: u64::from(u32_at(body, 4)?),
            key: body.get(16..32)?,
            offset: u64_at(body, 8),
        }),
        // The response names no file: reads that follow each other are taken for one.
        (READ, true) if u16_at(body, 0) == Some(17) && u32_at(message, 8) == Some(0) => Some(Piece {
            from: SESSION + usize::from(*body.get(2)?),
            len: u64::from(u32_at(body, 4)?),
            key: b"read",
            offset: None,
        }),
        _ => None,
    }
}
