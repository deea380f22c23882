//! Tests of the flow room: situations as data, streams under disorder as properties, floods, and real captures.

mod captures;
mod floods;
mod identity;
mod recorder;
mod round_trip;
mod situations;
mod streams;
