//! A small memory of what was found or decided: flows come back to the same servers with the same kinds of data, and to look a server up
//! with its evidence, or to ask a thousand rules, costs microseconds. A fixed number of slots, the newest wins.

use std::hash::{BuildHasher as _, Hash};

use hashbrown::DefaultHashBuilder;

/// Slots: a power of two.
const SLOTS: usize = 512;

/// See the module. Whoever fills it clears it when what it was filled from changes.
pub struct Memo<K, V> {
    slots: Vec<Option<(K, V)>>,
    hasher: DefaultHashBuilder,
}

impl<K, V> Default for Memo<K, V> {
    fn default() -> Self {
        Self { slots: Vec::new(), hasher: DefaultHashBuilder::default() }
    }
}

impl<K: Hash + Eq, V: Clone> Memo<K, V> {
    /// What is remembered, else what `find` says, which is remembered from now on.
    pub fn recall(&mut self, key: K, find: impl FnOnce() -> V) -> V {
        if self.slots.is_empty() {
            self.slots.resize_with(SLOTS, || None);
        }
        let at = self.hasher.hash_one(&key) as usize % SLOTS;
        let Some(slot) = self.slots.get_mut(at) else { return find() };
        match slot {
            Some((known, value)) if *known == key => value.clone(),
            _ => {
                let value = find();
                *slot = Some((key, value.clone()));
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
    fn a_key_is_looked_up_once_until_all_is_forgotten() {
        let mut memo = Memo::default();
        let mut asked = 0;
        let mut ask = |memo: &mut Memo<_, _>, key: &'static str| {
            let answer = memo.recall(key, || {
                asked += 1;
                key.len()
            });
            assert_eq!(answer, key.len());
            asked
        };
        assert_eq!(
            [ask(&mut memo, "a"), ask(&mut memo, "a"), ask(&mut memo, "bc"), ask(&mut memo, "bc")],
            [1, 1, 2, 2]
        );
        memo.clear();
        assert_eq!(ask(&mut memo, "a"), 3);
    }

    #[test]
    fn more_keys_than_slots_are_still_answered_right() {
        let mut memo = Memo::default();
        for round in 0..2 {
            for key in 0..5_000u32 {
                assert_eq!(memo.recall(key, || key), key, "round {round}");
            }
        }
    }
}
