//! Situations of TCP, as scripts: what is captured, and what must be told.
//!
//! A line of a script is a segment: `> SA 499 100 data`: direction (`>` is 10.0.0.1:1000 to 10.0.0.2:80), flags (`-` for none),
//! sequence number, acknowledgement number if there is an `A`, payload (`abc+3`: three more octets were cut by a snaplen).
//! `@5` sets the clock, in seconds.

use super::recorder::*;
use crate::flow::FlowCounts;
use crate::model::*;

fn play(bench: &mut Bench, script: &str) {
    let (client, server) = (end("10.0.0.1", 1000), end("10.0.0.2", 80));
    let mut now = seconds(0);
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(at) = line.strip_prefix('@') {
            now = seconds(at.parse().unwrap());
            continue;
        }
        let mut words = line.split_whitespace();
        let (src, dst) = if words.next() == Some(">") { (client, server) } else { (server, client) };
        let mut flags = TcpFlags(0);
        for letter in words.next().unwrap().chars() {
            flags.0 |= match letter {
                'F' => 1,
                'S' => 2,
                'R' => 4,
                'P' => 8,
                'A' => 16,
                'U' => 32,
                '-' => 0,
                other => panic!("flag {other}"),
            };
        }
        let seq = words.next().unwrap().parse().unwrap();
        let ack = if flags.has(ACK) { words.next().unwrap().parse().unwrap() } else { 0 };
        let data = words.next().unwrap_or_default();
        let (data, cut) = data.split_once('+').unwrap_or((data, "0"));
        let cut: u32 = cut.parse().unwrap();
        let payload_len = data.len() as u32 + cut;
        let segment = Segment::Tcp(TcpSegment { seq, ack, flags, payload: data.as_bytes(), payload_len });
        bench.ingest(&packet(now, src, dst, ip_proto::TCP, segment));
    }
}

type Check = fn(&FlowCounts) -> u64;

struct Case {
    name: &'static str,
    script: &'static str,
    told: &'static str,
    /// A count, and what it must be.
    count: Option<(Check, u64)>,
}

const fn case(name: &'static str, script: &'static str, told: &'static str) -> Case {
    Case { name, script, told, count: None }
}

impl Case {
    const fn counting(mut self, check: Check, expected: u64) -> Self {
        self.count = Some((check, expected));
        self
    }
}

