//! Credentials in SASL exchanges (RFC 4422) of SMTP, POP3 and IMAP: base64 lines become fields.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::fields::Fields;

/// What the client's next response is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// Identity, user and password between zeroes (PLAIN, RFC 4616).
    Plain,
    /// The user name of LOGIN.
    LoginUser,
    /// The password of LOGIN.
    LoginPassword,
    /// `user=...` and a token between octets of value 1 (XOAUTH2; OAUTHBEARER, RFC 7628).
    Bearer,
    /// A user name and a digest (CRAM-MD5, RFC 2195).
    Cram,
    /// Something else.
    Other,
}

/// The first response of a mechanism.
pub(crate) fn first(mechanism: &[u8]) -> Awaited {
    match mechanism.to_ascii_uppercase().as_slice() {
        b"PLAIN" => Awaited::Plain,
        b"LOGIN" => Awaited::LoginUser,
        b"XOAUTH2" | b"OAUTHBEARER" => Awaited::Bearer,
        b"CRAM-MD5" => Awaited::Cram,
        _ => Awaited::Other,
    }
}

/// The response after one, if the client sends another. Other mechanisms may go on as long as they like.
pub(crate) const fn next(awaited: Awaited) -> Option<Awaited> {
    match awaited {
        Awaited::LoginUser => Some(Awaited::LoginPassword),
        Awaited::Other => Some(Awaited::Other),
        _ => None,
    }
}

/// The fields of a response in base64; `None` if it is none.
pub(crate) fn fields(awaited: Awaited, response: &[u8]) -> Option<Fields> {
    let decoded = STANDARD.decode(response.trim_ascii()).ok().filter(|decoded| !decoded.is_empty())?;
    let mut fields = Fields::default();
    match awaited {
        Awaited::Plain => {
            let mut parts = decoded.splitn(3, |octet| *octet == 0);
            fields.add("authorization id", parts.next()?);
            fields.add("username", parts.next()?);
            fields.add("password", parts.next()?);
        }
        Awaited::LoginUser => fields.add("username", &decoded),
        Awaited::LoginPassword => fields.add("password", &decoded),
        Awaited::Bearer => {
            for part in decoded.split(|octet| matches!(octet, 1 | b',')) {
                match part.iter().position(|octet| *octet == b'=').map(|at| part.split_at(at)) {
                    Some((b"user" | b"a", value)) => fields.add("username", value.get(1..)?),
                    // What the mechanism calls a token is one, whatever it looks like.
                    Some((b"auth", value)) => match value.get(1..)?.split_first_chunk::<7>() {
                        Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"Bearer ") => {
                            fields.add("bearer token", token);
                        }
                        _ => fields.add("authorization", value.get(1..)?),
                    },
                    _ => fields.add("parameter", part),
                }
            }
        }
        Awaited::Cram => {
            let space = decoded.iter().rposition(|octet| *octet == b' ').unwrap_or(decoded.len());
            fields.add("username", decoded.get(..space)?);
            fields.add("digest", decoded.get(space + 1..).unwrap_or_default());
        }
        Awaited::Other => fields.add("response", &decoded),
    }
    (!fields.is_empty()).then_some(fields)
}
