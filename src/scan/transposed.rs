//! Bits of 64 octets, brought together by their place. It takes an eighth of the instructions where the processor has one
//! for it: that is what the only unsafe code of this room is for.
#![allow(unsafe_code)]

use super::classes::CLASSES;

/// The lowest bits of the octets, then the next ones, and so on: the n-th octet's is the n-th.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(super) fn transposed(octets: &[u8; 64]) -> [u64; CLASSES] {
    use std::arch::x86_64::{_mm_movemask_epi8, _mm_set_epi64x, _mm_slli_epi16};
    let mut sorted = [0; CLASSES];
    for (sixteen, shift) in octets.as_chunks::<16>().0.iter().zip((0..).step_by(16)) {
        let sixteen = u128::from_le_bytes(*sixteen);
        // SAFETY: SSE2 is part of x86-64, and none of these touches memory.
        unsafe {
            let mut sixteen = _mm_set_epi64x((sixteen >> 64) as i64, sixteen as i64);
            // What is moved in from the octet beside stays below what is asked for.
            sixteen = _mm_slli_epi16::<{ 8 - CLASSES as i32 }>(sixteen);
            for bits in sorted.iter_mut().rev() {
                *bits |= u64::from(_mm_movemask_epi8(sixteen) as u16) << shift;
                sixteen = _mm_slli_epi16::<1>(sixteen);
            }
        }
    }
    sorted
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) use plainly as transposed;

/// The same on any processor.
#[cfg(any(test, not(target_arch = "x86_64")))]
pub(super) fn plainly(octets: &[u8; 64]) -> [u64; CLASSES] {
    let mut sorted = [0; CLASSES];
    for (eight, shift) in octets.as_chunks::<8>().0.iter().zip((0..).step_by(8)) {
        let eight = u64::from_le_bytes(*eight);
        for (class, bits) in sorted.iter_mut().enumerate() {
            // One bit of each octet, brought together in the highest octet.
            let one = eight >> class & 0x0101_0101_0101_0101;
            *bits |= (one.wrapping_mul(0x0102_0408_1020_4080) >> 56) << shift;
        }
    }
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_are_the_same() {
        for seed in 0..64_u32 {
            let octets: [u8; 64] =
                std::array::from_fn(|n| ((n as u32 * 7 + seed).wrapping_mul(2_654_435_761) >> 9) as u8);
            assert_eq!(transposed(&octets), plainly(&octets));
        }
    }
}
