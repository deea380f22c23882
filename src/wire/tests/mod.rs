//! Tests of the wire room.

mod captures;
mod truth;
