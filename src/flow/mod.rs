//! The flow room.
