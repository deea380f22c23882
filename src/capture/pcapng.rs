//! pcapng, draft-ietf-opsawg-pcapng: sections of either byte order, any number of interfaces of different link types and
//! clocks, packets in Enhanced, Simple and obsolete Packet Blocks, secrets and names beside them; the rest is skipped.
//!
//! The walk over the blocks is here; what is inside the smaller ones is in `pcapng_blocks`. Why the loop is our own, see
//! `pcap`; here libpcap would also refuse every file whose interfaces differ in link type, and hides secrets and names.
//!
//! Where the length of a block cannot be, the walk ends: nothing tells where the next one begins. Where a block is whole but
//! something about it is wrong (its second length, an unknown interface, an option that runs past the end), that is noted, the
//! walk goes on, and the capture counts as damaged.

use crate::model::Timestamp;

use super::input::Input;
use super::pcapng_blocks::{Interface, InterfaceError, Keepsakes, check_options};
use super::source::{ByteOrder, Damage, Extras, FrameSource, Head, RECORD_BYTES_MAX, Record};

/// Type of the Section Header Block, the same in both byte orders: how a pcapng file begins.
pub(super) const MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const NAME_RESOLUTION: u32 = 4;
const ENHANCED_PACKET: u32 = 6;
const DECRYPTION_SECRETS: u32 = 10;

/// Type and total length before the body, total length again after it.
const BLOCK_HEADER: usize = 8;
const BLOCK_TRAILER: usize = 4;
const BLOCK_MIN: u32 = 12;
/// The longest block that is read rather than skipped: the largest frame and 64 KiB of options.
const BLOCK_BYTES_MAX: u32 = RECORD_BYTES_MAX + (64 << 10);
/// Interfaces in one section. One is a block of 20 octets, so a file could fill the memory with them.
const INTERFACES_MAX: usize = 1 << 16;

/// What became of a block.
enum Step {
    Frame,
    NoFrame,
    End,
}

/// A fault inside a block whose lengths are right.
type Fault = String;

/// Reads the blocks of a pcapng file.
pub(super) struct PcapngReader {
    input: Input,
    order: ByteOrder,
    /// Interfaces of the section at hand.
    interfaces: Vec<Interface>,
    /// Interfaces of the sections before.
    interfaces_before: usize,
    head: Option<Head>,
    /// Octets of the block at the front of the window, to be left behind by the next advance.
    held: usize,
    /// Blocks seen, for messages.
    blocks: u64,
    /// Time of the last frame that had one, for Simple Packet Blocks, which have none.
    last_time: Timestamp,
    ended: bool,
    damage: Damage,
    keepsakes: Keepsakes,
}

impl PcapngReader {
    /// A reader at the first section header.
    pub(super) fn new(input: Input) -> Self {
        Self {
            input,
            order: ByteOrder::Little,
            interfaces: Vec::new(),
            interfaces_before: 0,
            head: None,
            held: 0,
            blocks: 0,
            last_time: Timestamp::default(),
            ended: false,
            damage: Damage::default(),
            keepsakes: Keepsakes::default(),
        }
    }

