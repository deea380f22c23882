//! Writers of captures with nanoseconds, for the project's own tests, examples and benchmarks: what the readers read, and no
//! more. Both write little-endian files, the same on every machine.

use std::io::{self, Write};

use crate::model::{LinkType, Timestamp};

/// Writes a classic pcap file with nanoseconds.
pub struct PcapWriter<W: Write> {
    out: W,
}

impl<W: Write> PcapWriter<W> {
    /// Writes the file header.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn new(mut out: W, link: LinkType) -> io::Result<Self> {
        for field in [0xa1b2_3c4d, 2 | 4 << 16, 0, 0, 262_144, link.0] {
            out.write_all(&u32::to_le_bytes(field))?;
        }
        Ok(Self { out })
    }

    /// Writes a frame whose length on the wire was `wire_len`. Seconds past 2106 do not fit and wrap.
    ///
    /// # Errors
    /// Those of `out`; a frame of 4 GiB and more.
    pub fn frame(&mut self, time: Timestamp, wire_len: u32, data: &[u8]) -> io::Result<()> {
        let seconds = (time.nanos() / 1_000_000_000) as u32;
        let nanos = (time.nanos() % 1_000_000_000) as u32;
        for field in [seconds, nanos, length(data)?, wire_len] {
            self.out.write_all(&field.to_le_bytes())?;
        }
        self.out.write_all(data)
    }

    /// Flushes and gives back what was written to.
    ///
    /// # Errors
    /// Those of flushing.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}

/// Writes a pcapng file of one section, with nanoseconds.
pub struct PcapngWriter<W: Write> {
    out: W,
    interfaces: u32,
}

impl<W: Write> PcapngWriter<W> {
    /// Writes the section header.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn new(out: W) -> io::Result<Self> {
        let mut writer = Self { out, interfaces: 0 };
        // Byte-order magic, version 1.0, section of unknown length.
        let fields = [0x1a2b_3c4d, 1, u32::MAX, u32::MAX];
        writer.block(0x0a0d_0d0a, &fields, &[])?;
        Ok(writer)
    }

    /// Adds an interface and gives its index.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn interface(&mut self, link: LinkType) -> io::Result<u32> {
        // No snaplen; option 9 (if_tsresol) is 10^-9, then the end of options.
        self.block(1, &[link.0 & 0xffff, 0, 9 | 1 << 16, 9, 0], &[])?;
        self.interfaces += 1;
        Ok(self.interfaces - 1)
    }

    /// Writes a frame of an interface added before.
    ///
    /// # Errors
    /// Those of `out`; an interface that was not added; a frame of 4 GiB and more.
    pub fn frame(&mut self, interface: u32, time: Timestamp, wire_len: u32, data: &[u8]) -> io::Result<()> {
        if interface >= self.interfaces {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no such interface"));
        }
        let (high, low) = ((time.nanos() >> 32) as u32, time.nanos() as u32);
        self.block(6, &[interface, high, low, length(data)?, wire_len], data)
    }

    /// Writes a Decryption Secrets Block.
    ///
    /// # Errors
    /// Those of `out`; secrets of 4 GiB and more.
    pub fn secrets(&mut self, kind: u32, data: &[u8]) -> io::Result<()> {
        self.block(10, &[kind, length(data)?], data)
    }

    /// Flushes and gives back what was written to.
    ///
    /// # Errors
    /// Those of flushing.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }

    fn block(&mut self, kind: u32, fields: &[u32], data: &[u8]) -> io::Result<()> {
        let padding = data.len().next_multiple_of(4) - data.len();
        let total = length(data)?
            .checked_add((12 + 4 * fields.len() + padding) as u32)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "too long for a block"))?;
        for field in [kind, total].iter().chain(fields) {
            self.out.write_all(&field.to_le_bytes())?;
        }
        self.out.write_all(data)?;
        self.out.write_all([0; 3].get(..padding).unwrap_or_default())?;
        self.out.write_all(&total.to_le_bytes())
    }
}

fn length(data: &[u8]) -> io::Result<u32> {
    u32::try_from(data.len()).map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "4 GiB and more do not fit"))
}
