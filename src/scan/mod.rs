//! The scan room.
