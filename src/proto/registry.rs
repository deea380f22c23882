//! The one place that knows all decoders. To add one, write its file and add one line here; a test fails for a protocol
//! without a candidate, and for a candidate without samples.

use crate::model::{AppProto, Direction};

use super::decoder::{DatagramDecoder, Probe, StreamDecoder};
use super::{
    amqp, dns, dtls, ftp, hl7, http1, http2, imap, kafka, ldap, mongodb, mqtt, msrp, mysql, nfs, pop3, postgres,
    prelude, quic, radius, redis, rsync, sealed, sip, smb2, smpp, smtp, snmp, syslog, tftp, tls,
};

/// The two ports of a flow: originator's, responder's.
pub(crate) type Ports = [u16; 2];

/// A protocol on streams.
pub(crate) struct StreamCandidate {
    /// What it is.
    pub(crate) app: AppProto,
    /// Ports on which it is asked before the others.
    pub(crate) ports: &'static [u16],
    /// Looks at the first octets of a half-stream.
    pub(crate) probe: fn(&[u8]) -> Probe,
    /// Makes the decoder; the direction is the client's.
    pub(crate) make: fn(Direction) -> Box<dyn StreamDecoder>,
}

/// A protocol on datagrams.
pub(crate) struct DatagramCandidate {
    /// What it is.
    pub(crate) app: AppProto,
    /// Ports on which it is asked before the others.
    pub(crate) ports: &'static [u16],
    /// Looks at one whole datagram. Where the content alone is too weak a sign, the port has to agree.
    pub(crate) probe: fn(&[u8], Ports) -> bool,
    /// Makes the decoder; the direction is that of the datagram which was recognised.
    pub(crate) make: fn(Direction) -> Box<dyn DatagramDecoder>,
}

macro_rules! candidates {
    ($kind:ident: $($app:ident, $ports:expr, $probe:path, $make:path;)+) => {
        &[$($kind { app: AppProto::$app, ports: $ports, probe: $probe, make: $make }),+]
    };
}

/// Protocols on streams, the surest signs first.
pub(crate) static STREAM: &[StreamCandidate] = candidates! { StreamCandidate:
    Tls,     tls::PORTS,          tls::probe,             tls::decoder;
    Http2,   http1::PORTS,        http2::probe,           http2::decoder;
    Http,    http1::PORTS,        http1::probe,           http1::decoder;
    Smtp,    smtp::PORTS,         smtp::probe,            smtp::decoder;
    Pop3,    pop3::PORTS,         pop3::probe,            pop3::decoder;
    Imap,    imap::PORTS,         imap::probe,            imap::decoder;
    Ftp,     ftp::PORTS,          ftp::probe,             ftp::decoder;
    Sip,     sip::PORTS,          sip::probe,             sip::decoder;
    Msrp,    msrp::PORTS,         msrp::probe,            msrp::decoder;
    Syslog,  syslog::PORTS,       syslog::probe,          syslog::decoder;
    Rsync,   rsync::PORTS,        rsync::probe,           rsync::decoder;
    Ssh,     &[22],               sealed::ssh,            sealed::ssh_decoder;
    Postgres, postgres::PORTS,    postgres::probe,        postgres::decoder;
    Mqtt,    mqtt::PORTS,         mqtt::probe,            mqtt::decoder;
    Amqp,    amqp::PORTS,         amqp::probe,            amqp::decoder;
    MongoDb, mongodb::PORTS,      mongodb::probe,         mongodb::decoder;
    Redis,   redis::PORTS,        redis::probe,           redis::decoder;
    MySql,   mysql::PORTS,        mysql::probe,           mysql::decoder;
    OpenVpn, &[1194],             sealed::openvpn_stream, sealed::openvpn_stream_decoder;
    Dns,     &[53, 5353],         dns::probe_stream,      dns::stream_decoder;
    Hl7,     hl7::PORTS,          hl7::probe,             hl7::decoder;
    Smb,     smb2::PORTS,         smb2::probe,            smb2::decoder;
    Nfs,     nfs::PORTS,          nfs::probe,             nfs::decoder;
    Kafka,   kafka::PORTS,        kafka::probe,           kafka::decoder;
    Ldap,    ldap::PORTS,         ldap::probe,            ldap::decoder;
    Smpp,    smpp::PORTS,         smpp::probe,            smpp::decoder;
    Http2,   &[],                 http2::probe_midstream, http2::midstream_decoder;
    Unknown, &[1080, 5432],       prelude::probe,         prelude::decoder;
};

/// Protocols on datagrams, the surest signs first.
pub(crate) static DATAGRAM: &[DatagramCandidate] = candidates! { DatagramCandidate:
    Dns,       &[53, 5353, 5355], dns::probe_datagram,    dns::datagram_decoder;
    Sip,       sip::PORTS,        sip::probe_datagram,    sip::datagram_decoder;
    Syslog,    syslog::PORTS,     syslog::probe_datagram, syslog::datagram_decoder;
    Tftp,      tftp::PORTS,       tftp::probe,           tftp::decoder;
    Radius,    radius::PORTS,     radius::probe,         radius::decoder;
    Snmp,      snmp::PORTS,       snmp::probe,           snmp::decoder;
    Dtls,      &[4433, 5684],     dtls::probe,           dtls::decoder;
    Quic,      &[443, 853],       quic::probe,           quic::decoder;
    WireGuard, &[51820],          sealed::wireguard,      sealed::wireguard_decoder;
    Ipsec,     &[500, 4500],      sealed::ipsec,          sealed::ipsec_decoder;
    OpenVpn,   &[1194],           sealed::openvpn,        sealed::openvpn_decoder;
};

/// Candidates that the ports of a flow suggest, a bit each. Compared once a flow: what nobody knows is shown to all candidates,
/// every datagram of it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Suggested(u64);

impl Suggested {
    /// Of the stream candidates.
    pub(crate) fn of_stream(ports: Ports) -> Self {
        Self::of(STREAM, |candidate| candidate.ports, ports)
    }

    /// Of the datagram candidates.
    pub(crate) fn of_datagrams(ports: Ports) -> Self {
        Self::of(DATAGRAM, |candidate| candidate.ports, ports)
    }

    fn of<C>(all: &'static [C], ports_of: fn(&C) -> &'static [u16], [a, b]: Ports) -> Self {
        let mut suggested = 0;
        for (at, candidate) in all.iter().enumerate() {
            suggested |= u64::from(ports_of(candidate).iter().any(|port| *port == a || *port == b)) << at;
        }
        Self(suggested)
    }
}

/// The stream candidates, those that the ports suggest first.
pub(crate) fn stream_candidates(suggested: Suggested) -> impl Iterator<Item = &'static StreamCandidate> {
    suggested_first(STREAM, suggested)
}

/// The datagram candidates, those that the ports suggest first.
pub(crate) fn datagram_candidates(suggested: Suggested) -> impl Iterator<Item = &'static DatagramCandidate> {
    suggested_first(DATAGRAM, suggested)
}

fn suggested_first<C>(all: &'static [C], Suggested(mut first): Suggested) -> impl Iterator<Item = &'static C> {
    let mut others = !first;
    std::iter::from_fn(move || {
        let from = if first == 0 { &mut others } else { &mut first };
        let at = from.trailing_zeros();
        *from &= from.wrapping_sub(1);
        all.get(at as usize)
    })
}
