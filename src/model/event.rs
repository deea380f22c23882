//! Events: what Borderpost says happened, one JSON object a line (EVE style). The JSON Schema is docs/schema/event.json; the
//! field names are a contract.

use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::packet::names;
use super::{Country, Evidence, Finding, Initiator, RuleRef, Scope, Timestamp, Tunnel, UninspectedReason, Verdict};

names! {
    /// How the server's name became known, most trustworthy first.
    NameSource {
        /// Server Name Indication of a TLS ClientHello, RFC 6066.
        TlsSni = "tls-sni",
        /// SNI within QUIC Initial packets, RFC 9001.
        QuicSni = "quic-sni",
        /// HTTP/1 Host header or absolute request target.
        HttpHost = "http-host",
        /// HTTP/2 or HTTP/3 `:authority`.
        Http2Authority = "http2-authority",
        /// Target of a SOCKS request, RFC 1928.
        Socks = "socks",
        /// Subject or alternative name of a TLS certificate, RFC 5280.
        TlsCertificate = "tls-certificate",
        /// A DNS answer seen before the flow.
        Dns = "dns",
    }
}

names! {
    /// Application protocols known by content.
    AppProto {
        /// HTTP/1.x.
        Http = "http",
        /// HTTP/2 in clear.
        Http2 = "http2",
        /// TLS of any version.
        Tls = "tls",
        /// Datagram TLS.
        Dtls = "dtls",
        /// QUIC.
        Quic = "quic",
        /// DNS, also multicast DNS.
        Dns = "dns",
        /// SSH.
        Ssh = "ssh",
        /// WireGuard.
        WireGuard = "wireguard",
        /// IPsec ESP, also in UDP, and IKE.
        Ipsec = "ipsec",
        /// OpenVPN.
        OpenVpn = "openvpn",
        /// MongoDB.
        MongoDb = "mongodb",
        /// MQTT, all versions.
        Mqtt = "mqtt",
        /// AMQP 0-9-1.
        Amqp = "amqp",
        /// Kafka.
        Kafka = "kafka",
        /// Redis and what speaks like it.
        Redis = "redis",
        /// MySQL and MariaDB.
        MySql = "mysql",
        /// PostgreSQL, protocol 3.
        Postgres = "postgresql",
        /// SMTP or LMTP.
        Smtp = "smtp",
        /// POP3.
        Pop3 = "pop3",
        /// IMAP.
        Imap = "imap",
        /// FTP, the control connection.
        Ftp = "ftp",
        /// SMB2 and SMB3.
        Smb = "smb",
        /// NFS, and other services over ONC RPC.
        Nfs = "nfs",
        /// rsync, to a daemon.
        Rsync = "rsync",
        /// TFTP.
        Tftp = "tftp",
        /// SIP.
        Sip = "sip",
        /// MSRP.
        Msrp = "msrp",
        /// Syslog.
        Syslog = "syslog",
        /// LDAP.
        Ldap = "ldap",
        /// HL7 version 2 over MLLP.
        Hl7 = "hl7",
        /// SMPP.
        Smpp = "smpp",
        /// RADIUS.
        Radius = "radius",
        /// SNMP.
        Snmp = "snmp",
        /// Recognised as none of the above.
        Unknown = "unknown",
    }
}

