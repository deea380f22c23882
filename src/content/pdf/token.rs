//! Tokens and values of PDF (ISO 32000-1, section 7.2 and 7.3), as objects and content streams are made of.

/// Values within each other that are followed.
const DEPTH_MAX: usize = 16;

/// A token, with its string decoded.
#[derive(PartialEq, Debug)]
pub(super) enum Token<'a> {
    Number(f64),
    /// Without the slash; `#xx` stays as it is.
    Name(&'a [u8]),
    Text(Vec<u8>),
    /// `[`, `]`, `<<` or `>>`.
    Mark(&'static [u8]),
    /// An operator or keyword.
    Word(&'a [u8]),
}

const fn is_space(octet: u8) -> bool {
    matches!(octet, 0 | b'\t' | b'\n' | 0x0c | b'\r' | b' ')
}

const fn is_delimiter(octet: u8) -> bool {
    matches!(octet, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}

/// The next token and how many octets it took; `None` if there is none or, unless `complete`, if it may go on.
pub(super) fn next(octets: &[u8], complete: bool) -> Option<(Token<'_>, usize)> {
    let mut at = 0;
    loop {
        at += octets.get(at..)?.iter().take_while(|octet| is_space(**octet)).count();
        match octets.get(at)? {
            b'%' => at += memchr::memchr2(b'\n', b'\r', octets.get(at..)?)?,
            _ => break,
        }
    }
    let rest = octets.get(at..)?;
    let two = rest.get(..2);
    let mark = |mark: &'static [u8]| Some((Token::Mark(mark), at + mark.len()));
    match rest.first()? {
        b'[' => mark(b"["),
        b']' => mark(b"]"),
        b'(' => literal(rest, complete).map(|(text, used)| (Token::Text(text), at + used)),
        b'<' if two == Some(b"<<") => mark(b"<<"),
        b'>' if two == Some(b">>") => mark(b">>"),
        b'<' | b'>' if two.is_none() && !complete => None,
        b'<' => {
            let end = match memchr::memchr(b'>', rest) {
                Some(end) => end,
                None if complete => rest.len(),
                None => return None,
            };
            Some((Token::Text(hex(rest.get(1..end)?)), at + (end + 1).min(rest.len())))
        }
        b'/' => {
            let len = word_len(rest.get(1..)?, complete)?;
            Some((Token::Name(rest.get(1..=len)?), at + 1 + len))
        }
        // A delimiter that begins nothing.
        b')' | b'>' | b'{' | b'}' => Some((Token::Word(rest.get(..1)?), at + 1)),
        _ => {
            let len = word_len(rest, complete)?;
            let word = rest.get(..len)?;
            let number = std::str::from_utf8(word).ok().filter(|word| word.len() <= 32 && is_number(word));
            let token = number.and_then(|word| word.parse().ok()).map_or(Token::Word(word), Token::Number);
            Some((token, at + len))
        }
    }
}

fn is_number(word: &str) -> bool {
    word.bytes().all(|octet| octet.is_ascii_digit() || matches!(octet, b'+' | b'-' | b'.'))
}

fn word_len(octets: &[u8], complete: bool) -> Option<usize> {
    let len = octets.iter().position(|octet| is_space(*octet) || is_delimiter(*octet));
    len.or(complete.then_some(octets.len()))
}

/// A string in parentheses (section 7.3.4.2).
fn literal(octets: &[u8], complete: bool) -> Option<(Vec<u8>, usize)> {
    let (mut text, mut depth, mut at) = (Vec::new(), 0, 0);
    while let Some(&octet) = octets.get(at) {
        at += 1;
        match octet {
            b'(' => {
                depth += 1;
                if depth > 1 {
                    text.push(octet);
                }
            }
            b')' => {
                depth -= 1;
                if depth == 0 {
                    return Some((text, at));
                }
                text.push(octet);
            }
            b'\\' => {
                let &escaped = octets.get(at)?;
                at += 1;
                match escaped {
                    b'n' => text.push(b'\n'),
                    b'r' => text.push(b'\r'),
                    b't' => text.push(b'\t'),
                    b'b' | b'f' => text.push(b' '),
                    b'\r' => at += usize::from(octets.get(at) == Some(&b'\n')),
                    b'\n' => {}
                    b'0'..=b'7' => {
                        let digits = octets.get(at - 1..)?.iter().take(3).take_while(|d| matches!(d, b'0'..=b'7'));
                        let (mut value, mut count) = (0_u32, 0);
                        for digit in digits {
                            value = value * 8 + u32::from(digit - b'0');
                            count += 1;
                        }
                        at += count - 1;
                        text.push(value as u8);
                    }
                    other => text.push(other),
                }
            }
            _ => text.push(octet),
        }
    }
    complete.then_some((text, at))
}

/// Hexadecimal digits; others are passed over, and a last half octet is its high half.
fn hex(digits: &[u8]) -> Vec<u8> {
    let mut digits = digits.iter().filter_map(|digit| char::from(*digit).to_digit(16));
    let mut octets = Vec::new();
    while let Some(high) = digits.next() {
        octets.push((high << 4 | digits.next().unwrap_or(0)) as u8);
    }
    octets
}

/// A value.
#[derive(PartialEq, Debug)]
pub(super) enum Value {
    Number(f64),
    Name(Vec<u8>),
    Text(Vec<u8>),
    /// An object by its number.
    Reference(u32),
    Array(Vec<Value>),
    Dictionary(Vec<(Vec<u8>, Value)>),
    /// `true`, `null` and what is none of the others.
    Other,
}

impl Value {
    /// The value of a key.
    pub(super) fn get(&self, key: &[u8]) -> Option<&Self> {
        match self {
            Self::Dictionary(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    pub(super) const fn reference(&self) -> Option<u32> {
        match self {
            Self::Reference(number) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn is_name(&self, name: &[u8]) -> bool {
        matches!(self, Self::Name(own) if own == name)
    }

    /// An array's elements, or the value itself.
    pub(super) fn elements(&self) -> &[Self] {
        match self {
            Self::Array(elements) => elements,
            value => std::slice::from_ref(value),
        }
    }
}

/// The value that octets begin with, and how many they are. What is cut off ends where it is cut.
pub(super) fn value(octets: &[u8]) -> Option<(Value, usize)> {
    let mut at = 0;
    let value = value_at(octets, &mut at, 0)?;
    Some((value, at))
}

fn value_at(octets: &[u8], at: &mut usize, depth: usize) -> Option<Value> {
    let (token, used) = next(octets.get(*at..)?, true)?;
    *at += used;
    Some(match token {
        Token::Number(number) => {
            // `5 0 R`: a reference.
            let rest = octets.get(*at..).unwrap_or_default();
            if let Some((Token::Number(_), generation)) = next(rest, true)
                && let Some((Token::Word(b"R"), end)) = next(rest.get(generation..).unwrap_or_default(), true)
            {
                *at += generation + end;
                return Some(Value::Reference(number as u32));
            }
            Value::Number(number)
        }
        Token::Name(name) => Value::Name(name.to_vec()),
        Token::Text(text) => Value::Text(text),
        Token::Mark(b"[") if depth < DEPTH_MAX => {
            let mut elements = Vec::new();
            while let Some((token, used)) = octets.get(*at..).and_then(|rest| next(rest, true)) {
                if token == Token::Mark(b"]") {
                    *at += used;
                    break;
                }
                elements.extend(value_at(octets, at, depth + 1));
            }
            Value::Array(elements)
        }
        Token::Mark(b"<<") if depth < DEPTH_MAX => {
            let mut entries = Vec::new();
            while let Some((token, used)) = octets.get(*at..).and_then(|rest| next(rest, true)) {
                *at += used;
                match token {
                    Token::Mark(b">>") => break,
                    Token::Name(name) => {
                        let name = name.to_vec();
                        let Some(value) = value_at(octets, at, depth + 1) else { break };
                        entries.push((name, value));
                    }
                    _ => {}
                }
            }
            Value::Dictionary(entries)
        }
        _ => Value::Other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_values() {
        let text = |text: &[u8]| Token::Text(text.to_vec());
        for (octets, token, used) in [
            (&b" % comment\n /Name#20x "[..], Token::Name(b"Name#20x"), 21),
            (b"(a\\(b\\)(c)\\101\\8\\\r\nz) ", text(b"a(b)(c)A8z"), 21),
            (b"<48 65 6c6C 7>", text(b"Hellp"), 14),
            (b"-12.5]", Token::Number(-12.5), 5),
            (b"T* ", Token::Word(b"T*"), 2),
            (b"<< ", Token::Mark(b"<<"), 2),
        ] {
            assert_eq!(next(octets, false), Some((token, used)), "{}", String::from_utf8_lossy(octets));
            for len in 0..used {
                // A prefix is the whole token or none.
                if let Some((_, taken)) = next(&octets[..len], false) {
                    assert_eq!(taken, used, "{len}");
                }
            }
        }
        let (value, _) = value(b"<</A[1 2 0 R(x)]/B<</C/D>>/E 7 0 R/F true>>rest").unwrap();
        assert_eq!(value.get(b"A").map(Value::elements).map(<[Value]>::len), Some(3));
        assert_eq!(value.get(b"E").and_then(Value::reference), Some(7));
        assert!(value.get(b"B").and_then(|b| b.get(b"C")).is_some_and(|c| c.is_name(b"D")));
        assert_eq!(value.get(b"F"), Some(&Value::Other));
        let deep = [b"[".repeat(5000), b"]".repeat(5000)].concat();
        assert!(super::value(&deep).is_some());
    }
}
