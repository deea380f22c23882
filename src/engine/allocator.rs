//! What the budgets promise, the allocator has to keep: memory that was given back has to be free for everybody.
//!
//! Decoders take windows of 32 KiB and more for as long as a document lasts, between states of flows that stay for hours. An allocator
//! that cuts the former out of the same stretch of memory as the latter leaves holes that fit nobody: with 100,000 open flows a
//! document budget of 48 MiB became 1.5 GiB of resident memory. The GNU C library takes large blocks apart from the others, from the
//! kernel and back to it, but moves the bound upwards as it goes; here the bound is fixed.

#![allow(unsafe_code)] // One call, mallopt(3): no crate in use has it.

use std::sync::Once;

/// Octets from which a block comes from the kernel: the smallest window of a decoder.
#[cfg(target_env = "gnu")]
const LARGE_BLOCK: libc::c_int = 32 << 10;

/// Octets at the end of the heap that are kept for what comes next; the default, which would move with the bound.
#[cfg(target_env = "gnu")]
const SPARE: libc::c_int = 1 << 20;

/// Has large blocks taken from the kernel and given back to it, for the whole process.
pub(super) fn part_large_blocks() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: mallopt takes two integers and locks what it changes; both parameters may be set at any time. Where it
        // refuses, the allocator works as before.
        #[cfg(target_env = "gnu")]
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BLOCK);
            libc::mallopt(libc::M_TRIM_THRESHOLD, SPARE);
        }
    });
}