const CASES: &[Case] = &[
    case(
        "a whole connection",
        "> S 99 \n < SA 499 100 \n > A 100 500 \n > PA 100 500 abc \n < A 500 103 wxyz \n > FA 103 504 \n < FA 504 104 \n > A 104 505",
        "open 0 | > 0 abc | < 0 wxyz | > end | < end | close 0 finished",
    ),
    case(
        "out of order",
        "> S 99 \n > A 106 1 ghi \n > A 103 1 def \n > A 100 1 abc",
        "open 0 | > 0 abc | > 3 def | > 6 ghi | > end | < end | close 0 capture-end",
    ),
    case(
        "a retransmission, and one that brings more",
        "> S 99 \n > A 100 1 abc \n > A 100 1 abc \n > A 101 1 bcdef",
        "open 0 | > 0 abc | > 3 def | > end | < end | close 0 capture-end",
    )
    .counting(|c| c.retransmitted_bytes, 5),
    case(
        "the first copy wins while it waits, and the difference is told",
        "> S 99 \n > A 103 1 def \n > A 100 1 abcXef \n > A 105 1 fg",
        "open 0 | > drop 1 conflict | > 0 abc | > 3 def | > 6 g | > end | < end | close 0 capture-end",
    )
    .counting(|c| c.retransmitted_bytes, 3),
    case(
        "one segment around several that wait",
        "> S 99 \n > A 102 1 c \n > A 105 1 f \n > A 100 1 abcdefgh",
        "open 0 | > 0 ab | > 2 c | > 3 de | > 5 f | > 6 gh | > end | < end | close 0 capture-end",
    ),
    case(
        "keep-alives with and without an octet",
        "> S 99 \n > A 100 1 abc \n > A 102 1 \n > A 102 1 c \n > A 103 1 d",
        "open 0 | > 0 abc | > 3 d | > end | < end | close 0 capture-end",
    )
    .counting(|c| c.keep_alives, 2),
    case(
        "a zero-window probe carries an octet of the stream",
        "> S 99 \n > A 100 1 abc \n > A 103 1 d \n > A 103 1 defg",
        "open 0 | > 0 abc | > 3 d | > 4 efg | > end | < end | close 0 capture-end",
    ),
    case(
        "midstream",
        "< A 500 100 xyz \n > A 100 503 abc \n < A 503 103",
        "open 0? | > 0 xyz | < 0 abc | > end | < end | close 0 capture-end",
    ),
    case(
        "midstream after a keep-alive",
        "> A 99 500 \n < A 500 100 \n > A 100 500 abc",
        "open 0? | > 0 abc | > end | < end | close 0 capture-end",
    ),
    case(
        "midstream: what comes before the first octet seen",
        "> A 100 1 abc \n > A 98 1 yzabcd",
        "open 0? | > 0 abc | > drop 2 before-start | > 3 d | > end | < end | close 0 capture-end",
    ),
    case(
        "a SYN that comes after the data it precedes",
        "> A 100 1 abc \n > S 99 \n < SA 499 100 \n > A 103 500 d",
        "open 0? | > 0 abc | > 3 d | > end | < end | close 0 capture-end",
    ),
    case(
        "a SYN-ACK first: its receiver opened the flow, and its acknowledgement is where that begins",
        "< SA 499 100 \n > A 103 500 def \n > A 100 500 abc",
        "open 0 | > 0 abc | > 3 def | > end | < end | close 0 capture-end",
    ),
    case(
        "sequence numbers wrap",
        "> S 4294967292 \n > A 0 1 def \n > A 4294967293 1 abc \n > A 3 1 ghi",
        "open 0 | > 0 abc | > 3 def | > 6 ghi | > end | < end | close 0 capture-end",
    ),
    case(
        "fast open: data on the SYN, sent again because it was not accepted",
        "> S 99 abc \n < SA 499 100 \n > A 100 500 abcd",
        "open 0 | > 0 abc | > 3 d | > end | < end | close 0 capture-end",
    ),
    case(
        "SYN and SYN-ACK again",
        "> S 99 \n > S 99 \n < SA 499 100 \n < SA 499 100 \n > A 100 500 abc",
        "open 0 | > 0 abc | > end | < end | close 0 capture-end",
    ),
    case(
        "four-way split handshake",
        "> S 99 \n < A 0 100 \n < S 499 \n > SA 99 500 \n < A 500 100 xyz \n > A 100 503 abc",
        "open 0 | < 0 xyz | > 0 abc | > end | < end | close 0 capture-end",
    ),
    case(
        "simultaneous open",
        "> S 99 \n < S 499 \n > SA 99 500 \n < SA 499 100 \n > A 100 500 abc \n < A 500 103 x",
        "open 0 | > 0 abc | < 0 x | > end | < end | close 0 capture-end",
    ),
    case(
        "urgent data stays in line",
        "> S 99 \n > A 100 1 ab \n > UA 102 1 c \n > A 103 1 de",
        "open 0 | > 0 ab | > 2 c | > 3 de | > end | < end | close 0 capture-end",
    ),
    case(
        "a FIN out of order ends the stream only when it is reached and acknowledged",
        "> S 99 \n < SA 499 100 \n > FA 103 500 def \n > A 100 500 abc \n < A 500 107",
        "open 0 | > 0 abc | > 3 def | > end | < end | close 0 capture-end",
    ),
    case(
        "data past an acknowledged FIN",
        "> S 99 \n < SA 499 100 \n > FA 100 500 abc \n < A 500 104 \n > A 103 500 X \n > A 104 500 YZ",
        "open 0 | > 0 abc | > end | > drop 1 after-end | > drop 2 after-end | < end | close 0 capture-end",
    ),
    case(
        "a forged FIN hides nothing",
        "> S 99 \n < SA 499 100 \n > FA 100 500 abc \n > A 103 500 def \n < A 500 106",
        "open 0 | > 0 abc | > 3 def | > end | < end | close 0 capture-end",
    )
    .counting(|c| c.fins_ignored, 1),
    case(
        "the data before a FIN acknowledged, not the FIN",
        "> S 99 \n < SA 499 100 \n > FA 100 500 abc \n < A 500 103 \n > A 103 500 def",
        "open 0 | > 0 abc | > 3 def | > end | < end | close 0 capture-end",
    ),
    case(
        "RST",
        "> S 99 \n < RA 0 100 \n @40 \n > S 199",
        "open 0 | > end | < end | close 0 reset | open 2 | > end | < end | close 2 capture-end",
    ),
    case(
        "a RST far away, and one with payload",
        "> S 99 \n < SA 499 100 \n > R 2000000000 \n > A 100 500 abc \n > R 103 sorry",
        "open 0 | > 0 abc | > drop 5 reset | > end | < end | close 0 reset",
    )
    .counting(|c| c.rsts_ignored, 1),
    case(
        "a forged RST ends nothing: its supposed sender goes on",
        "> S 99 \n < SA 499 100 \n > A 100 500 abc \n > R 103 \n > A 103 500 def \n @60 \n > A 106 500 ghi",
        "open 0 | > 0 abc | > 3 def | > 6 ghi | > end | < end | close 0 capture-end",
    )
    .counting(|c| c.resets_survived, 1),
    case(
        "port reuse after the end",
        "> S 99 \n < SA 499 100 \n > FA 100 500 abc \n < FA 500 104 \n > A 104 501 \n > S 7000 \n < SA 9000 7001 \n > A 7001 9001 new",
        "open 0 | > 0 abc | > end | < end | close 0 finished | open 5 | > 0 new | > end | < end | close 5 capture-end",
    ),
    case(
        "port reuse after the end with the same number",
        "> S 99 \n < SA 499 100 \n > FA 100 500 abc \n < FA 500 104 \n > A 104 501 \n > S 99 \n < SA 499 100 \n > A 100 500 new",
        "open 0 | > 0 abc | > end | < end | close 0 finished | open 5 | > 0 new | > end | < end | close 5 capture-end",
    ),
    case(
        "port reuse in a live connection: when it is answered",
        "> S 99 \n < SA 499 100 \n > A 100 500 abc \n > S 7000 \n < SA 9000 7001 \n > A 7001 9001 new",
        "open 0 | > 0 abc | > end | < end | close 0 port-reuse | open 4 | > 0 new | > end | < end | close 4 capture-end",
    ),
    case(
        "a forged SYN in a live connection: never answered",
        "> S 99 \n < SA 499 100 \n > A 100 500 abc \n > S 7000 \n < A 500 103 \n > A 103 500 def",
        "open 0 | > 0 abc | > 3 def | > end | < end | close 0 capture-end",
    )
    .counting(|c| c.syns_ignored, 1),
    case(
        "a SYN that nobody answers, and the next attempt",
        "> S 99 \n > S 7000 \n > A 7001 1 abc",
        "open 0 | > end | < end | close 0 port-reuse | open 1 | > 0 abc | > end | < end | close 1 capture-end",
    ),
    case(
        "a hole at the end of the flow",
        "> S 99 \n > A 100 1 abc \n > A 106 1 ghi",
        "open 0 | > 0 abc | > gap 3+3 lost | > 6 ghi | > end | < end | close 0 capture-end",
    ),
    case(
        "a hole given up after its time, and what comes too late",
        "> S 99 \n > A 103 1 def \n @29 \n > A 106 1 ghi \n @30 \n > A 109 1 jkl \n > A 100 1 abcd",
        "open 0 | > gap 0+3 lost | > 3 def | > 6 ghi | > 9 jkl | > drop 3 late | > end | < end | close 0 capture-end",
    )
    .counting(|c| c.retransmitted_bytes, 1),
    case(
        "progress gives a hole more time",
        "> S 99 \n > A 106 1 ghi \n @20 \n > A 100 1 abc \n @45 \n > A 103 1 def",
        "open 0 | > 0 abc | > 3 def | > 6 ghi | > end | < end | close 0 capture-end",
    ),
    case(
        "acknowledged and never seen, at the end",
        "> S 99 \n < SA 499 100 \n > A 100 500 abc \n < A 500 110",
        "open 0 | > 0 abc | > gap 3+7 lost | > end | < end | close 0 capture-end",
    )
    .counting(|c| c.acked_unseen_bytes, 7),
    case(
        "cut by a snaplen, in order and not",
        "> S 99 \n > A 100 1 abc+3 \n > A 109 1 jk+1 \n > A 106 1 ghi",
        "open 0 | > 0 abc | > gap 3+3 cut | > 6 ghi | > 9 jk | > gap 11+1 cut | > end | < end | close 0 capture-end",
    ),
    case(
        "one segment far away",
        "> S 99 \n < SA 499 100 \n > A 100 500 abc \n > A 900000000 500 bogus \n > A 103 500 def",
        "open 0 | > 0 abc | > drop 5 out-of-window | > 3 def | > end | < end | close 0 capture-end",
    )
    .counting(|c| c.segments_out_of_window, 1),
    case(
        "a jump that the receiver confirms",
        "> S 99 \n < SA 499 100 \n > A 100 500 abc \n < A 500 900000100 \n > A 900000100 500 far",
        "open 0 | > 0 abc | > gap 3+899999997 lost | > 900000000 far | > end | < end | close 0 capture-end",
    )
    .counting(|c| c.resyncs, 1),
    case(
        "a jump in a one-sided capture, once it persists",
        "> S 2000000099 \n > A 2000000100 1 abc \n > A 100 1 d \n > A 101 1 e \n > A 102 1 f \n > A 103 1 g \n > A 104 1 h",
        "open 0 | > 0 abc | > drop 1 out-of-window | > drop 1 out-of-window | > drop 1 out-of-window | > gap 3+0 lost | > 3 g | > 4 h | > end | < end | close 0 capture-end",
    ),
    case(
        "no jump while the receiver acknowledges here",
        "> S 99 \n < SA 499 100 \n > A 900000100 1 d \n > A 900000101 1 e \n > A 900000102 1 f \n > A 900000103 1 g \n > A 100 500 abc",
        "open 0 | > drop 1 out-of-window | > drop 1 out-of-window | > drop 1 out-of-window | > drop 1 out-of-window | > 0 abc | > end | < end | close 0 capture-end",
    ),
    case(
        "one-sided: a FIN from the only side",
        "> S 99 \n > FA 100 1 abc \n @40 \n > S 7000",
        "open 0 | > 0 abc | > end | < end | close 0 finished | open 2 | > end | < end | close 2 capture-end",
    ),
    case(
        "idle for an hour: two flows, the second midstream",
        "> S 99 \n < SA 499 100 \n > A 100 500 abc \n @3600 \n > A 103 500 def",
        "open 0 | > 0 abc | > end | < end | close 0 idle-timeout | open 3? | > 0 def | > end | < end | close 3 capture-end",
    ),
];

