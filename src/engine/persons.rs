//! How many persons a flow was about.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use crate::scan::Person;

/// Persons of one flow that are told apart. Past it they are no longer counted.
const PERSONS_MAX: usize = 65_536;

/// Distinct persons, by keyed tags of their strongest identifiers. Where text has no records, one person may have
/// several identifiers: then the identifier that most distinct values were seen of counts.
#[derive(Default)]
pub(super) struct Persons {
    in_records: HashSet<u128>,
    by_signature: HashMap<Arc<str>, HashSet<u128>>,
    held: usize,
}

impl Persons {
    pub(super) fn add(&mut self, persons: Vec<Person>) {
        for person in persons {
            if self.held >= PERSONS_MAX {
                return;
            }
            let set = match person.signature {
                None => &mut self.in_records,
                Some(signature) => self.by_signature.entry(signature).or_default(),
            };
            self.held += usize::from(set.insert(person.tag));
        }
    }

    pub(super) fn count(&self) -> u64 {
        let most = self.by_signature.values().map(HashSet::len).max().unwrap_or(0);
        (self.in_records.len() + most) as u64
    }
}
