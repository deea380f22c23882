//! Keys of sessions that the operator knows: a key log (`SSLKEYLOGFILE`) in the NSS format.
//!
//! A line is `label client-random secret`, both in hexadecimal; lines that begin with `#` are comments. Labels that nothing
//! here needs (exporters, ECH) are passed over, as the format asks. Source: the NSS key log format and its description by
//! the IETF, draft-ietf-tls-keylogfile.
//!
//! Secrets are wiped when dropped, have no `Debug`, and no message repeats any part of a line.

use std::collections::BTreeMap;
use std::sync::Arc;

use zeroize::Zeroizing;

/// Octets of a client's random (RFC 8446, section 4.1.2).
pub const RANDOM_LEN: usize = 32;

/// Bad lines of one key log that are told: what is no key log at all has no others.
const PROBLEMS_MAX: usize = 20;

/// What a secret of a session is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SecretLabel {
    /// `CLIENT_RANDOM`: the master secret of TLS 1.2 and before.
    Master,
    /// `CLIENT_EARLY_TRAFFIC_SECRET`: 0-RTT octets.
    ClientEarly,
    /// `CLIENT_HANDSHAKE_TRAFFIC_SECRET`.
    ClientHandshake,
    /// `SERVER_HANDSHAKE_TRAFFIC_SECRET`.
    ServerHandshake,
    /// `CLIENT_TRAFFIC_SECRET_0`.
    ClientTraffic,
    /// `SERVER_TRAFFIC_SECRET_0`.
    ServerTraffic,
}

impl SecretLabel {
    const COUNT: usize = 6;

    /// The secret a label names, also with the prefix that QUIC once had; and the lengths it may have in octets.
    fn read(label: &[u8]) -> Option<(Self, &'static [usize])> {
        // Traffic secrets are as long as the hash of the cipher suite.
        const TRAFFIC: &[usize] = &[32, 48];
        let read = match label.strip_prefix(b"QUIC_").unwrap_or(label) {
            b"CLIENT_RANDOM" => (Self::Master, &[48][..]),
            b"CLIENT_EARLY_TRAFFIC_SECRET" => (Self::ClientEarly, TRAFFIC),
            b"CLIENT_HANDSHAKE_TRAFFIC_SECRET" => (Self::ClientHandshake, TRAFFIC),
            b"SERVER_HANDSHAKE_TRAFFIC_SECRET" => (Self::ServerHandshake, TRAFFIC),
            b"CLIENT_TRAFFIC_SECRET_0" => (Self::ClientTraffic, TRAFFIC),
            b"SERVER_TRAFFIC_SECRET_0" => (Self::ServerTraffic, TRAFFIC),
            _ => return None,
        };
        Some(read)
    }
}

/// The secrets of one session, shared. No `Debug`.
#[derive(Clone, Default)]
pub struct SessionSecrets([Option<Arc<Zeroizing<Vec<u8>>>>; SecretLabel::COUNT]);

impl SessionSecrets {
    /// One of them.
    pub fn secret(&self, label: SecretLabel) -> Option<&[u8]> {
        self.0.get(label as usize)?.as_ref().map(|secret| secret.as_slice())
    }
}

/// Secrets of many sessions, by the client's random. No `Debug`.
#[derive(Clone, Default)]
pub struct KeyLog {
    sessions: BTreeMap<[u8; RANDOM_LEN], SessionSecrets>,
}

/// A line of a key log that cannot be read. It repeats nothing of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyLogProblem {
    /// Line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub message: &'static str,
}

impl KeyLog {
    /// Adds the secrets of a text, and returns its first bad lines, at most 20. Of two secrets for the same the later holds.
    pub fn read(&mut self, text: &[u8]) -> Vec<KeyLogProblem> {
        let mut problems = Vec::new();
        for (at, line) in text.split(|octet| *octet == b'\n').enumerate() {
            if let Err(message) = self.read_line(line.trim_ascii())
                && problems.len() < PROBLEMS_MAX
            {
                problems.push(KeyLogProblem { line: at + 1, message });
            }
        }
        problems
    }

