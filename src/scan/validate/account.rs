//! Accounts, sessions and credentials. Sources: reference section 3.5; RFC 7519 and RFC 7515 (JWT); ISO 3166-1.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::checksum::{entropy_bits, is_hidden, is_placeholder};
use super::{Check, Validator, Value};

pub(super) const VALIDATORS: &[(&str, Validator)] = &[
    ("jwt", jwt),
    ("not-placeholder", |v| Check::when(!is_placeholder(v.octets()))),
    ("password", |v| {
        let text = v.octets();
        Check::when(!is_placeholder(text)).raise(entropy_bits(text) < 2.0, -20)
    }),
    ("user-name", |v| {
        let text = v.octets();
        let letters = std::str::from_utf8(text).unwrap_or_default().chars().any(char::is_alphabetic);
        Check::when(letters && !is_placeholder(text))
    }),
    ("token", token),
    ("community", |v| {
        // What devices are delivered with is known to everybody, and still lets everybody in.
        let usual = [&b"public"[..], b"private"].contains(&v.octets());
        Check::when(!is_hidden(v.octets())).raise(usual, -40)
    }),
    ("national-id", national_id),
    ("country", country),
    ("snowflake", snowflake),
    ("sec-uid", |v| Check::when(entropy_bits(v.octets()) >= 3.0)),
];

/// Long and mixed, or at least not hidden: where a key or a mechanism says "token" it is one, whatever it looks like.
fn token(value: Value<'_>) -> Check {
    let text = value.octets();
    let plain = is_placeholder(text) || entropy_bits(text) < 3.0;
    Check::when(!is_hidden(text)).raise(plain, -35)
}

/// A number in a field for national identifiers that is of no known form: what the field says is all that is known. A field that was
/// never filled in holds zeros.
fn national_id(value: Value<'_>) -> Check {
    let d = value.digits();
    let filled = d.as_slice().iter().any(|&d| d != 0);
    Check::when(filled && (7..=14).contains(&d.len())).raise(true, -20)
}

/// Header and claims decode to JSON objects and the header names an algorithm; claims about a person raise it.
fn jwt(value: Value<'_>) -> Check {
    let text = value.octets();
    let mut parts = text.split(|b| *b == b'.');
    let mut object = || {
        let octets = URL_SAFE_NO_PAD.decode(parts.next()?).ok()?;
        serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&octets).ok()
    };
    let (Some(header), Some(claims)) = (object(), object()) else {
        return Check::Refuse;
    };
    let person = ["sub", "email", "phone_number", "name"].iter().any(|c| claims.contains_key(*c));
    match header.contains_key("alg") {
        true => Check::bonus(if person { 10 } else { 0 }),
        false => Check::Refuse,
    }
}

/// ISO 3166-1 alpha-2 codes, and the alpha-3 codes of the countries that rules are about.
fn country(value: Value<'_>) -> Check {
    const ALPHA_2: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN \
        BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ \
        DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL \
        GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM \
        JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME \
        MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP \
        NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD \
        SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO \
        TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";
    const ALPHA_3: &str = "USA CHN HKG MAC RUS IRN PRK CUB VEN GBR DEU FRA ITA ESP NLD BEL POL SWE FIN NOR DNK \
        IRL PRT GRC AUT CHE CZE ROU HUN BGR HRV SVK SVN EST LVA LTU LUX MLT CYP JPN KOR TWN \
        SGP MYS IDN THA VNM PHL IND PAK BGD AUS NZL CAN MEX BRA ARG CHL COL PER TUR ISR SAU \
        ARE EGY ZAF NGA KEN UKR KAZ";
    let text = std::str::from_utf8(value.octets()).unwrap_or_default().to_ascii_uppercase();
    let list = if text.len() == 2 { ALPHA_2 } else { ALPHA_3 };
    Check::when(list.split_ascii_whitespace().any(|c| c == text))
}

/// Upper 32 bits are Unix seconds from 2014-08-01 on. The upper end cannot be the clock's (time enters with the
/// frame): 2035. Between signs that are drawn as a line it is what parts a mail (`===============7234567890123456789==`).
fn snowflake(value: Value<'_>) -> Check {
    let seconds = value.digits().number(0, 19) >> 32;
    let line = value.before().ends_with(b"====") || value.before().ends_with(b"----");
    Check::when((1_406_851_200..2_051_222_400).contains(&seconds) && !line)
}