/// Facts about a flow that every event on it repeats. Held once per flow and shared by its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowView {
    /// Number of the packet that opened the flow, counted over all captures from 0.
    pub flow_id: u64,
    /// Community ID v1.
    pub community_id: Arc<str>,
    /// Egress, internal or transit.
    pub scope: Scope,
    /// IP protocol.
    pub proto: u8,
    /// The local end; the originator where neither or both ends are local.
    pub src: (IpAddr, u16),
    /// The other end.
    pub dest: (IpAddr, u16),
    /// Who opened it; `None` in transit.
    pub initiator: Option<Initiator>,
    /// Capture file or interface by index into the run's list.
    pub capture: u16,
    /// VLAN id, 0 for none.
    pub vlan: u16,
    /// What carried it.
    pub tunnel: Option<Tunnel>,
    /// Application protocol by content.
    pub app_proto: AppProto,
    /// Name of the server and how it was learnt.
    pub server_name: Option<(Arc<str>, NameSource)>,
    /// JA4 fingerprint of the TLS, DTLS or QUIC client.
    pub ja4: Option<Arc<str>>,
    /// The client offered an Encrypted Client Hello, in earnest or as grease: `server_name` may be the one for show.
    pub ech: bool,
    /// IP packets from `src` to `dest`.
    pub packets_out: u64,
    /// IP octets from `src` to `dest`.
    pub bytes_out: u64,
    /// IP packets from `dest` to `src`.
    pub packets_in: u64,
    /// IP octets from `dest` to `src`.
    pub bytes_in: u64,
    /// Time of the first packet.
    pub first: Timestamp,
    /// Time of the last packet so far.
    pub last: Timestamp,
    /// Location and control and what is behind them.
    pub destination: Arc<Destination>,
    /// How much was read.
    pub inspection: Inspection,
    /// The gravest verdict so far.
    pub verdict: Verdict,
    /// Distinct persons so far whose identifiers were found in what left.
    pub persons: u64,
}

/// The remote end's jurisdiction as events show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Destination {
    /// Where the address is.
    pub location: Country,
    /// Who controls the service.
    pub control: Country,
    /// What sources said of the location before the speed of light ruled it out. Policy hears both, the stricter verdict holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claimed: Option<Country>,
    /// Autonomous system number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asn: Option<u32>,
    /// Its holder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_org: Option<Arc<str>>,
    /// Operator of the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<Arc<str>>,
    /// Why.
    pub evidence: Vec<Evidence>,
}

/// How much of the outbound octets was read. `inspected + opaque + missed` is `bytes_out`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Octets read (headers, and payload that was scanned).
    pub inspected_bytes: u64,
    /// Octets locked, by reason.
    pub opaque_bytes: u64,
    /// Octets lost to limits, gaps, snaplen.
    pub missed_bytes: u64,
    /// The reason behind most uninspected octets.
    pub reason: Option<UninspectedReason>,
}

impl Inspection {
    /// One word for tables and CSV: `full`, or the main reason why it was not.
    pub fn as_str(&self) -> &'static str {
        self.reason.map_or("full", UninspectedReason::as_str)
    }
}

impl Serialize for Inspection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("status", self.as_str())?;
        map.serialize_entry("inspected_bytes", &self.inspected_bytes)?;
        map.serialize_entry("opaque_bytes", &self.opaque_bytes)?;
        map.serialize_entry("missed_bytes", &self.missed_bytes)?;
        map.end()
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventBody {
    /// A flow ended (or was split by a timeout).
    Flow,
    /// User data was found in an outbound half-stream.
    Finding(Arc<Finding>),
    /// Data went where policy forbids it. With the finding, if one caused it.
    Violation {
        /// The rule that was broken.
        rule: Arc<RuleRef>,
        /// All rules that matched, the deciding one first.
        matched: Vec<Arc<str>>,
        /// The data.
        finding: Option<Arc<Finding>>,
    },
    /// Traffic that nobody can read looks suspicious. No verdict comes of it.
    Suspicion(Arc<Suspicion>),
    /// Something an operator should know that is no crossing.
    Notice(String),
}

/// Why traffic that nobody can read looks suspicious: sums of a UTC day and a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspicion {
    /// The rule.
    pub rule: Arc<RuleRef>,
    /// What was counted together, in words.
    pub group: String,
    /// The day, `YYYY-MM-DD`.
    pub day: String,
    /// Outbound octets that were not read.
    pub unread_bytes: u64,
    /// Outbound octets.
    pub bytes_out: u64,
    /// Inbound octets.
    pub bytes_in: u64,
    /// Whether the rule asks for destinations that are new, and this is one.
    pub new_destination: bool,
}

impl EventBody {
    /// The `event_type` of the contract.
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Flow => "flow",
            Self::Finding(_) => "finding",
            Self::Violation { .. } => "violation",
            Self::Suspicion(_) => "suspicion",
            Self::Notice(_) => "notice",
        }
    }
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Packet clock.
    pub time: Timestamp,
    /// The flow it is about.
    pub flow: Option<Arc<FlowView>>,
    /// What happened.
    pub body: EventBody,
}
