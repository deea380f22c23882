//! The geo room.