    /// Reads the block at the front of the window. An error ends the capture.
    fn block(&mut self) -> Result<Step, String> {
        let begin = self.input.offset();
        if !self.input.fill(BLOCK_MIN as usize) {
            if self.input.octets().is_empty() && self.input.failure().is_none() {
                return Ok(Step::End);
            }
            return Err(self.cut(begin, u64::from(BLOCK_MIN)));
        }
        let Some(&[t0, t1, t2, t3, l0, l1, l2, l3, m0, m1, m2, m3]) = self.input.octets().first_chunk() else {
            return Ok(Step::End);
        };
        if [t0, t1, t2, t3] == MAGIC {
            self.order = match [m0, m1, m2, m3] {
                [0x4d, 0x3c, 0x2b, 0x1a] => ByteOrder::Little,
                [0x1a, 0x2b, 0x3c, 0x4d] => ByteOrder::Big,
                _ => return Err("section header without a byte-order magic".to_owned()),
            };
        }
        let kind = self.order.u32([t0, t1, t2, t3]);
        let total = self.order.u32([l0, l1, l2, l3]);
        if total < BLOCK_MIN {
            return Err(format!("claims a length of {total}, but the shortest block has {BLOCK_MIN}"));
        }
        // Lengths are multiples of 4; some writers forget to say so but do pad.
        let padded = u64::from(total).next_multiple_of(4);
        let wanted = matches!(
            kind,
            SECTION
                | INTERFACE
                | OBSOLETE_PACKET
                | SIMPLE_PACKET
                | NAME_RESOLUTION
                | ENHANCED_PACKET
                | DECRYPTION_SECRETS
        );
        if !wanted {
            let body_skipped = self.input.skip(padded - BLOCK_TRAILER as u64);
            if !body_skipped || !self.input.fill(BLOCK_TRAILER) {
                return Err(self.cut(begin, padded));
            }
            self.check_trailer(begin, total, 0);
            self.held = BLOCK_TRAILER;
            return Ok(Step::NoFrame);
        }
        if total > BLOCK_BYTES_MAX {
            return Err(format!("claims a length of {total}, more than {BLOCK_BYTES_MAX}"));
        }
        let padded = padded as usize;
        if !self.input.fill(padded) {
            return Err(self.cut(begin, padded as u64));
        }
        self.check_trailer(begin, total, padded - BLOCK_TRAILER);
        self.held = padded;
        let inside = BLOCK_HEADER..padded - BLOCK_TRAILER;
        let result = match kind {
            SECTION => self.section(inside)?,
            INTERFACE => self.interface(inside)?,
            ENHANCED_PACKET => self.enhanced_packet(inside),
            SIMPLE_PACKET => self.simple_packet(inside),
            OBSOLETE_PACKET => self.obsolete_packet(inside),
            NAME_RESOLUTION => self.keepsakes.names(self.input.octets().get(inside).unwrap_or_default(), self.order),
            _ => self.keepsakes.secrets(self.input.octets().get(inside).unwrap_or_default(), self.order),
        };
        if let Err(fault) = result {
            self.note(begin, || fault);
        }
        Ok(if self.head.is_some() { Step::Frame } else { Step::NoFrame })
    }

    fn cut(&self, begin: u64, needed: u64) -> String {
        let present = self.input.offset() - begin + self.input.octets().len() as u64;
        format!("{present} of {needed} octets present ({})", self.input.why_ended())
    }

    /// The length after the body is for reading backwards; going forwards, one that differs is a fault to read past.
    fn check_trailer(&mut self, begin: u64, total: u32, at: usize) {
        let trailer = self.order.u32_at(self.input.octets(), at).unwrap_or_default();
        if trailer != total {
            self.note(begin, || format!("lengths at its two ends differ: {total} and {trailer}"));
        }
    }

    fn note(&mut self, begin: u64, fault: impl FnOnce() -> Fault) {
        let block = self.blocks + 1;
        self.damage.note(|| format!("block {block} at offset {begin}: {}", fault()));
    }

    fn body(&self, inside: std::ops::Range<usize>) -> &[u8] {
        self.input.octets().get(inside).unwrap_or_default()
    }

    fn section(&mut self, inside: std::ops::Range<usize>) -> Result<Result<(), Fault>, String> {
        let (order, body) = (self.order, self.body(inside));
        // Byte-order magic, version, section length (which nothing here needs).
        let (Some(major), Some(minor), Some(options)) = (order.u16_at(body, 4), order.u16_at(body, 6), body.get(16..))
        else {
            return Err("section header too short".to_owned());
        };
        if major != 1 {
            return Err(format!("version {major}.{minor} of pcapng is unknown"));
        }
        let result = check_options(options, order);
        self.interfaces_before = self.interfaces_before.saturating_add(self.interfaces.len());
        self.interfaces.clear();
        Ok(result)
    }

    fn interface(&mut self, inside: std::ops::Range<usize>) -> Result<Result<(), Fault>, String> {
        if self.interfaces.len() >= INTERFACES_MAX {
            return Err(format!("more than {INTERFACES_MAX} interfaces in a section"));
        }
        match Interface::decode(self.body(inside), self.order) {
            Ok(interface) => {
                self.interfaces.push(interface);
                Ok(Ok(()))
            }
            // An interface with damaged options keeps its place: those after it are counted from it.
            Err(InterfaceError::Options(interface, fault)) => {
                self.interfaces.push(interface);
                Ok(Err(fault))
            }
            Err(InterfaceError::TooShort) => Err("interface description too short".to_owned()),
        }
    }

