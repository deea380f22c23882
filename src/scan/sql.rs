//! The column that a value is written to, where SQL stands in plain text: logs of queries, dumps.
//! `INSERT INTO t (ssn, name) VALUES ('899-45-6789', 'x')`: `ssn` is to the first value what a key is to its own.

use std::ops::Range;

/// Octets before a value in which its statement must have begun.
pub(super) const STATEMENT_OCTETS: usize = 448;

const VALUES: &[u8] = b"VALUES";

/// The list of columns before the value at `start`, and the value's own column: indexes into the text.
pub(super) fn column(text: &[u8], start: usize) -> Option<(Range<usize>, Range<usize>)> {
    let from = start.saturating_sub(STATEMENT_OCTETS);
    let before = text.get(from..start)?;
    // Most text is none: it has no other value, and no parenthesis, before one.
    let quoted = before.strip_suffix(b"'").or(before.strip_suffix(b"\"")).unwrap_or(before);
    if !matches!(quoted.trim_ascii_end().last(), Some(b',' | b'(')) {
        return None;
    }
    let values = memchr::memmem::rfind(before, VALUES).or_else(|| memchr::memmem::rfind(before, b"values"))?;
    let index = place(before.get(values + VALUES.len()..)?)?;
    let head = before.get(..values)?.trim_ascii_end().strip_suffix(b")")?;
    let open = memchr::memrchr(b'(', head)? + 1;
    let list = head.get(open..)?;
    let mut at = open;
    let name = list.split(|b| *b == b',').map(|name| {
        at += name.len() + 1;
        at - 1 - name.len()..at - 1
    });
    let own = name.into_iter().nth(index)?;
    Some((from + open..from + head.len(), from + own.start..from + own.end))
}

/// How many values of the row stand before the end of a text that begins after VALUES; none if that is in no row.
fn place(text: &[u8]) -> Option<usize> {
    let (mut row, mut depth, mut quote) = (None, 0_u32, None);
    for octet in text {
        match (octet, quote) {
            (_, Some(open)) if octet == open => quote = None,
            (_, Some(_)) => {}
            (b'\'' | b'"', None) => quote = Some(octet),
            (b'(', None) => {
                depth += 1;
                if depth == 1 {
                    row = Some(0);
                }
            }
            (b')', None) => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    row = None;
                }
            }
            (b',', None) if depth == 1 => row = row.map(|index| index + 1),
            // The statement ends: what follows is another.
            (b';', None) => return None,
            _ => {}
        }
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_column_of_their_place() {
        for (text, expected) in [
            ("INSERT INTO t (id, ssn) VALUES (7, '@", Some("ssn")),
            ("insert into t(`id`,`ssn`) values (7, 'a, (b'), ('it''s',@", Some("`ssn`")),
            ("INSERT INTO t (a, b, c) VALUES (lower('x, y'), '1 @", None),
            ("INSERT INTO t (a, b, c) VALUES (lower('x, y'), @", Some("b")),
            ("INSERT INTO t (a) VALUES ('1'); INSERT INTO u VALUES ('@", None),
            ("INSERT INTO t (a) VALUES ('1'); say '@", None),
            ("INSERT INTO t VALUES ('@", None),
            ("INSERT INTO t (a) VALUES ('1', '@", None),
            ("VALUES (@", None),
            ("@", None),
        ] {
            let at = text.find('@').unwrap();
            let found = column(text.as_bytes(), at);
            assert_eq!(found.as_ref().map(|(_, own)| text[own.clone()].trim()), expected, "{text}");
            assert!(found.is_none_or(|(list, own)| list.start <= own.start && own.end <= list.end));
        }
    }
}
