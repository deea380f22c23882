//! How long each end took to answer in the handshake.

use super::recorder::*;
use crate::model::*;

/// Feeds `(milliseconds, from the client, flags, seq, ack)` and tells the round trips to client and server in milliseconds.
fn round_trips(script: &[(u64, bool, TcpFlags, u32, u32)]) -> [Option<u128>; 2] {
    let mut bench = Bench::new(&Limits::default());
    let (client, server) = (end("10.0.0.1", 1000), end("10.0.0.2", 80));
    for &(ms, forward, flags, seq, ack) in script {
        let (src, dst) = if forward { (client, server) } else { (server, client) };
        let time = Timestamp::from_nanos(seconds(0).nanos() + ms * 1_000_000);
        bench.ingest(&packet(time, src, dst, ip_proto::TCP, tcp(flags, seq, ack, b"")));
    }
    bench.finish();
    let told = bench.told.flows.values().next().unwrap();
    told.round_trips.map(|time| time.map(|time| time.as_millis()))
}

#[test]
fn each_end_is_timed_once_and_only_when_it_is_clear_what_it_answers() {
    let (s, sa, a) = (SYN, SYN_ACK, ACK);
    let plain = [(0, true, s, 99, 0), (30, false, sa, 499, 100), (32, true, a, 100, 500)];
    assert_eq!(round_trips(&plain), [Some(2), Some(30)]);
    // What comes later changes nothing.
    let later = [plain[0], plain[1], plain[2], (33, true, a, 100, 500), (90, false, a, 500, 100)];
    assert_eq!(round_trips(&later), [Some(2), Some(30)]);
    let syn_again = [plain[0], (20, true, s, 99, 0), plain[1], plain[2]];
    assert_eq!(round_trips(&syn_again), [Some(2), None]);
    let syn_ack_again = [plain[0], plain[1], (31, false, sa, 499, 100), plain[2]];
    assert_eq!(round_trips(&syn_ack_again), [None, Some(30)]);
    // An answer to something else, as of one who guesses and does not wait.
    let guessed = [plain[0], (1, false, sa, 499, 77), (2, true, a, 100, 999)];
    assert_eq!(round_trips(&guessed), [None, None]);
    let midstream = [(0, true, a, 100, 500), (30, false, a, 500, 100)];
    assert_eq!(round_trips(&midstream), [None, None]);
    let syn_not_seen = [plain[1], plain[2]];
    assert_eq!(round_trips(&syn_not_seen), [Some(2), None]);
    let backwards_clock = [(50, true, s, 99, 0), (30, false, sa, 499, 100)];
    assert_eq!(round_trips(&backwards_clock), [None, None]);
}
