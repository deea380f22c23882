//! What gives way at a limit, in the words of `[overload]`.

use std::str::FromStr;

use super::raw::Written;
use crate::model::operator_file::{nearest_hint, quote};
use crate::model::{FlowOverload, Overload, PacketOverload, Problem, ReassemblyOverload, ScanOverload};

/// The keys.
pub(super) const KEYS: [&str; 4] = ["packets", "flows", "reassembly", "scan"];

/// Checks every value.
pub(super) fn overload(raw: &[(&'static str, Written<String>)], problems: &mut Vec<Problem>) -> Overload {
    let mut overload = Overload::default();
    for (key, word) in raw {
        match *key {
            "packets" => set(&mut overload.packets, PacketOverload::ALL, key, word, problems),
            "flows" => set(&mut overload.flows, FlowOverload::ALL, key, word, problems),
            "reassembly" => set(&mut overload.reassembly, ReassemblyOverload::ALL, key, word, problems),
            _ => set(&mut overload.scan, ScanOverload::ALL, key, word, problems),
        }
    }
    overload
}

fn set<T: FromStr + ToString>(into: &mut T, all: &[T], key: &str, word: &Written<String>, problems: &mut Vec<Problem>) {
    match word.value.parse() {
        Ok(value) => *into = value,
        Err(_) => {
            let known: Vec<String> = all.iter().map(ToString::to_string).collect();
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let problem = word.problem(format!("`{key}` in [overload] cannot be {}", quote(&word.value)));
            problems.push(problem.with_hint(nearest_hint(&word.value, &known)));
        }
    }
}
