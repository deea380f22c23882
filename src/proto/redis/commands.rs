//! What the arguments of commands and the elements of their replies belong to.

use std::collections::VecDeque;

/// Octets of an argument that are remembered as a name.
const NAME_MAX: usize = 128;
/// Octets of awaited replies of a connection. Past it further replies are read without names.
const KEPT_MAX: usize = 256 << 10;
/// Names that are remembered of one command.
const NAMES_MAX: usize = 64;

/// A command being sent.
#[derive(Default)]
pub(super) struct Command {
    /// Its arguments, the name included.
    pub(super) count: usize,
    /// The argument being read.
    pub(super) word: Vec<u8>,
    name: String,
    /// The first argument.
    key: String,
    /// The argument before.
    last: String,
    /// Arguments after the key, for commands whose replies they name.
    members: Vec<String>,
    /// XADD: index of the first member.
    entry: Option<usize>,
}

/// A key as a path: colons part it by convention.
fn path(key: &str) -> String {
    key.replace(':', ".")
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

impl Command {
    pub(super) fn push(&mut self, octets: &[u8]) {
        let room = NAME_MAX.saturating_sub(self.word.len());
        self.word.extend_from_slice(octets.get(..room).unwrap_or(octets));
    }

    /// The field of the argument that begins.
    pub(super) fn field(&self, index: usize) -> Option<String> {
        let key = || Some(path(&self.key));
        let member = || Some(format!("{}.{}", path(&self.key), self.last));
        match (self.name.as_str(), index) {
            (_, 0) => None,
            ("SET" | "SETNX" | "GETSET" | "APPEND" | "PUBLISH" | "SPUBLISH", 2) => key(),
            ("SETEX" | "PSETEX" | "LSET" | "SETRANGE" | "JSON.SET" | "LREM", 3) | ("LINSERT", 4) => key(),
            ("LPUSH" | "RPUSH" | "LPUSHX" | "RPUSHX" | "SADD" | "SREM" | "PFADD" | "SISMEMBER", 2..) => key(),
            ("ZADD", 3..) => key(),
            ("HSET" | "HMSET" | "HSETNX", 3..) if index % 2 == 1 => member(),
            ("MSET" | "MSETNX", 2..) if index.is_multiple_of(2) => Some(path(&self.last)),
            ("XADD", 3..) => match self.entry {
                Some(entry) if index > entry && (index - entry) % 2 == 1 => member(),
                _ => None,
            },
            ("AUTH", 1) if self.count == 2 => Some("password".to_owned()),
            ("AUTH", 1) => Some("user".to_owned()),
            ("AUTH", 2) => Some("password".to_owned()),
            ("HELLO", 3..) if self.last.eq_ignore_ascii_case("auth") => Some("user".to_owned()),
            ("HELLO", 4) => Some("password".to_owned()),
            ("CONFIG", 3) if matches!(self.last.as_str(), "requirepass" | "masterauth") => Some("password".to_owned()),
            _ => None,
        }
    }

    pub(super) fn finish_argument(&mut self, index: usize) {
        let word = text(&self.word);
        match index {
            0 => self.name = word.to_ascii_uppercase(),
            1 => self.key.clone_from(&word),
            _ => {}
        }
        if index >= 1 && self.members.len() < NAMES_MAX && matches!(self.name.as_str(), "MGET" | "HMGET" | "HGET") {
            self.members.push(word.clone());
        }
        // The identifier of a stream's entry: `*`, or a time.
        let is_id =
            word == "*" || (word.contains('-') && word.bytes().all(|octet| octet.is_ascii_digit() || octet == b'-'));
        if self.name == "XADD" && index >= 2 && self.entry.is_none() && is_id {
            self.entry = Some(index + 1);
        }
        self.last = word;
    }

    /// What the reply will be.
    pub(super) fn answer(&self) -> Answer {
        let key = path(&self.key);
        let shape = match self.name.as_str() {
            "GET" | "GETSET" | "GETDEL" | "GETEX" | "GETRANGE" | "LRANGE" | "LPOP" | "RPOP" | "LINDEX" | "SMEMBERS"
            | "SRANDMEMBER" | "SPOP" | "ZRANGE" | "ZREVRANGE" | "ZRANGEBYSCORE" | "HVALS" | "JSON.GET" => {
                Shape::Of(key)
            }
            "HGETALL" => Shape::Pairs(key),
            "HGET" => Shape::Of(format!("{key}.{}", self.members.get(1).map_or("", String::as_str))),
            "HMGET" => Shape::Each(self.members.iter().skip(1).map(|member| format!("{key}.{member}")).collect()),
            "MGET" => Shape::Each(self.members.iter().map(|key| path(key)).collect()),
            _ => Shape::Unknown,
        };
        Answer { shape, ..Answer::default() }
    }

    pub(super) fn held_bytes(&self) -> usize {
        let members: usize = self.members.iter().map(|member| member.capacity() + 24).sum();
        self.word.capacity() + self.name.capacity() + self.key.capacity() + self.last.capacity() + members
    }
}

/// What the elements of a reply belong to.
#[derive(Default)]
enum Shape {
    #[default]
    Unknown,
    /// All to one key.
    Of(String),
    /// Names and values of a hash, alternating.
    Pairs(String),
    /// One each.
    Each(Vec<String>),
    /// A message to subscribers: the last element is the payload.
    Message,
}

/// The replies that are awaited, in order. Those without names are counted, not kept; so are all once [`KEPT_MAX`] octets are.
#[derive(Default)]
pub(super) struct Pending {
    queue: VecDeque<(Answer, u64)>,
    kept: usize,
}

impl Pending {
    pub(super) fn push(&mut self, answer: Answer) {
        let named = !matches!(answer.shape, Shape::Unknown) && self.kept < KEPT_MAX;
        let answer = if named { answer } else { Answer::default() };
        match self.queue.back_mut() {
            Some((Answer { shape: Shape::Unknown, .. }, times)) if !named => *times += 1,
            _ => {
                self.kept += answer.kept_bytes();
                self.queue.push_back((answer, 1));
            }
        }
    }

    pub(super) fn pop(&mut self) -> Answer {
        match self.queue.front_mut() {
            Some((_, times)) if *times > 1 => {
                *times -= 1;
                Answer::default()
            }
            _ => {
                let answer = self.queue.pop_front().map(|(answer, _)| answer).unwrap_or_default();
                self.kept = self.kept.saturating_sub(answer.kept_bytes());
                answer
            }
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.kept
    }
}

/// A reply, awaited or being read.
#[derive(Default)]
pub(super) struct Answer {
    shape: Shape,
    pub(super) word: Vec<u8>,
    last: String,
}

impl Answer {
    pub(super) fn push(&mut self, octets: &[u8]) {
        let room = NAME_MAX.saturating_sub(self.word.len());
        self.word.extend_from_slice(octets.get(..room).unwrap_or(octets));
    }

    /// The field of the element that begins.
    pub(super) fn field(&self, index: usize) -> Option<String> {
        match &self.shape {
            Shape::Unknown => None,
            Shape::Of(key) => Some(key.clone()),
            Shape::Pairs(key) => (index % 2 == 1).then(|| format!("{key}.{}", self.last)),
            Shape::Each(names) => names.get(index).cloned(),
            Shape::Message => (index >= 2).then(|| path(&self.last)),
        }
    }

    pub(super) fn finish_element(&mut self, index: usize) {
        if index == 0
            && matches!(self.shape, Shape::Unknown)
            && matches!(self.word.as_slice(), b"message" | b"pmessage" | b"smessage")
        {
            self.shape = Shape::Message;
        }
        if matches!(self.shape, Shape::Pairs(_) | Shape::Message) {
            self.last = text(&self.word);
        }
    }

    fn kept_bytes(&self) -> usize {
        size_of::<(Self, u64)>() + self.held_bytes()
    }

    pub(super) fn held_bytes(&self) -> usize {
        let shape = match &self.shape {
            Shape::Of(key) | Shape::Pairs(key) => key.capacity(),
            Shape::Each(names) => names.iter().map(|name| name.capacity() + 24).sum(),
            Shape::Unknown | Shape::Message => 0,
        };
        shape + self.word.capacity() + self.last.capacity()
    }
}