    fn enhanced_packet(&mut self, inside: std::ops::Range<usize>) -> Result<(), Fault> {
        let Some(&[i0, i1, i2, i3, ref rest @ ..]) = self.body(inside.clone()).first_chunk::<20>() else {
            return Err("packet block too short".to_owned());
        };
        self.packet(self.order.u32([i0, i1, i2, i3]), *rest, inside)
    }

    /// The block before the Enhanced one has 16 bits of interface and 16 of drops instead of 32 of interface.
    fn obsolete_packet(&mut self, inside: std::ops::Range<usize>) -> Result<(), Fault> {
        let Some(&[i0, i1, _, _, ref rest @ ..]) = self.body(inside.clone()).first_chunk::<20>() else {
            return Err("packet block too short".to_owned());
        };
        self.packet(u32::from(self.order.u16([i0, i1])), *rest, inside)
    }

    #[inline]
    fn packet(&mut self, index: u32, fields: [u8; 16], inside: std::ops::Range<usize>) -> Result<(), Fault> {
        let order = self.order;
        let [h0, h1, h2, h3, l0, l1, l2, l3, c0, c1, c2, c3, w0, w1, w2, w3] = fields;
        let ticks = u64::from(order.u32([h0, h1, h2, h3])) << 32 | u64::from(order.u32([l0, l1, l2, l3]));
        let captured = order.u32([c0, c1, c2, c3]);
        let wire = order.u32([w0, w1, w2, w3]);
        let Some(interface) = self.interfaces.get(index as usize) else {
            return Err(format!("packet of interface {index}, but the section has {}", self.interfaces.len()));
        };
        let from = inside.start + 20;
        let room = inside.end - from;
        let len = captured as usize;
        if len > room {
            return Err(format!("packet claims {captured} octets, the block has room for {room}"));
        }
        let head = Head {
            time: interface.time(ticks),
            link: interface.link,
            interface: u16::try_from(self.interfaces_before.saturating_add(index as usize)).unwrap_or(u16::MAX),
            wire_len: wire.max(captured),
            from,
            len,
        };
        self.last_time = head.time;
        self.head = Some(head);
        let options_from = from + len.next_multiple_of(4);
        if options_from < inside.end {
            return check_options(self.body(options_from..inside.end), order);
        }
        Ok(())
    }

    /// A frame of the section's first interface, without a time: it gets that of the frame before it in the file, or 1970 if
    /// there is none, so that it neither ages nor rejuvenates the flows around it.
    fn simple_packet(&mut self, inside: std::ops::Range<usize>) -> Result<(), Fault> {
        let Some(wire) = self.order.u32_at(self.body(inside.clone()), 0) else {
            return Err("packet block too short".to_owned());
        };
        let Some(interface) = self.interfaces.first() else {
            return Err("packet of interface 0, but the section has none".to_owned());
        };
        let from = inside.start + 4;
        let room = inside.end - from;
        let captured = if interface.snaplen == 0 { wire } else { wire.min(interface.snaplen) };
        let len = captured as usize;
        if len > room {
            return Err(format!("packet of {captured} octets, the block has room for {room}"));
        }
        self.head = Some(Head {
            time: self.last_time,
            link: interface.link,
            interface: u16::try_from(self.interfaces_before).unwrap_or(u16::MAX),
            wire_len: wire,
            from,
            len,
        });
        Ok(())
    }
}

impl FrameSource for PcapngReader {
    fn format(&self) -> &'static str {
        "pcapng"
    }

    fn advance(&mut self) -> bool {
        self.head = None;
        while !self.ended {
            self.input.consume(std::mem::take(&mut self.held));
            let begin = self.input.offset();
            match self.block() {
                Ok(Step::Frame) => {
                    self.blocks += 1;
                    return true;
                }
                Ok(Step::NoFrame) => self.blocks += 1,
                Ok(Step::End) => self.ended = true,
                Err(error) => {
                    self.ended = true;
                    self.damage.end(format!("block {} at offset {begin}: {error}", self.blocks + 1));
                }
            }
        }
        false
    }

    fn record(&self) -> Option<Record<'_>> {
        self.head?.lend(&self.input)
    }

    fn damage(&self) -> &Damage {
        &self.damage
    }

    fn take_extras(&mut self) -> Extras {
        self.keepsakes.take()
    }
}
