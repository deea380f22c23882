//! Names learnt from DNS answers: a bounded memory of which name led a client to an address.
//!
//! A client's own answer is preferred; without one the latest answer anybody got for the address serves, since the resolver
//! often asks on the client's behalf. An answer counts for its TTL and an hour more, as connections outlive their look-up.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;

use crate::model::Timestamp;

const GRACE: Duration = Duration::from_secs(3600);
/// Longest TTL that is believed (RFC 8767 caps at 7 days; a day is plenty for naming flows).
const TTL_MAX_SECONDS: u32 = 86_400;

/// Client (`None`: anybody) and address.
type Key = (Option<IpAddr>, IpAddr);

struct Answer {
    name: Arc<str>,
    until: Timestamp,
    /// Which entry of `order` is current: an answer that was learnt again leaves stale entries behind.
    stamp: u64,
}

/// Bounded by `names_max`; the oldest answer is forgotten first.
pub(super) struct Names {
    answers: HashMap<Key, Answer>,
    order: VecDeque<(u64, Key)>,
    next_stamp: u64,
    names_max: usize,
    forgotten: u64,
}

impl Names {
    pub(super) fn new(names_max: usize) -> Self {
        Self { answers: HashMap::new(), order: VecDeque::new(), next_stamp: 0, names_max, forgotten: 0 }
    }

    /// Answers that were forgotten to make room.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Remembers that `client` was told at `now` that `name` is at `addr`.
    pub(super) fn learn(&mut self, client: IpAddr, name: &str, addr: IpAddr, ttl_seconds: u32, now: Timestamp) {
        let name: Arc<str> = name.into();
        let until = now.after(Duration::from_secs(ttl_seconds.min(TTL_MAX_SECONDS).into()) + GRACE);
        for key in [(Some(client), addr), (None, addr)] {
            let stamp = self.next_stamp;
            self.next_stamp += 1;
            self.order.push_back((stamp, key));
            self.answers.insert(key, Answer { name: name.clone(), until, stamp });
        }
        // Every learning adds two order entries; dropping as many as overflow keeps both structures bounded.
        while self.answers.len() > self.names_max || self.order.len() > self.names_max.saturating_mul(2) {
            let Some((stamp, key)) = self.order.pop_front() else { break };
            if self.answers.get(&key).is_some_and(|answer| answer.stamp == stamp) {
                self.answers.remove(&key);
                self.forgotten += 1;
            }
        }
    }

    /// The name that led `client` to `addr`, if one is remembered and still counts.
    pub(super) fn name_of(&self, client: IpAddr, addr: IpAddr, now: Timestamp) -> Option<Arc<str>> {
        [(Some(client), addr), (None, addr)]
            .iter()
            .find_map(|key| self.answers.get(key).filter(|answer| now <= answer.until))
            .map(|answer| answer.name.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_client_s_own_answer_wins_and_others_serve() {
        let mut names = Names::new(100);
        let now = Timestamp::from_parts(1000, 0);
        names.learn(ip("10.0.0.1"), "a.example", ip("203.0.113.1"), 60, now);
        names.learn(ip("10.0.0.2"), "b.example", ip("203.0.113.1"), 60, now);
        assert_eq!(names.name_of(ip("10.0.0.1"), ip("203.0.113.1"), now).as_deref(), Some("a.example"));
        assert_eq!(names.name_of(ip("10.0.0.3"), ip("203.0.113.1"), now).as_deref(), Some("b.example"));
        let later = Timestamp::from_parts(1000 + 60 + 3601, 0);
        assert_eq!(names.name_of(ip("10.0.0.1"), ip("203.0.113.1"), later), None);
    }

    #[test]
    fn stays_within_its_bound_and_forgets_the_oldest() {
        let mut names = Names::new(10);
        let now = Timestamp::from_parts(1000, 0);
        for i in 0..100u8 {
            names.learn(ip("10.0.0.1"), "x.example", IpAddr::from([203, 0, 113, i]), 60, now);
            names.learn(ip("10.0.0.1"), "y.example", ip("203.0.113.200"), 60, now);
        }
        assert!(names.answers.len() <= 10 && names.order.len() <= 20);
        assert!(names.forgotten() > 0);
        assert_eq!(names.name_of(ip("10.0.0.1"), ip("203.0.113.200"), now).as_deref(), Some("y.example"));
        assert_eq!(names.name_of(ip("10.0.0.1"), ip("203.0.113.0"), now), None);
    }
}
