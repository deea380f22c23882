//! The captures of other projects with independent truth, where they are at hand.

use super::*;

/// The ends of a truth file's `first` and `last`: seconds and nine digits, past 64 bits of nanoseconds saturating.
fn nanos(text: &str) -> u64 {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let fraction: u64 = format!("{fraction:0<9}")[..9].parse().unwrap();
    Timestamp::from_parts(seconds.parse().unwrap(), fraction).nanos()
}

#[test]
fn agrees_with_independent_truth() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    if !shared.join("truth").is_dir() {
        eprintln!("skipped: there are no captures with truth at {}", shared.display());
        return;
    }
    let mut compared = 0;
    let mut truths: Vec<PathBuf> = std::fs::read_dir(shared.join("truth"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .flat_map(|folder| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()))
        .collect();
    truths.sort();
    for path in truths {
        let truth: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let format = &truth["format"];
        let name = truth["capture"].as_str().unwrap();
        let mut captures = Captures::open(&[shared.join("captures").join(name)], None).unwrap();
        let seen = drain(&mut captures);
        let summary = captures.summaries().remove(0);
        compared += 1;

        let kind = format["kind"].as_str().unwrap();
        let expected_format = match kind {
            "empty" => "",
            kind if kind.starts_with("pcapng") => "pcapng",
            _ => "pcap",
        };
        assert_eq!(summary.format, expected_format, "{name}");
        let blocks = |kinds: &[&str]| kinds.iter().filter_map(|kind| format["blocks"][kind].as_u64()).sum::<u64>();
        let frames = match format["records_complete"].as_u64() {
            Some(records) => records,
            None => blocks(&["EPB", "SPB", "PB"]),
        };
        assert_eq!((summary.packets, seen.len() as u64), (frames, frames), "{name}");

        let whole = kind != "empty"
            && truth["tshark"]["exit"] == 0
            && format["trailing_bytes"].as_u64().unwrap_or(0) == 0
            && format["header_truncated"].is_null();
        assert_eq!(summary.complete, whole, "{name}: {:?}", summary.error);
        assert_eq!(summary.error.is_none(), whole, "{name}");

        let mut links: Vec<u32> = format["link_types"].as_array().map_or(Vec::new(), |links| {
            links.iter().map(|link| source::link_type(link.as_u64().unwrap() as u16).0).collect()
        });
        links.sort_unstable();
        for frame in &seen {
            assert!(links.binary_search(&frame.link).is_ok(), "{name}: link type {}", frame.link);
        }
        let numbered = truth["packets"]["frames"].as_u64();
        if numbered == Some(frames) {
            assert_eq!(Some(summary.bytes), truth["packets"]["frame_bytes"].as_u64(), "{name}");
            let captured: usize = seen.iter().map(|frame| frame.data.len()).sum();
            assert_eq!(Some(captured as u64), truth["captured_bytes"].as_u64(), "{name}");
        }
        // The truth has a time of 0 for Simple Packet Blocks, where we have that of the frame before.
        if let (Some((first, last)), Some(truth_first), Some(truth_last)) =
            (summary.span, truth["first"].as_str(), truth["last"].as_str())
        {
            // The truth compared its times as floating point: of times within a microsecond it may have taken either.
            if blocks(&["SPB"]) == 0 {
                assert!(first.nanos().abs_diff(nanos(truth_first)) < 1000, "{name}: first {first}");
            }
            assert!(last.nanos().abs_diff(nanos(truth_last)) < 1000, "{name}: last {last}");
        }
    }
    assert!(compared > 300, "{compared} captures compared");
}
