//! What a policy file says, as it was read and checked: the words between `file` and `decide`.

use super::sets::{PlaceList, Places};
use super::suspicion::SuspicionSpec;
use super::ways::{HostsSpec, PurposeSpec, Recipient, WaySpec};
use crate::model::operator_file::At;
use crate::model::{
    CountGroup, CountUnit, CountWindow, Countries, DataClass, Facet, Level, RuleRef, Timestamp, Verdict,
};

/// What a rule says of what it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RuleDecision {
    /// May go.
    Allow,
    /// May go, and is noted.
    Report,
    /// May go while a basis is declared.
    AllowIfBasis,
    /// Must not go.
    Deny,
}

impl RuleDecision {
    pub(super) const ALL: &'static [Self] = &[Self::Allow, Self::Report, Self::AllowIfBasis, Self::Deny];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Report => "report",
            Self::AllowIfBasis => "allow-if-basis",
            Self::Deny => "deny",
        }
    }
}

/// A name, or the beginning of one with a `*` after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    /// The whole name.
    Name(String),
    /// Any name that begins so.
    Prefix(String),
}

impl Pattern {
    pub(super) fn matches(&self, name: &str) -> bool {
        match self {
            Self::Name(whole) => whole == name,
            Self::Prefix(start) => name.starts_with(start.as_str()),
        }
    }
}

/// Half-open span of packet time in nanoseconds since the epoch, from whole UTC days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: u64,
    pub(super) until: u64,
}

impl Span {
    pub(super) const ALWAYS: Self = Self { from: 0, until: u64::MAX };

    /// Whether all of it lies before a time.
    pub(super) const fn is_over(self, nanos: u64) -> bool {
        self.until != u64::MAX && self.until <= nanos
    }

    /// Whether all of another span lies within this one.
    pub(super) const fn covers(self, other: Self) -> bool {
        self.from <= other.from && other.until <= self.until
    }

    /// The first moment after it; `None` if it has no end.
    pub(super) fn end(self) -> Option<Timestamp> {
        (self.until != u64::MAX).then(|| Timestamp::from_nanos(self.until))
    }

    pub(super) const fn contains(self, nanos: u64) -> bool {
        // The last nanosecond that a timestamp can hold is never outside an open span.
        self.from <= nanos && (nanos < self.until || self.until == u64::MAX)
    }
}

/// A rule as written and checked.
pub(super) struct RuleSpec {
    pub(super) line: usize,
    pub(super) reference: RuleRef,
    pub(super) decision: RuleDecision,
    pub(super) classes: Vec<DataClass>,
    pub(super) signatures: Vec<Pattern>,
    pub(super) to: PlaceList,
    pub(super) facets: Vec<Facet>,
    pub(super) services: Vec<String>,
    pub(super) min_level: Level,
    pub(super) opaque: Option<Verdict>,
    pub(super) span: Span,
    pub(super) bases: Vec<Pattern>,
    pub(super) subjects: Option<Countries>,
    /// What the operator must be for the rule to hold; whatever it is, if empty.
    pub(super) roles: Vec<&'static str>,
    pub(super) way: WaySpec,
    pub(super) count: Option<CountSpec>,
}

/// A threshold as written and checked.
pub(super) struct CountSpec {
    pub(super) unit: CountUnit,
    pub(super) over: u64,
    pub(super) window: CountWindow,
    pub(super) group: Vec<CountGroup>,
}

/// A declared legal basis, `[[basis]]`.
pub(super) struct Basis {
    pub(super) line: usize,
    pub(super) code: String,
    pub(super) span: Span,
    pub(super) to: Places,
    pub(super) classes: Vec<DataClass>,
    /// Whom it is for; everybody, if empty.
    pub(super) recipients: Vec<Recipient>,
}

/// An exception to a rule, `[[exception]]`.
pub(super) struct Exception {
    pub(super) id: String,
    pub(super) rule: At<String>,
    pub(super) file: String,
    pub(super) span: Span,
    pub(super) to: Places,
    pub(super) classes: Vec<DataClass>,
    pub(super) recipients: Vec<Recipient>,
}

/// A name that a file expects to exist elsewhere, with where it says so.
pub(super) struct Mention {
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) pattern: Pattern,
}

/// The `[policy]` table and its rules.
pub(super) struct PolicySpec {
    pub(super) id: At<String>,
    pub(super) title: String,
    pub(super) version: String,
    pub(super) as_of: String,
    pub(super) reviewer: Option<String>,
    pub(super) default: RuleDecision,
    pub(super) unknown_control_is_location: bool,
    pub(super) rules: Vec<RuleSpec>,
    pub(super) suspicions: Vec<SuspicionSpec>,
}

/// All that a file holds.
#[derive(Default)]
pub(super) struct PolicyFile {
    pub(super) policy: Option<PolicySpec>,
    pub(super) bases: Vec<Basis>,
    pub(super) exceptions: Vec<Exception>,
    pub(super) subjects: Countries,
    pub(super) roles: Vec<&'static str>,
    pub(super) hosts: Vec<HostsSpec>,
    pub(super) purposes: Vec<PurposeSpec>,
    pub(super) signatures: Vec<Mention>,
    pub(super) services: Vec<Mention>,
}
