//! The nouns of Borderpost. Rooms hold verbs; everything that passes from one room to another is defined here, so that
//! sibling rooms need not know each other (ARCHITECTURE.md tells which room may use which).
//!
//! Types that can hold captured payload ([`Frame`], [`Packet`], [`Segment`]) have no `Debug`: payload must not reach a log
//! line or a panic message by accident.

mod country;
mod document;
mod event;
mod finding;
mod flow;
mod frame;
mod keys;
mod limits;
mod memo;
pub mod operator_file;
mod packet;
mod place;
mod problem;
mod process;
mod summary;
mod time;
mod verdict;

pub use country::*;
pub use document::*;
pub use event::*;
pub use finding::*;
pub use flow::*;
pub use frame::*;
pub use keys::*;
pub use limits::*;
pub use memo::*;
pub use packet::*;
pub use place::*;
pub use problem::*;
pub use process::*;
pub use summary::*;
pub use time::*;
pub use verdict::*;
