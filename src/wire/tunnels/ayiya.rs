//! AYIYA, "anything in anything" (draft-massar-v6ops-ayiya): IPv6 tunnels of the SixXS broker.

use super::super::layer::Layer;
use super::super::octets::Octets;
use super::{Inside, is_likely};
use crate::model::TunnelKind;

/// Identity and signature lengths, methods, operation, next header, time; then identity and signature.
pub(super) fn enter(payload: Octets<'_>) -> Option<Inside<'_>> {
    const FORWARD: u8 = 1;
    let [identity, signature, operation, next] = payload.array(0)?;
    if operation & 0x0f != FORWARD || !matches!(next, 4 | 41) {
        return None;
    }
    let length = 8 + (1_usize << (identity >> 4)) + usize::from(signature >> 4) * 4;
    let octets = payload.skip(length)?;
    Some(Inside { kind: TunnelKind::Other, vni: 0, layer: Layer::Ip, octets }).filter(is_likely)
}
