//! Findings: user data that was recognised. The matched value never gets in here.

use std::sync::Arc;

use super::Country;
use super::packet::names;

names! {
    /// Data classes, the unit of policy (transfer reference, section 2).
    DataClass {
        /// Government identifiers: passports, licences, national ids.
        GovernmentId = "government-id",
        /// Account and card numbers.
        FinancialAccount = "financial-account",
        /// Hardware and installation identifiers.
        DeviceId = "device-id",
        /// Advertising identifiers.
        AdId = "ad-id",
        /// Names, birth dates, postal addresses, telephone numbers, e-mail addresses.
        Contact = "contact",
        /// IP addresses and cookies of users.
        NetworkId = "network-id",
        /// Passwords, tokens, sessions.
        Credential = "credential",
        /// User ids and names on a platform.
        AccountId = "account-id",
        /// Positions.
        Geolocation = "geolocation",
        /// Country of residence, nationality, account region.
        Residence = "residence",
        /// Diagnoses, medical records, prescriptions.
        Health = "health",
        /// Genomic and other omic data.
        Genomic = "genomic",
        /// Face, finger, iris records.
        Biometric = "biometric",
        /// Photographs and scans.
        Image = "image",
        /// Values from an operator's own list.
        Custom = "custom",
    }
}

names! {
    /// How sure a finding is. Scores and cuts: signatures reference, section 1.
    Level {
        /// Score 35 to 59.
        Low = "low",
        /// Score 60 to 84.
        Medium = "medium",
        /// Score 85 and more.
        High = "high",
    }
}

/// A confidence score from 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Confidence(pub u8);

impl Confidence {
    /// The level of this score, `None` below the lowest.
    pub const fn level(self) -> Option<Level> {
        match self.0 {
            85.. => Some(Level::High),
            60..=84 => Some(Level::Medium),
            35..=59 => Some(Level::Low),
            _ => None,
        }
    }
}

/// A field path as it may be shown. Keys can themselves be user data (`{"alex@example.com": ...}`, a table without a header row),
/// so a segment is shown only if it is an identifier: words of letters, with few digits. The others become `*`.
pub fn shown_field(path: &str) -> String {
    let segments = path.split('.').map(|segment| {
        let name = segment.trim_end_matches("[]");
        let digits = name.bytes().filter(u8::is_ascii_digit).count();
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | ' ' | ':' | '@');
        let is_name = name.len() <= 48
            && digits <= 3
            && name.chars().all(plain)
            && !name.get(1..).is_some_and(|rest| rest.contains('@'));
        if is_name { segment.to_owned() } else { segment.replacen(name, "*", 1) }
    });
    segments.collect::<Vec<_>>().join(".")
}

/// One match of one signature. `masked` and `digest` are computed where the value was seen; the value is not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Signature id.
    pub signature: Arc<str>,
    /// Class of the signature.
    pub class: DataClass,
    /// Score.
    pub confidence: Confidence,
    /// Offset of the value within the document, octets.
    pub offset: u64,
    /// Length of the value, octets, as matched.
    pub length: u32,
    /// The shape of the value with everything telling replaced by `*`.
    pub masked: String,
    /// Keyed digest: equal values under one key have equal digests. Hex.
    pub digest: String,
    /// Key path, form field, multipart name, column or header the value stood in.
    pub field: Option<String>,
    /// What the value was found in, outermost first: `http-request-body/gzip/json`.
    pub document: String,
    /// Whether the value is from a range reserved for tests and fiction.
    pub test_value: bool,
    /// The record of the document that the value stood in: an object, a row, a form, counted from 1.
    pub record: Option<u32>,
    /// The jurisdiction of the person the value belongs to, where the value tells.
    pub subject: Option<Country>,
    /// The list that holds the value, if it was found by exact match.
    pub watch: Option<WatchHit>,
}

/// A value of an operator's list, found by its keyed tag. It names the row in the operator's words, never the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchHit {
    /// Name of the list.
    pub list: Arc<str>,
    /// What the operator calls the row.
    pub label: Option<Arc<str>>,
    /// The first four octets of the value's tag, hex: tells rows without labels apart.
    pub tag: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_could_be_values_are_not_shown() {
        for (path, shown) in [
            ("content.user.ids[].ssn", "content.user.ids[].ssn"),
            ("user.@id", "user.@id"),
            ("driver license no", "driver license no"),
            ("phone2", "phone2"),
            ("users.alex@example.com.ip", "users.*.com.ip"),
            ("899-45-6789", "*"),
            ("rows[].+12025550143", "rows[].*"),
            ("a.2001:db8::17[]", "a.*[]"),
        ] {
            assert_eq!(shown_field(path), shown, "{path}");
        }
    }
}