    fn read_line(&mut self, line: &[u8]) -> Result<(), &'static str> {
        // Lines pasted through a shell end so, and are in captures that people published.
        let line = line.strip_suffix(b"\\").unwrap_or(line);
        if line.is_empty() || line.starts_with(b"#") {
            return Ok(());
        }
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let label = words.next().unwrap_or_default();
        let Some((label, lengths)) = SecretLabel::read(label) else {
            let is_label = label.iter().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || *c == b'_');
            return if is_label { Ok(()) } else { Err("no line of a key log: it begins with no label") };
        };
        let (Some(random), Some(secret), None) = (words.next(), words.next(), words.next()) else {
            return Err("a label must be followed by a client random and a secret");
        };
        let random = octets(random).ok_or("the client random is not hexadecimal")?;
        let random = random.as_slice().try_into().map_err(|_| "the client random has not 32 octets")?;
        let secret = octets(secret).ok_or("the secret is not hexadecimal")?;
        if !lengths.contains(&secret.len()) {
            return Err("the secret has a length that its label cannot have");
        }
        let session = self.sessions.entry(random).or_default();
        if let Some(place) = session.0.get_mut(label as usize) {
            *place = Some(Arc::new(secret));
        }
        Ok(())
    }

    /// Takes all secrets of another key log; they hold over those that are here.
    pub fn extend(&mut self, other: Self) {
        for (random, secrets) in other.sessions {
            let session = self.sessions.entry(random).or_default();
            for (place, secret) in session.0.iter_mut().zip(secrets.0) {
                if secret.is_some() {
                    *place = secret;
                }
            }
        }
    }

    /// The secrets of the session whose ClientHello has this random.
    pub fn session(&self, random: &[u8; RANDOM_LEN]) -> Option<&SessionSecrets> {
        self.sessions.get(random)
    }

    /// Sessions with at least one secret.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there is no secret at all.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }
}

/// Octets from hexadecimal digits.
fn octets(digits: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let digit = |c: u8| char::from(c).to_digit(16);
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    // Allocated once: growth would leave copies behind.
    let mut octets = Zeroizing::new(Vec::with_capacity(pairs.len()));
    for [high, low] in pairs {
        octets.push((digit(*high)? << 4 | digit(*low)?) as u8);
    }
    Some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(label: &str, random: u8, secret: u8, len: usize) -> String {
        format!("{label} {} {}\n", format!("{random:02x}").repeat(32), format!("{secret:02X}").repeat(len))
    }

    #[test]
    fn secrets_are_found_by_random_and_label() {
        let text = [
            "# a comment\r\n\r\n".to_owned(),
            line("CLIENT_RANDOM", 1, 0xab, 48).replace('\n', "\r\n"),
            line("EXPORTER_SECRET", 2, 3, 32).replace('\n', "\\\n"),
            line("QUIC_SERVER_TRAFFIC_SECRET_0", 2, 4, 32),
            line("SERVER_TRAFFIC_SECRET_0", 2, 5, 48).replace('\n', "\\\n"),
            line("RSA", 2, 5, 48),
        ]
        .concat();
        let mut keys = KeyLog::default();
        assert_eq!(keys.read(text.as_bytes()), []);
        assert_eq!(keys.len(), 2);
        let secret = |keys: &KeyLog, random: u8, label| {
            keys.session(&[random; 32]).and_then(|session| session.secret(label)).map(<[u8]>::to_vec)
        };
        assert_eq!(secret(&keys, 1, SecretLabel::Master), Some(vec![0xab; 48]));
        assert_eq!(secret(&keys, 1, SecretLabel::ClientTraffic), None);
        assert_eq!(secret(&keys, 2, SecretLabel::ServerTraffic), Some(vec![5; 48]));
        assert_eq!(secret(&keys, 3, SecretLabel::Master), None);
        let mut more = KeyLog::default();
        more.read(line("CLIENT_RANDOM", 3, 7, 48).as_bytes());
        keys.extend(more);
        assert_eq!(secret(&keys, 3, SecretLabel::Master), Some(vec![7; 48]));
        assert_eq!(secret(&keys, 1, SecretLabel::Master), Some(vec![0xab; 48]));
    }

    #[test]
    fn bad_lines_are_told_by_number_and_never_repeated() {
        let good = line("CLIENT_RANDOM", 1, 2, 48);
        let text = [
            good.clone(),
            "CLIENT_RANDOM 00ff\n".to_owned(),
            good.replace("02", "zz"),
            good.replace("01", "zz"),
            line("CLIENT_RANDOM", 1, 2, 47),
            good.replace(" 01", " "),
            "deadbeef cafe\n".to_owned(),
            format!("{} more\n", good.trim_end()),
            line("CLIENT_TRAFFIC_SECRET_0", 1, 2, 33),
        ]
        .concat();
        let mut keys = KeyLog::default();
        let problems = keys.read(text.as_bytes());
        assert_eq!(problems.iter().map(|problem| problem.line).collect::<Vec<_>>(), [2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(keys.len(), 1);
        // Any prefix is read without a panic.
        for len in 0..text.len() {
            KeyLog::default().read(&text.as_bytes()[..len]);
        }
    }
}
