//! Verdicts: what policy says of data going somewhere.

use std::net::IpAddr;
use std::sync::Arc;

use super::packet::names;
use super::{Countries, Country, DataClass, Level, Timestamp};

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
    /// Who sends, and to whom.
    pub ends: Ends<'a>,
    /// Where an unknown location can be; `None` for anywhere.
    pub feasible: Option<&'a Countries>,
    /// What was said of the location before the speed of light ruled it out.
    pub claimed: Option<Country>,
}

/// The two ends of a crossing.
#[derive(Clone, Copy, Debug)]
pub struct Ends<'a> {
    /// The local end.
    pub sender: IpAddr,
    /// The other end.
    pub peer: IpAddr,
    /// IP protocol.
    pub proto: u8,
    /// Port of the end that was connected to.
    pub port: u16,
    /// Operator of the service, if the catalogue knows it.
    pub operator: Option<&'a str>,
    /// Holder of the other end's network, if a database knows it.
    pub as_org: Option<&'a str>,
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
    /// Rules that would make it a violation once more persons or devices crossed than they let: whoever counts decides.
    pub counted: Vec<Arc<CountRule>>,
}

names! {
    /// Whom a threshold counts.
    CountUnit {
        /// Persons.
        Persons = "persons",
        /// Devices.
        Devices = "devices",
    }
}

impl CountUnit {
    /// Whether a distinct value of a class stands for one of them.
    pub const fn is_told_by(self, class: DataClass) -> bool {
        match self {
            // A device or an address stands for whoever uses it; a country of residence for nobody.
            Self::Persons => !matches!(class, DataClass::Residence),
            Self::Devices => {
                matches!(class, DataClass::DeviceId | DataClass::AdId | DataClass::NetworkId | DataClass::Geolocation)
            }
        }
    }
}

names! {
    /// How long a crossing counts, by whole UTC days of packet time.
    CountWindow {
        /// Since the same day of the year before.
        Trailing12Months = "trailing-12-months",
        /// Since 1 January.
        CalendarYear = "calendar-year",
    }
}

names! {
    /// What crossings are counted apart by.
    CountGroup {
        /// The local end, by address.
        Sender = "sender",
        /// The other end: the operator of its service, else the holder of its network, else its name, else its address.
        Recipient = "recipient",
        /// Where the address is.
        Location = "location",
        /// Who controls the service.
        Control = "control",
    }
}

/// The threshold of a rule: it holds for a crossing only once more than `over` distinct persons or devices went the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountRule {
    /// The rule.
    pub rule: Arc<RuleRef>,
    /// Whom it counts.
    pub unit: CountUnit,
    /// The number that is still let go.
    pub over: u64,
    /// How long they count.
    pub window: CountWindow,
    /// What is counted apart; empty counts all together.
    pub group: Vec<CountGroup>,
}

/// What makes traffic that nobody can read suspicious: all that is said, within a UTC day of packet time and a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuspicionRule {
    /// The rule.
    pub rule: Arc<RuleRef>,
    /// More unread octets than this.
    pub over: u64,
    /// At least so many octets out for a thousand in.
    pub ratio_milli: Option<u64>,
    /// Nothing was sent there before, since at least so many days of watching.
    pub new_after_days: Option<u16>,
    /// What is counted apart; empty counts all together.
    pub group: Vec<CountGroup>,
}

/// What metrics tell of the policies in force, beside their rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyFacts {
    /// Id and version of each policy.
    pub versions: Vec<(String, String)>,
    /// Rules that count persons or devices.
    pub thresholds: Vec<Arc<RuleRef>>,
    /// Rules that suspect.
    pub suspicions: Vec<Arc<RuleRef>>,
    /// Exceptions: the rule as `policy/rule`, the id, and when it lapses.
    pub exceptions: Vec<(String, String, Timestamp)>,
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
