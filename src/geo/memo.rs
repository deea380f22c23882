//! A small memory of what was found for an address under a name: flows come back to the same servers, and a look-up with its evidence
//! costs microseconds. A fixed number of slots, the newest wins; nothing of it outlives the [`Locator`](super::Locator) it was
//! filled from.

use std::hash::{BuildHasher as _, Hash as _, Hasher as _};
use std::net::IpAddr;
use std::sync::Arc;

use hashbrown::DefaultHashBuilder;

/// Slots: a power of two.
const SLOTS: usize = 512;

struct Slot<V> {
    addr: IpAddr,
    name: Option<Arc<str>>,
    value: V,
}

/// See the module.
pub struct Memo<V> {
    slots: Vec<Option<Slot<V>>>,
    hasher: DefaultHashBuilder,
}

impl<V> Default for Memo<V> {
    fn default() -> Self {
        Self { slots: Vec::new(), hasher: DefaultHashBuilder::default() }
    }
}

impl<V: Clone> Memo<V> {
    /// What is remembered, else what `find` says, which is remembered from now on.
    pub fn recall(&mut self, addr: IpAddr, name: Option<&Arc<str>>, find: impl FnOnce() -> V) -> V {
        if self.slots.is_empty() {
            self.slots.resize_with(SLOTS, || None);
        }
        let mut hasher = self.hasher.build_hasher();
        addr.hash(&mut hasher);
        name.hash(&mut hasher);
        let Some(slot) = self.slots.get_mut(hasher.finish() as usize % SLOTS) else { return find() };
        match slot {
            Some(known) if known.addr == addr && known.name.as_ref() == name => known.value.clone(),
            _ => {
                let value = find();
                *slot = Some(Slot { addr, name: name.cloned(), value: value.clone() });
                value
            }
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.slots.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_looked_up_once_a_name_until_all_is_forgotten() {
        let mut memo = Memo::default();
        let mut asked = 0;
        let (addr, name): (IpAddr, Arc<str>) = ("192.0.2.1".parse().unwrap(), "a.example".into());
        for _ in 0..3 {
            for name in [None, Some(&name)] {
                let value = memo.recall(addr, name, || {
                    asked += 1;
                    name.cloned()
                });
                assert_eq!(value.as_ref(), name);
            }
        }
        assert_eq!(asked, 2);
        memo.clear();
        memo.recall(addr, None, || {
            asked += 1;
            None
        });
        assert_eq!(asked, 3);
    }

    #[test]
    fn more_addresses_than_slots_are_still_answered_right() {
        let mut memo = Memo::default();
        for round in 0..2 {
            for bits in 0..5_000u32 {
                let addr = IpAddr::from(bits.to_be_bytes());
                assert_eq!(memo.recall(addr, None, || bits), bits, "round {round}");
            }
        }
    }
}
