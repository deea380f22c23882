//! E-mail addresses and telephone numbers. Sources: RFC 5321 (lengths), RFC 2606 (reserved names), ITU-T E.164
//! (country codes), NANPA and Ofcom (numbers for fiction; reference section 10).

use super::dates::is_date;
use super::{Check, Validator, Value};

pub(super) const VALIDATORS: &[(&str, Validator)] = &[
    ("email", email),
    ("phone-e164", e164),
    ("phone-nanp", nanp),
    ("phone-field", field),
    ("phone-national", national),
    ("phone-uri", uri),
];

/// Mailboxes of organisations rather than persons.
const ROLES: [&str; 14] = [
    "noreply",
    "no-reply",
    "donotreply",
    "do-not-reply",
    "postmaster",
    "hostmaster",
    "webmaster",
    "mailer-daemon",
    "abuse",
    "root",
    "daemon",
    "support",
    "info",
    "git",
];

/// Last labels that name files and packages, not domains.
const FILES: [&str; 16] = [
    "png",
    "jpg",
    "jpeg",
    "gif",
    "svg",
    "webp",
    "js",
    "css",
    "html",
    "json",
    "xml",
    "local",
    "localhost",
    "internal",
    "lan",
    "localdomain",
];

fn email(value: Value<'_>) -> Check {
    let text = std::str::from_utf8(value.octets()).unwrap_or_default().to_ascii_lowercase();
    let Some((local, domain)) = text.rsplit_once('@') else {
        return Check::Refuse;
    };
    let last = domain.rsplit('.').next().unwrap_or_default();
    let shaped = !local.starts_with('.') && !local.ends_with('.') && !local.contains("..") && text.len() <= 254;
    // `user@host.name:path` after a scheme or in a clone command is a login, not a mailbox.
    let login = local == "git" || value.before().ends_with(b"://") || local.contains("://");
    // Who is called there has a number, not a mailbox.
    let called = [&b"sip:"[..], b"sips:"].iter().any(|scheme| {
        let before = value.before();
        before.get(before.len().saturating_sub(scheme.len())..).is_some_and(|end| end.eq_ignore_ascii_case(scheme))
    }) && local.trim_start_matches('+').bytes().all(|octet| octet.is_ascii_digit());
    let hash = local.len() == 32 && local.bytes().all(|b| b.is_ascii_hexdigit());
    if !shaped
        || login
        || called
        || FILES.contains(&last)
        || !last.bytes().all(|b| b.is_ascii_alphabetic() || last.starts_with("xn--"))
    {
        return Check::Refuse;
    }
    let role = ROLES.contains(&local) || hash;
    let example = matches!(domain, "example.com" | "example.net" | "example.org")
        || [".example.com", ".example.net", ".example.org"].iter().any(|d| domain.ends_with(d))
        || matches!(last, "example" | "test" | "invalid");
    Check::Accept { bonus: if role { -30 } else { 0 }, test: example }
}

/// Country codes of one and two digits; all others have three.
fn e164(value: Value<'_>) -> Check {
    // The zero of `+49 (0)30` is not dialled from abroad.
    let trunk = value.octets().windows(3).position(|w| w == b"(0)").map(|at| at + 1);
    let dialled: Vec<u8> =
        value.octets().iter().enumerate().filter(|(at, _)| Some(*at) != trunk).map(|(_, octet)| *octet).collect();
    let d = Value::new(&dialled, 0, dialled.len()).digits();
    let around = value.before().last().is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'.' | b'/'))
        || value.after().first().is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_')
        || matches!(value.after(), [b'.', b'0'..=b'9', ..]);
    if around || d.all_equal() {
        return Check::Refuse;
    }
    let two = d.small(0, 2);
    let national = match (d.at(0), two) {
        (1, _) => {
            let good = d.len() == 11 && d.at(1) >= 2 && d.at(4) >= 2;
            return if good { Check::PASS.test_when(fiction(d.small(4, 7), d.small(7, 11))) } else { Check::Refuse };
        }
        (7, _) => d.len() == 11,
        (_, 86) => d.len() == 13 || (10..=12).contains(&d.len()),
        (_, 20 | 27 | 30..=34 | 36 | 39..=41 | 43..=49 | 51..=58 | 60..=66 | 81 | 82 | 84 | 90..=95 | 98) => {
            (9..=14).contains(&d.len())
        }
        (_, 21..=26 | 29 | 35 | 37 | 38 | 42 | 50 | 59 | 67..=69 | 80 | 85 | 87 | 88 | 96 | 97 | 99) => {
            (9..=15).contains(&d.len())
        }
        _ => false,
    };
    let british =
        matches!(d.number(0, 8), 44_207_946 | 44_770_090) && matches!(d.number(0, 9), 442_079_460 | 447_700_900);
    Check::when(national).test_when(british)
}

/// 555-0100 to 555-0199.
fn fiction(exchange: u32, line: u32) -> bool {
    exchange == 555 && (100..=199).contains(&line)
}

fn nanp(value: Value<'_>) -> Check {
    let d = value.digits();
    let from = d.len().saturating_sub(10);
    let (area, exchange) = (d.small(from, from + 3), d.small(from + 3, from + 6));
    let digits_alone = d.len() == value.octets().len();
    let open = !digits_alone && value.octets().contains(&b'(') != value.octets().contains(&b')');
    // N11 codes are services, never areas or exchanges.
    let service = area % 100 == 11 || exchange % 100 == 11;
    if open || service || d.len() < 10 {
        return Check::Refuse;
    }
    let separated = !digits_alone && value.octets().iter().filter(|b| !b.is_ascii_digit()).count() >= 2;
    // Kept for a longer plan: no area has these yet.
    let kept = area / 10 % 10 == 9 || matches!(area / 10, 37 | 96);
    Check::bonus(if separated && !kept { 25 } else { 0 }).test_when(fiction(exchange, d.small(from + 6, from + 10)))
}

/// What a key says is a telephone number: as many digits as one has (E.164: up to 15), and no date.
fn field(value: Value<'_>) -> Check {
    let d = value.digits();
    let parts: Vec<usize> = value.octets().split(|b| !b.is_ascii_digit()).map(<[u8]>::len).collect();
    let date = match parts.as_slice() {
        [4, 2, 2] => is_date(d.small(0, 4), d.small(4, 6), d.small(6, 8)),
        // Day or month first.
        [2, 2, 4] => d.small(0, 2).max(d.small(2, 4)) <= 31 && (1900..2100).contains(&d.small(4, 8)),
        _ => false,
    };
    Check::when((7..=15).contains(&d.len()) && !d.all_equal() && !date)
}

/// The same in text, after a word: no date as one number either, and no years.
fn national(value: Value<'_>) -> Check {
    let d = value.digits();
    let is_year = |year: u32| (1900..2100).contains(&year);
    let date = d.len() == 8 && is_year(d.small(0, 4)) && is_date(d.small(0, 4), d.small(4, 6), d.small(6, 8));
    let text = value.octets();
    let years = text.len() > d.len() && (0..d.len()).step_by(4).all(|at| is_year(d.small(at, at + 4)));
    if date || years { Check::Refuse } else { field(value) }
}

/// The user of a `sip:` or `tel:` URI (RFC 3261, section 19.1.1; RFC 3966): numbers of extensions are shorter.
fn uri(value: Value<'_>) -> Check {
    let d = value.digits();
    let whole = matches!(value.after().first(), None | Some(b'@' | b';' | b'>' | b'?' | b' ' | b'"' | b',' | b'\r'));
    Check::when((7..=15).contains(&d.len()) && !d.all_equal() && whole)
}