#[test]
fn each_situation_is_told_as_it_should_be() {
    for case in CASES {
        let mut bench = Bench::new(&Limits::default());
        play(&mut bench, case.script);
        bench.finish();
        assert_eq!(bench.told.trace.join(" | "), case.told, "{}", case.name);
        if let Some((check, expected)) = case.count {
            assert_eq!(check(bench.table.counts()), expected, "{}", case.name);
        }
    }
}

/// Acknowledged by the receiver and enough waiting: no need to wait for the timeout.
#[test]
fn a_hole_the_receiver_does_not_have_is_given_up_early() {
    let mut bench = Bench::new(&Limits::default());
    play(&mut bench, "> S 99 \n < SA 499 100");
    for n in 0..16 {
        play(&mut bench, &format!("> A {} 500 x", 110 + n));
    }
    assert_eq!(bench.told.trace.join(" | "), "open 0", "the receiver may still get it");
    play(&mut bench, "< A 500 126");
    assert!(bench.told.trace[1].contains("gap 0+10 lost"));
    assert_eq!(bench.told.flows[&0].halves[0].position, 26);
    assert_eq!(bench.table.counts().acked_unseen_bytes, 10);
    bench.finish();
}

#[test]
fn after_skip_nothing_is_told_but_what_waited() {
    let mut bench = Bench::new(&Limits::default());
    bench.told.skip_after = Some(3);
    play(&mut bench, "> S 99 \n < SA 499 100 \n > A 106 500 ghi \n > A 100 500 abcdefghij \n > A 110 500 klm");
    play(&mut bench, "> FA 113 500 \n < A 500 114");
    bench.finish();
    assert_eq!(
        bench.told.trace.join(" | "),
        "open 0 | > 0 abcdef | > drop 3 skipped | > drop 1 skipped | > end | < end | close 0 capture-end"
    );
    let counts = bench.table.counts();
    assert_eq!((counts.retransmitted_bytes, counts.skipped_bytes), (3, 3));
}

