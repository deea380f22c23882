//! What a value is called: the key that stands before it in text, the last part of a field's path, and whether that says what
//! the value is.

use std::ops::Range;

use super::catalogue::KEY_OCTETS_MAX;
use super::context::FILLERS;
use super::spans::word_end;

/// Words of keys that do not say what a value is.
const GENERAL: [&str; 40] = [
    "data",
    "content",
    "contents",
    "message",
    "msg",
    "body",
    "payload",
    "item",
    "items",
    "entry",
    "key",
    "keys",
    "param",
    "params",
    "arg",
    "args",
    "query",
    "search",
    "raw",
    "str",
    "string",
    "line",
    "note",
    "notes",
    "comment",
    "comments",
    "description",
    "title",
    "subject",
    "answer",
    "response",
    "result",
    "info",
    "detail",
    "details",
    "other",
    "extra",
    "values",
    "numbers",
    "any",
];

/// The last part of a path.
pub(super) fn last_name(path: &str) -> &[u8] {
    let path = path.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '[' | ']'));
    path.rsplit(['.', '/', '[']).next().unwrap_or(path).as_bytes()
}

/// The key of `text[start..end]`, if that is all that the key names: `"key":"value"`, `key=value`.
pub(super) fn key_before(text: &[u8], start: usize, end: usize) -> Option<Range<usize>> {
    let before = text.get(..start)?;
    let quote = before.last().copied().filter(|b| matches!(b, b'"' | b'\''));
    let next = text.get(end).copied();
    let whole = match quote {
        Some(quote) => next == Some(quote) || next == Some(b'\\'),
        None => next.is_none_or(|b| b <= b' ' || b",;&}])<\"'".contains(&b)),
    };
    let before = before.get(..before.len() - usize::from(quote.is_some()))?;
    let before = before.strip_suffix(b"\\").unwrap_or(before);
    let spaced = before.last() == Some(&b' ');
    let before = before.get(..before.len() - usize::from(spaced))?;
    let (sign, before) = before.split_last().filter(|(sign, _)| whole && matches!(sign, b':' | b'='))?;
    let unquoted = before.strip_suffix(b"\"").or(before.strip_suffix(b"'"));
    let sure = quote.is_some() || unquoted.is_some() || *sign == b'=' && !spaced;
    let before = unquoted.unwrap_or(before);
    let before = before.strip_suffix(b"\\").unwrap_or(before);
    let part = |b: &&u8| b.is_ascii_alphanumeric() || **b >= 0x80 || matches!(b, b'_' | b'-' | b'.');
    let length = before.iter().rev().take(KEY_OCTETS_MAX).take_while(part).count();
    sure.then_some(before.len() - length..before.len())
}

/// Whether a word that ends at `end` stands in the key of a single value: `card_layout=`, `"cardLayout":"`.
pub(super) fn names_another(text: &[u8], end: usize) -> bool {
    let rest = text.get(end..(end + KEY_OCTETS_MAX).min(text.len())).unwrap_or_default();
    let length = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || **b >= 0x80 || b"_-.".contains(b)).count();
    let after = rest.get(length..).unwrap_or_default();
    let after = after.strip_prefix(b"\\").unwrap_or(after);
    match after {
        [b'=', ..] => true,
        [b'"' | b'\'', b':', value @ ..] => !matches!(value.trim_ascii_start(), [b'{' | b'[', ..]),
        _ => false,
    }
}

/// Whether a key has a word that says what something is.
pub(super) fn names_something(key: &[u8]) -> bool {
    let says = |word: &[u8]| {
        let is = |known: &&str| known.as_bytes().eq_ignore_ascii_case(word);
        word.len() > 2 && !FILLERS.iter().chain(&GENERAL).any(is)
    };
    let mut at = 0;
    while let Some(from) = key.get(at..).and_then(|rest| rest.iter().position(u8::is_ascii_alphabetic)) {
        let end = word_end(key, at + from, key.len());
        if says(key.get(at + from..end).unwrap_or_default()) {
            return true;
        }
        at = end;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_where_they_name_the_whole_value() {
        for (text, expected) in [
            ("a=1 activation_key=@ 200", Some("activation_key")),
            ("{\"upstream\":\"@\"", Some("upstream")),
            ("{\\\"upstream\\\":\\\"@\\\"", Some("upstream")),
            ("{\"slot\": @}", Some("slot")),
            ("<div data-member='@'>", Some("data-member")),
            ("Note: @", None),
            ("{\"note\":\"@ is mine\"", None),
            ("note=@x", None),
            ("slot @", None),
            ("@", None),
        ] {
            let at = text.find('@').unwrap();
            let key = key_before(text.as_bytes(), at, at + 1);
            assert_eq!(key.map(|key| &text[key]), expected, "{text}");
        }
    }

    #[test]
    fn names_say_something_or_not() {
        for (name, says) in [
            ("activation_key", true),
            ("upstreamHost", true),
            ("id", false),
            ("messageText", false),
            ("v1", false),
            ("", false),
        ] {
            assert_eq!(names_something(name.as_bytes()), says, "{name}");
        }
        assert_eq!(last_name("user.phones[].home[0]"), b"home");
    }

    #[test]
    fn other_keys_are_told_from_words_and_parents() {
        for (text, another) in [
            ("card@_layout=1", true),
            ("\"card@Layout\":\"1\"", true),
            ("\"card@\":{\"n\":", false),
            ("card@ 1", false),
            ("card@: 1", false),
        ] {
            let at = text.find('@').unwrap();
            assert_eq!(names_another(text.replace('@', "").as_bytes(), at), another, "{text}");
        }
    }
}
