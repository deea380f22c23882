//! A little network on paper: hosts, TCP conversations and datagrams, written as a pcap with nanoseconds.

use std::net::{IpAddr, SocketAddr};

use etherparse::PacketBuilder;

/// Frames in the order in which they were written.
pub struct Recorder {
    frames: Vec<(u64, Vec<u8>)>,
    now_ns: u64,
    ids: u16,
}

const MSS: usize = 1448;

impl Recorder {
    pub fn starting_at(seconds: u64) -> Self {
        Self { frames: Vec::new(), now_ns: seconds * 1_000_000_000, ids: 0 }
    }

    /// Lets time pass.
    pub fn wait_ms(&mut self, ms: u64) {
        self.now_ns += ms * 1_000_000;
    }

    pub fn frames(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.frames.iter().map(|(time, frame)| (*time, frame.as_slice()))
    }

    /// The capture as a little-endian pcap with nanosecond times, link type Ethernet.
    pub fn into_pcap(mut self) -> Vec<u8> {
        self.frames.sort_by_key(|(time, _)| *time);
        let mut out = Vec::new();
        out.extend(0xa1b2_3c4d_u32.to_le_bytes());
        out.extend(2u16.to_le_bytes());
        out.extend(4u16.to_le_bytes());
        out.extend([0; 8]);
        out.extend(262_144u32.to_le_bytes());
        out.extend(1u32.to_le_bytes());
        for (time, frame) in &self.frames {
            out.extend(((time / 1_000_000_000) as u32).to_le_bytes());
            out.extend(((time % 1_000_000_000) as u32).to_le_bytes());
            out.extend((frame.len() as u32).to_le_bytes());
            out.extend((frame.len() as u32).to_le_bytes());
            out.extend(frame);
        }
        out
    }

    /// One UDP datagram.
    pub fn udp(&mut self, from: SocketAddr, to: SocketAddr, payload: &[u8]) {
        let builder = self.ip(from.ip(), to.ip()).udp(from.port(), to.port());
        let mut frame = Vec::new();
        builder.write(&mut frame, payload).expect("fits a frame");
        self.push(frame);
    }

    fn ip(&mut self, from: IpAddr, to: IpAddr) -> etherparse::PacketBuilderStep<etherparse::IpHeaders> {
        let link = PacketBuilder::ethernet2(mac(from), mac(to));
        self.ids = self.ids.wrapping_add(1);
        match (from, to) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let mut header =
                    etherparse::Ipv4Header::new(0, 64, etherparse::IpNumber::TCP, from.octets(), to.octets())
                        .expect("an empty payload fits");
                header.identification = self.ids;
                header.dont_fragment = true;
                link.ip(etherparse::IpHeaders::Ipv4(header, Default::default()))
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => link.ipv6(from.octets(), to.octets(), 64),
            _ => unreachable!("one address family a conversation"),
        }
    }

    fn push(&mut self, frame: Vec<u8>) {
        self.frames.push((self.now_ns, frame));
        self.now_ns += 40_000;
    }

    /// Opens a TCP connection: three packets, a round trip of `rtt_ms`.
    pub fn connect(&mut self, client: SocketAddr, server: SocketAddr, rtt_ms: u64) -> Conversation {
        let mut seed = 0x811c_9dc5_u32;
        for octet in format!("{client}{server}").bytes() {
            seed = (seed ^ u32::from(octet)).wrapping_mul(0x0100_0193);
        }
        let mut conversation = Conversation {
            ends: [client, server],
            next: [seed, seed.rotate_left(13) ^ 0x5bd1_e995],
            half_rtt_ms: rtt_ms / 2,
        };
        conversation.segment(self, 0, &[], "S");
        self.wait_ms(rtt_ms);
        conversation.segment(self, 1, &[], "SA");
        conversation.segment(self, 0, &[], "A");
        conversation
    }
}

/// A TCP connection. End 0 is the client.
pub struct Conversation {
    ends: [SocketAddr; 2],
    next: [u32; 2],
    half_rtt_ms: u64,
}

impl Conversation {
    /// `octets` from one end, in segments of the usual size, acknowledged by the other.
    pub fn send(&mut self, recorder: &mut Recorder, end: usize, octets: &[u8]) {
        recorder.wait_ms(self.half_rtt_ms);
        let mut chunks = octets.chunks(MSS).peekable();
        while let Some(chunk) = chunks.next() {
            self.segment(recorder, end, chunk, if chunks.peek().is_some() { "A" } else { "PA" });
        }
        recorder.wait_ms(self.half_rtt_ms);
        self.segment(recorder, 1 - end, &[], "A");
    }

    /// FIN from both ends.
    pub fn close(mut self, recorder: &mut Recorder) {
        self.segment(recorder, 0, &[], "FA");
        recorder.wait_ms(self.half_rtt_ms * 2);
        self.segment(recorder, 1, &[], "FA");
        self.segment(recorder, 0, &[], "A");
    }

    /// One segment with any flags.
    pub fn segment(&mut self, recorder: &mut Recorder, end: usize, payload: &[u8], flags: &str) {
        let (from, to) = (self.ends[end], self.ends[1 - end]);
        let mut builder = recorder.ip(from.ip(), to.ip()).tcp(from.port(), to.port(), self.next[end], 64_240);
        for flag in flags.chars() {
            builder = match flag {
                'S' => builder.syn(),
                'A' => builder.ack(self.next[1 - end]),
                'F' => builder.fin(),
                'P' => builder.psh(),
                'R' => builder.rst(),
                other => panic!("no flag {other}"),
            };
        }
        let mut frame = Vec::new();
        builder.write(&mut frame, payload).expect("fits a frame");
        recorder.push(frame);
        let control = flags.chars().filter(|flag| matches!(flag, 'S' | 'F')).count() as u32;
        self.next[end] = self.next[end].wrapping_add(payload.len() as u32 + control);
    }
}

/// A locally administered MAC address made of an address's last octets.
fn mac(addr: IpAddr) -> [u8; 6] {
    let octets = match addr {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets()[12..].to_vec(),
    };
    // Remote hosts are behind the gateway.
    if octets[0] == 10 { [2, 0, octets[0], octets[1], octets[2], octets[3]] } else { [2, 0, 10, 20, 0, 1] }
}

/// A DNS query and its answer with one A record.
pub fn dns(recorder: &mut Recorder, client: SocketAddr, resolver: SocketAddr, id: u16, name: &str, addr: IpAddr) {
    let mut question = Vec::new();
    for label in name.split('.') {
        question.push(label.len() as u8);
        question.extend(label.bytes());
    }
    let IpAddr::V4(v4) = addr else { unreachable!("A records only") };
    question.extend([0, 0, 1, 0, 1]);
    let head = |flags: u16, answers: u16| {
        let words = [id, flags, 1, answers, 0, 0];
        words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>()
    };
    let query = [head(0x0100, 0), question.clone()].concat();
    let record = [&[0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4][..], &v4.octets()].concat();
    let answer = [head(0x8180, 1), question, record].concat();
    recorder.udp(client, resolver, &query);
    recorder.wait_ms(2);
    recorder.udp(resolver, client, &answer);
    recorder.wait_ms(1);
}
