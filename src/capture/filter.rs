//! The packet filter of the command line: libpcap's own language, compiled by libpcap, once for each link type that occurs.
//!
//! A filter means something only on a link type: `vlan` cannot be said of raw IP, and the same `host` looks elsewhere in
//! Ethernet and in a cooked capture. At opening it must compile for the link type of every capture's first frame (Ethernet if
//! there is none), else nothing is opened. Frames of a link type that comes later, for which it does not compile, cannot
//! match: they are left out, counted, and the capture is reported as not complete, because that is not what was asked for.
//!
//! `len`, `less` and `greater` see the octets captured, not the length on the wire: libpcap's binding passes only those.

use std::collections::BTreeMap;

use pcap::{BpfProgram, Capture, Linktype};

use crate::model::LinkType;

/// A filter and what it was compiled to.
pub(super) struct Filter {
    text: String,
    programs: BTreeMap<u32, Result<BpfProgram, String>>,
}

impl Filter {
    /// A filter that is not compiled yet.
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), programs: BTreeMap::new() }
    }

    /// The filter as it was given.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The program for a link type, or libpcap's message if there is none.
    fn program(&mut self, link: LinkType) -> Result<&BpfProgram, &str> {
        let text = &self.text;
        self.programs.entry(link.0).or_insert_with(|| compile(text, link)).as_ref().map_err(String::as_str)
    }

    /// Compiles for a link type.
    ///
    /// # Errors
    /// libpcap's message.
    pub(super) fn check(&mut self, link: LinkType) -> Result<(), String> {
        self.program(link).map(drop).map_err(str::to_owned)
    }

    /// Whether a frame passes.
    ///
    /// # Errors
    /// libpcap's message, if the filter does not compile for this link type.
    pub(super) fn passes(&mut self, link: LinkType, frame: &[u8]) -> Result<bool, &str> {
        self.program(link).map(|program| program.filter(frame))
    }
}

fn compile(text: &str, link: LinkType) -> Result<BpfProgram, String> {
    let dead = Capture::dead(Linktype(data_link(link)));
    dead.and_then(|capture| capture.compile(text, true)).map_err(|error| match error {
        pcap::Error::PcapError(message) => message,
        other => other.to_string(),
    })
}

/// libpcap compiles for the DLT_ numbers of the system it runs on; those differ from the LINKTYPE_ numbers of files where
/// systems disagreed (pcap-common.c of libpcap, values for Linux).
fn data_link(link: LinkType) -> i32 {
    match link.0 {
        100 => 11,
        101 => 12,
        106 => 19,
        other => i32::try_from(other).unwrap_or(i32::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compiles_for_each_link_type_and_names_what_is_wrong() {
        let ip: Vec<u8> =
            [&[0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2][..], &[0, 53, 0, 9, 0, 8, 0, 0]]
                .concat();
        let ethernet = [&[0; 12][..], &[8, 0], &ip].concat();
        let mut filter = Filter::new("udp port 53 and dst host 10.0.0.2");
        assert_eq!(filter.passes(LinkType::ETHERNET, &ethernet), Ok(true));
        assert_eq!(filter.passes(LinkType::RAW, &ip), Ok(true));
        assert_eq!(filter.passes(LinkType::IPV4, &ip), Ok(true));
        assert_eq!(filter.passes(LinkType::ETHERNET, &ip), Ok(false));
        assert_eq!(filter.passes(LinkType::ETHERNET, &ethernet[..20]), Ok(false));
        assert_eq!(filter.passes(LinkType::ETHERNET, &[]), Ok(false));
        assert!(Filter::new("port port").check(LinkType::ETHERNET).unwrap_err().contains("syntax error"));
        assert!(Filter::new("vlan 5").check(LinkType::ETHERNET).is_ok());
        assert!(Filter::new("vlan 5").check(LinkType::RAW).unwrap_err().contains("no VLAN support"));
        assert!(Filter::new("ip\0").check(LinkType::ETHERNET).is_err());
        assert!(Filter::new("ip").check(LinkType(9999)).is_err());
    }
}
