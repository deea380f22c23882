//! Basic authentication (RFC 7617) against hashes of bcrypt.
//!
//! bcrypt is slow on purpose, and a scraper comes every few seconds: what was checked is remembered, good or bad, under a keyed digest.
//! **Timing.** A user that does not exist costs a check all the same. **Load.** One check runs at a time, off the control
//! plane's thread: guesses wait for each other and hold nothing else up.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use ring::rand::SystemRandom;
use tokio::sync::Semaphore;

use crate::daemon::sink::lock;

/// Checks remembered. Guesses push each other out, and what is pushed out is checked anew.
const REMEMBERED: usize = 256;
/// A check of cost 16 takes some seconds; more would let one request keep a core for minutes.
const COST_MAX: u32 = 16;
/// More octets of `Authorization` are no credentials.
const CREDENTIALS_MAX: usize = 1024;

/// Who may ask. Has no `Debug`: it holds hashes of passwords.
#[derive(Default)]
pub(super) struct Users {
    hashes: BTreeMap<String, String>,
}

impl Users {
    /// # Errors
    /// Why this cannot be a hash.
    pub(super) fn add(&mut self, user: &str, hash: &str) -> Result<(), String> {
        let parts: bcrypt::HashParts = hash.parse().map_err(|_| "is not a hash of bcrypt".to_owned())?;
        if parts.get_cost() > COST_MAX {
            return Err(format!("costs more than {COST_MAX}: each check would take seconds"));
        }
        self.hashes.insert(user.to_owned(), hash.to_owned());
        Ok(())
    }

    /// Whether nobody needs to say who they are.
    pub(super) fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }
}

/// What was checked.
pub(in crate::daemon) struct Checked {
    key: hmac::Key,
    known: Mutex<Known>,
    one_at_a_time: Semaphore,
}

#[derive(Default)]
struct Known {
    answers: BTreeMap<[u8; 32], bool>,
    order: VecDeque<[u8; 32]>,
}

impl Checked {
    /// `None` when the system gives no random octets.
    pub(in crate::daemon) fn new() -> Option<Self> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok()?;
        Some(Self { key, known: Mutex::default(), one_at_a_time: Semaphore::new(1) })
    }

    /// Whether the value of `Authorization` is that of a user.
    pub(super) async fn admits(&self, users: &Arc<Users>, authorization: Option<&[u8]>) -> bool {
        let Some((user, password)) = authorization.and_then(credentials) else { return false };
        let (hash, exists) = match users.hashes.get(&user) {
            Some(hash) => (hash, true),
            // The same work for a name that nobody has.
            None => match users.hashes.values().next() {
                Some(hash) => (hash, false),
                None => return true,
            },
        };
        let digest = self.digest(&[user.as_bytes(), &password, hash.as_bytes(), &[u8::from(exists)]]);
        if let Some(answer) = lock(&self.known).answers.get(&digest) {
            return *answer;
        }
        let Ok(_place) = self.one_at_a_time.acquire().await else { return false };
        // It may have been checked while we waited.
        if let Some(answer) = lock(&self.known).answers.get(&digest) {
            return *answer;
        }
        let hash = hash.clone();
        let right = tokio::task::spawn_blocking(move || bcrypt::verify(password, &hash).unwrap_or(false)).await;
        let answer = exists && right.unwrap_or(false);
        lock(&self.known).keep(digest, answer);
        answer
    }

    fn digest(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        for part in parts {
            context.update(&(part.len() as u64).to_le_bytes());
            context.update(part);
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.sign().as_ref());
        digest
    }
}

impl Known {
    fn keep(&mut self, digest: [u8; 32], answer: bool) {
        if self.answers.insert(digest, answer).is_none() {
            self.order.push_back(digest);
            if self.order.len() > REMEMBERED
                && let Some(oldest) = self.order.pop_front()
            {
                self.answers.remove(&oldest);
            }
        }
    }
}

/// User and password of `Basic BASE64`.
fn credentials(authorization: &[u8]) -> Option<(String, Vec<u8>)> {
    if authorization.len() > CREDENTIALS_MAX {
        return None;
    }
    let (scheme, rest) = authorization.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let plain = STANDARD.decode(rest.trim_ascii()).ok()?;
    let colon = plain.iter().position(|octet| *octet == b':')?;
    let (user, password) = plain.split_at(colon);
    Some((String::from_utf8(user.to_vec()).ok()?, password[1..].to_vec()))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn basic(text: &str) -> Vec<u8> {
        format!("Basic {}", STANDARD.encode(text)).into_bytes()
    }

    #[test]
    fn only_the_right_password_of_a_user_is_admitted_and_the_second_time_is_cheap() {
        let mut users = Users::default();
        users.add("bob", &bcrypt::hash("pass:word", 8).unwrap()).unwrap();
        users.add("eve", &bcrypt::hash("other", 8).unwrap()).unwrap();
        let (users, checked) = (Arc::new(users), Checked::new().unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let ask = |value: Option<Vec<u8>>| {
            let begun = Instant::now();
            (runtime.block_on(checked.admits(&users, value.as_deref())), begun.elapsed())
        };
        let (right, first) = ask(Some(basic("bob:pass:word")));
        let (again, second) = ask(Some(basic("bob:pass:word")));
        assert!(right && again && second < first / 4, "{first:?}, then {second:?}");
        let (absent, unknown_user) = ask(Some(basic("nobody:pass:word")));
        assert!(
            !absent && unknown_user > first / 4,
            "an unknown user is told apart by time: {unknown_user:?}, {first:?}"
        );
        for wrong in ["bob:other", "eve:pass:word", "bob:", ":", "bob", "nobody:other"] {
            assert!(!ask(Some(basic(wrong))).0, "{wrong}");
        }
        assert!(!ask(None).0 && !ask(Some(b"Bearer x".to_vec())).0 && !ask(Some(b"Basic !".to_vec())).0);
        let long = basic(&format!("bob:{}", "x".repeat(2000)));
        assert!(!ask(Some(long)).0);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut known = Known::default();
        for number in 0..10_000_u32 {
            let mut digest = [0; 32];
            digest[..4].copy_from_slice(&number.to_le_bytes());
            known.keep(digest, false);
        }
        assert_eq!((known.answers.len(), known.order.len()), (REMEMBERED, REMEMBERED));
    }

    #[test]
    fn a_hash_that_would_take_minutes_is_refused() {
        let mut users = Users::default();
        assert!(users.add("bob", "$2y$31$abcdefghijklmnopqrstuuB0Yk4CbIxWTz2hA6Gq1rGJ9sMfYJvkq").is_err());
        assert!(users.is_empty());
    }
}
