//! Borderpost watches what leaves data-centre hosts: which user data, to which jurisdiction, under which rule.
//!
//! The rooms and the one direction in which data travels through them are described in ARCHITECTURE.md.

// The corpus under tests/ is part of the program (`signatures bench`) and of its tests, and calls the library by one name.
extern crate self as borderpost;

pub mod capture;
pub mod cli;
pub mod config;
pub mod content;
pub mod daemon;
pub mod engine;
pub mod export;
pub mod flow;
pub mod geo;
pub mod model;
pub mod policy;
pub mod proto;
pub mod scan;
pub mod wire;
