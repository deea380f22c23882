//! Media types: `type/subtype; name=value; name="quoted value"` (RFC 9110, section 8.3.1), and header fields of the same
//! shape such as `Content-Disposition` (RFC 6266).

/// The value before the first `;`, lower case, without space around it.
pub(super) fn essence(value: &str) -> String {
    if value.is_empty() {
        return String::new();
    }
    value.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
}

/// The value of parameter `name`, unquoted and with backslash escapes removed. The first one counts, as most receivers do.
pub(super) fn parameter(value: &str, name: &str) -> Option<String> {
    if value.is_empty() {
        return None;
    }
    let mut rest = value.split_once(';')?.1;
    loop {
        let (key, after) = rest.split_once('=')?;
        // A parameter without a value ends at the next semicolon.
        if let Some((_, later)) = key.split_once(';') {
            rest = &rest[rest.len() - later.len() - 1 - after.len()..];
            continue;
        }
        let (found, later) = parameter_value(after.trim_start());
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(found);
        }
        rest = later.split_once(';')?.1;
    }
}

/// A token or quoted string at the start of `text`, and what follows it.
fn parameter_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        let (token, rest) = text.split_at(end);
        return (token.trim().to_owned(), rest);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((i, c)) = chars.next() {
        match c {
            '"' => return (value, quoted.get(i + 1..).unwrap_or("")),
            // Browsers send Windows paths unescaped: a backslash escapes only what needs it.
            '\\' if quoted[i + 1..].starts_with(['"', '\\']) => {
                value.extend(chars.next().map(|(_, c)| c));
            }
            c => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::{essence, parameter};

    #[test]
    fn parameters() {
        let cases = [
            ("multipart/form-data; boundary=abc", "boundary", Some("abc")),
            ("multipart/form-data; Boundary=\"a;b c\"; x=1", "boundary", Some("a;b c")),
            ("form-data; name=\"a\\\"b\"; filename=\"C:\\dir\\f\"", "name", Some("a\"b")),
            ("form-data; name=\"a\\\"b\"; filename=\"C:\\dir\\f\"", "filename", Some("C:\\dir\\f")),
            ("text/plain;charset = UTF-16LE ", "charset", Some("UTF-16LE")),
            ("text/plain; flag; charset=x", "charset", Some("x")),
            ("text/plain; charset=\"open", "charset", Some("open")),
            ("text/plain", "charset", None),
            ("text/plain; =", "charset", None),
            ("", "charset", None),
        ];
        for (value, name, expected) in cases {
            assert_eq!(parameter(value, name).as_deref(), expected, "{value}");
        }
        assert_eq!(essence(" Text/Plain ; x"), "text/plain");
    }
}