/// A stream's and the table's budget: the hole goes, the octets stay.
#[test]
fn at_a_budget_the_oldest_hole_is_given_up() {
    for limits in [
        Limits { held_bytes_per_stream_max: 300, ..Limits::default() },
        Limits { held_bytes_max: 300, ..Limits::default() },
        Limits { held_bytes_max: 0, ..Limits::default() },
    ] {
        let mut bench = Bench::new(&limits);
        play(&mut bench, "> S 99 \n > A 102 1 c \n > A 104 1 e \n > A 106 1 g \n > A 100 1 ab");
        bench.finish();
        let half = &bench.told.flows[&0].halves[0];
        assert_eq!(half.octets, b"ceg", "{limits:?}");
        assert_eq!(half.gaps[0], (0, 2, crate::flow::GapCause::Limit));
        assert_eq!(half.dropped[&crate::flow::DropReason::Late], 2);
        assert!(bench.table.counts().held_limit_hits > 0);
    }
}

/// A 5 GiB stream: offsets go past 2^32, sequence numbers wrap.
#[test]
fn offsets_outgrow_sequence_numbers() {
    let mut bench = Bench::new(&Limits::default());
    bench.told.quiet = true;
    let (client, server) = (end("10.0.0.1", 1000), end("10.0.0.2", 80));
    bench.ingest(&packet(seconds(0), client, server, 6, tcp(SYN, 99, 0, b"")));
    // Segments with one captured octet and 8 MiB cut off: the same arithmetic without the octets.
    let step = 8u32 << 20;
    let mut seq = 100u32;
    for n in 0..640u64 {
        let segment = TcpSegment { seq, ack: 1, flags: ACK, payload: b"x", payload_len: step };
        bench.ingest(&packet(seconds(n), client, server, 6, Segment::Tcp(segment)));
        seq = seq.wrapping_add(step);
    }
    assert_eq!(bench.told.flows[&0].halves[0].position, 5 << 30);
    bench.finish();
}
