//! A pcapng of a few hundred octets a packet: short enough that every prefix of it can be replayed. Two interfaces of different link
//! types; DNS, a TLS hello, an HTTP post with a licence, a datagram in three fragments.

use borderpost::capture::write::PcapngWriter;
use borderpost::model::{LinkType, Timestamp};

use super::net::{Recorder, dns};
use super::tls;

const START: u64 = 1_772_460_000;

pub fn capture() -> Vec<u8> {
    let at = |end: &str| end.parse().expect("an address");
    let mut net = Recorder::starting_at(START);
    dns(&mut net, at("10.20.3.7:40000"), at("10.20.0.53:53"), 7, "open.feishu.cn", [101, 126, 22, 5].into());
    let mut post = net.connect(at("10.20.3.7:52000"), at("101.126.22.5:80"), 200);
    let body = "ssn=899-45-6789&driver_license=CA+D1234562";
    let head = "POST /x HTTP/1.1\r\nHost: open.feishu.cn\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 42\r\n\r\n";
    post.send(&mut net, 0, format!("{head}{body}").as_bytes());
    post.close(&mut net);
    let mut sealed = net.connect(at("10.20.3.7:52001"), at("101.126.22.5:443"), 200);
    sealed.send(&mut net, 0, &tls::client_hello("open.feishu.cn", 1));
    sealed.send(&mut net, 0, &tls::application_data(40, 2));

    let mut writer = PcapngWriter::new(Vec::new()).expect("memory");
    let ethernet = writer.interface(LinkType::ETHERNET).expect("memory");
    let raw = writer.interface(LinkType::RAW).expect("memory");
    let mut last = 0;
    for (time, frame) in net.frames() {
        writer.frame(ethernet, Timestamp::from_nanos(time), frame.len() as u32, frame).expect("memory");
        last = time;
    }
    for (i, packet) in fragments().iter().enumerate() {
        let time = Timestamp::from_nanos(last + 1_000_000 * (i as u64 + 1));
        writer.frame(raw, time, packet.len() as u32, packet).expect("memory");
    }
    writer.finish().expect("memory")
}

/// A UDP datagram with a passport number, in three IPv4 fragments, the middle one last.
fn fragments() -> Vec<Vec<u8>> {
    let text = b"passport: X00000001, passport number of the bearer\n";
    let mut datagram = Vec::new();
    for field in [5000u16, 6000, text.len() as u16 + 8, 0] {
        datagram.extend(field.to_be_bytes());
    }
    datagram.extend(text);
    let piece = |from: usize, to: usize| {
        let data = &datagram[from..to.min(datagram.len())];
        let more = to < datagram.len();
        let mut header = etherparse::Ipv4Header::new(
            data.len() as u16,
            64,
            etherparse::IpNumber::UDP,
            [10, 20, 3, 7],
            [101, 126, 22, 5],
        )
        .expect("fits");
        header.identification = 99;
        header.more_fragments = more;
        header.fragment_offset = ((from / 8) as u16).try_into().expect("small");
        header.header_checksum = header.calc_header_checksum();
        [header.to_bytes().as_slice(), data].concat()
    };
    vec![piece(0, 24), piece(40, 200), piece(24, 40)]
}
