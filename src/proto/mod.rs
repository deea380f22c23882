//! The proto room.
