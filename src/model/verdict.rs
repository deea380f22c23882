//! Verdicts: what policy says of data going somewhere.

use std::sync::Arc;

use super::packet::names;
use super::{Country, DataClass, Level, Timestamp};

names! {
    /// What policy says of a flow. Ordered from harmless to grave.
    Verdict {
        /// All that was read may go where it went, and all that matters was read.
        Allowed = "allowed",
        /// The jurisdiction is unknown, or content that matters could not be read.
        Undetermined = "undetermined",
        /// Something went where it must not go.
        Violation = "violation",
    }
}

names! {
    /// How grave a violation is.
    Severity {
        /// For the record.
        Info = "info",
        /// Look at it some day.
        Low = "low",
        /// Look at it this week.
        Medium = "medium",
        /// Look at it today.
        High = "high",
        /// Wake someone.
        Critical = "critical",
    }
}

/// What policy is asked about: one piece of data (a finding, or the unread part of a flow) crossing to one place.
#[derive(Clone, Copy, Debug)]
pub struct Crossing<'a> {
    /// When, on the packet clock.
    pub time: Timestamp,
    /// Signature and class and level of the data; `None` for octets that could not be read.
    pub data: Option<CrossingData<'a>>,
    /// Where the address is.
    pub location: Country,
    /// Who controls the service.
    pub control: Country,
    /// Class of the service (`chat`, `store`...), if the catalogue knows it.
    pub service_class: Option<&'a str>,
}

/// The data of a [`Crossing`].
#[derive(Clone, Copy, Debug)]
pub struct CrossingData<'a> {
    /// Signature id.
    pub signature: &'a str,
    /// Class.
    pub class: DataClass,
    /// How sure.
    pub level: Level,
    /// The jurisdiction of the person it is about, where the data tells.
    pub subject: Option<Country>,
}

/// The answer of policy, with its reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The verdict on this crossing.
    pub verdict: Verdict,
    /// The rule that decided; `None` if a default did.
    pub rule: Option<Arc<RuleRef>>,
    /// Ids of all rules that matched, deciding one first, as `policy/rule`.
    pub matched: Vec<Arc<str>>,
}

/// What a verdict tells about the rule behind it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleRef {
    /// Policy id.
    pub policy: String,
    /// Version of the policy: its `version`, or its digest.
    pub version: String,
    /// Rule id.
    pub rule: String,
    /// How grave a breach is.
    pub severity: Severity,
    /// Legal or contractual basis or citation.
    pub basis: String,
    /// The reason, for people.
    pub reason: String,
    /// Who owns the rule.
    pub owner: String,
}
