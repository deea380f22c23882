//! The capture room: files, and what comes through standard input, become frames in time order; interfaces become frames
//! as they come (`live`).
//!
//! ```text
//! paths ─▶ input ─▶ compressed ─▶ pcap │ pcapng ─▶ filter ─▶ merge ─▶ Frame
//!          octets    gzip, zstd     records         BPF       k-way
//! ```
//!
//! [`Captures`] is the whole surface: open it, take frames until there are none, ask what was read. What a file is, is
//! decided by its first octets, never by its name. Buffers are bounded whatever a file claims ([`RECORD_BYTES_MAX`]), and a
//! file that is damaged or cut short gives every whole frame before the damage and then says what is wrong, and where.
//!
//! [`mod@write`] goes the other way: it makes captures for tests, examples and benchmarks.

mod compressed;
mod fanout;
mod filter;
mod input;
mod live;
mod merge;
mod pcap;
mod pcapng;
mod pcapng_blocks;
mod peak;
mod source;
pub mod write;

#[cfg(test)]
mod tests;

pub use live::{Change, LiveCapture, LiveError, LiveOptions, interfaces};
pub use merge::{Captures, OpenError};
pub use pcapng_blocks::{ResolvedName, Secrets};
pub use source::RECORD_BYTES_MAX;
