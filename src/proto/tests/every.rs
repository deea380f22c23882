//! What holds for every decoder and every sample: recognised, cut and damaged anywhere.

use proptest::prelude::*;

use super::samples::{datagram_samples, dns_answer, stream_samples};
use super::*;
use crate::proto::registry::{DATAGRAM, STREAM, Suggested, datagram_candidates};

#[test]
fn every_protocol_has_a_candidate_and_samples() {
    for app in AppProto::ALL.iter().filter(|app| **app != AppProto::Unknown) {
        let known = STREAM.iter().any(|c| c.app == *app) || DATAGRAM.iter().any(|c| c.app == *app);
        assert!(known, "{app}: no candidate in the registry");
    }
    for candidate in STREAM {
        assert!(stream_samples().iter().any(|(app, _)| *app == candidate.app), "{}: no sample", candidate.app);
    }
    for candidate in DATAGRAM {
        assert!(datagram_samples().iter().any(|(app, ..)| *app == candidate.app), "{}: no sample", candidate.app);
    }
}

#[test]
fn ports_bring_candidates_forward_and_leave_none_out() {
    for port in DATAGRAM.iter().flat_map(|candidate| candidate.ports).chain(&[9]) {
        for ports in [[40000, *port], [*port, 40000]] {
            let order: Vec<_> = datagram_candidates(Suggested::of_datagrams(ports)).collect();
            let suggested = order.iter().take_while(|candidate| candidate.ports.contains(port)).count();
            assert!(order.iter().skip(suggested).all(|candidate| !candidate.ports.contains(port)), "{port}");
            assert!(DATAGRAM.iter().all(|known| order.iter().any(|candidate| std::ptr::eq(*candidate, known))));
            assert_eq!(order.len(), DATAGRAM.len());
        }
    }
}

#[test]
fn every_decoder_and_coding_has_a_fuzz_target() {
    let Ok(manifest) = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/Cargo.toml")) else {
        eprintln!("skipped: fuzz/Cargo.toml is not here (it is not in the published package)");
        return;
    };
    let streams = STREAM.iter().map(|candidate| format!("stream-{}", candidate.app));
    let datagrams = DATAGRAM.iter().map(|candidate| format!("datagram-{}", candidate.app));
    let codings = crate::model::Coding::ALL.iter().filter(|coding| **coding != crate::model::Coding::Unknown);
    for target in streams.chain(datagrams).chain(codings.map(|coding| format!("content-{coding}"))) {
        assert!(manifest.contains(&format!("name = \"{target}\"")), "{target}: no target in fuzz/Cargo.toml");
    }
}

/// Not a test: writes every sample as a beginning for its fuzz target, in the form that fuzz/fuzz_targets/protocol.rs reads.
#[test]
#[ignore = "writes to the folder that BORDERPOST_FUZZ_CORPUS names"]
fn write_fuzz_corpus() {
    let Some(folder) = std::env::var_os("BORDERPOST_FUZZ_CORPUS").map(std::path::PathBuf::from) else {
        return eprintln!("skipped: BORDERPOST_FUZZ_CORPUS names no folder");
    };
    let write = |target: String, number: usize, parts: &[(Direction, Vec<u8>)]| {
        let mut input = Vec::new();
        for (dir, octets) in parts {
            for piece in octets.chunks(0x3fff) {
                let way = if *dir == Direction::Backward { 0x8000 } else { 0 };
                input.extend_from_slice(&(piece.len() as u16 | way).to_le_bytes());
                input.extend_from_slice(piece);
            }
        }
        let folder = folder.join(target);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("sample-{number}")), input).unwrap();
    };
    for (number, (app, talk)) in stream_samples().into_iter().enumerate() {
        write(format!("stream-{app}"), number, &talk);
    }
    for (number, (app, _, datagram)) in datagram_samples().into_iter().enumerate() {
        write(format!("datagram-{app}"), number, &[(Forward, datagram)]);
    }
}

/// Taken for any protocol, every sample, cut anywhere, is read without a panic and within little memory.
#[test]
fn every_decoder_stands_every_other_protocol() {
    for (app, transport) in
        STREAM.iter().map(|c| (c.app, Transport::Stream)).chain(DATAGRAM.iter().map(|c| (c.app, Transport::Datagram)))
    {
        for (_, talk) in stream_samples() {
            for step in [1, 7, 4096] {
                let mut seen = Seen::default();
                let mut inspector = Inspector::of(transport, app, [true; 2]).expect("a decoder");
                let mut offsets = [0_u64; 2];
                for (dir, octets) in &talk {
                    let short = octets.get(..600).unwrap_or(octets);
                    for part in short.chunks(step) {
                        let offset = &mut offsets[dir.index()];
                        inspector.octets(*dir, *offset, part, &mut seen);
                        inspector.datagram(*dir, part, part.len() as u32, &mut seen);
                        *offset += part.len() as u64;
                    }
                }
                inspector.end(Forward, &mut seen);
                inspector.end(Backward, &mut seen);
                seen.finished();
                assert!(inspector.held_bytes() < 1 << 20, "{app}");
            }
        }
    }
}

#[test]
fn samples_are_recognised() {
    for (app, talk) in stream_samples() {
        let seen = whole(&borrowed(&talk));
        assert_eq!(seen.protocols.last().copied().unwrap_or(AppProto::Unknown), app, "{seen:?}");
    }
    for (app, ports, datagram) in datagram_samples() {
        let mut seen = Seen::default();
        let mut inspector = Inspector::new(Transport::Datagram, ports[0], ports[1], [true; 2]);
        inspector.datagram(Forward, &datagram, datagram.len() as u32, &mut seen);
        assert_eq!(seen.protocols, [app]);
    }
}

#[test]
fn two_way_splits_give_the_same_facts() {
    for (_, talk) in stream_samples() {
        let talk = borrowed(&talk);
        let expected = whole(&talk);
        let longest = talk.iter().map(|(_, octets)| octets.len()).max().unwrap();
        for at in 1..longest {
            assert_eq!(inspect([40000, 9], &talk, |_| vec![at]), expected, "cut at {at}");
        }
        assert_eq!(inspect([40000, 9], &talk, |octets| vec![1; octets.len()]), expected, "octet by octet");
    }
}

#[test]
fn prefixes_are_accounted_for() {
    for (_, talk) in stream_samples() {
        for (dir, octets) in &talk {
            for len in 0..=octets.len().min(700) {
                let part = &octets[..len];
                let seen = whole(&[(*dir, part)]);
                // Octets of documents and unread octets are never more than what was given.
                let read: usize = seen.documents.values().map(|document| document.octets.len()).sum();
                let unread: u64 = seen.unread.values().sum();
                // What was compressed, or a number in binary, is longer when it is read.
                let expands = matches!(
                    seen.protocols[..],
                    [AppProto::Dns | AppProto::Http2 | AppProto::Postgres | AppProto::MySql]
                ) || seen.documents.values().any(|document| document.start.kind == DocumentKind::Fields);
                // Each compressed message ends with four octets that were not sent.
                assert!(expands || read as u64 + unread <= len as u64 + 4, "{len}: {seen:?}");
            }
        }
    }
}

#[test]
fn documents_come_only_where_wanted() {
    for (_, talk) in stream_samples() {
        let mut seen = Seen::default();
        let mut inspector = Inspector::new(Transport::Stream, 1, 2, [false, false]);
        for (dir, octets) in &talk {
            inspector.octets(*dir, 0, octets, &mut seen);
        }
        inspector.end(Forward, &mut seen);
        inspector.end(Backward, &mut seen);
        assert!(seen.documents.is_empty() && seen.unread.is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any segmentation gives the same facts.
    #[test]
    fn segmentation_does_not_matter(cuts in prop::collection::vec(1_usize..200, 0..60)) {
        for (_, talk) in stream_samples() {
            let talk = borrowed(&talk);
            prop_assert_eq!(inspect([40000, 9], &talk, |_| cuts.clone()), whole(&talk));
        }
    }

    /// No octets, in any order, with gaps anywhere, make it panic, and every document ends.
    #[test]
    fn nothing_panics(
        sample in 0..128_usize,
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        gaps in prop::collection::vec((1_usize..400, 0_u64..20), 0..12),
        ports in any::<[u16; 2]>(),
    ) {
        let samples = stream_samples();
        let (_, talk) = &samples[sample % samples.len()];
        let mut seen = Seen::default();
        let mut inspector = Inspector::new(Transport::Stream, ports[0], ports[1], [true; 2]);
        let mut offsets = [0_u64; 2];
        for (dir, octets) in talk {
            let mut octets = octets.clone();
            for (at, flip) in &flips {
                let at = at.index(octets.len());
                octets[at] = *flip;
            }
            let offset = &mut offsets[dir.index()];
            let mut rest = octets.as_slice();
            for (cut, gap) in &gaps {
                let (head, tail) = rest.split_at((*cut).min(rest.len()));
                inspector.octets(*dir, *offset, head, &mut seen);
                *offset += head.len() as u64;
                inspector.gap(*dir, *offset, *gap, &mut seen);
                *offset += gap;
                rest = tail;
            }
            inspector.octets(*dir, *offset, rest, &mut seen);
            *offset += rest.len() as u64;
        }
        inspector.end(Forward, &mut seen);
        inspector.end(Backward, &mut seen);
        seen.finished();
    }

    /// Random datagrams do not panic, mangled messages neither.
    #[test]
    fn datagrams_do_not_panic(
        random in prop::collection::vec(any::<u8>(), 0..600),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        ports in any::<[u16; 2]>(),
    ) {
        let mut samples: Vec<_> = datagram_samples().into_iter().map(|(.., octets)| octets).collect();
        samples.push(dns_answer(b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x09\x00\x04\x01b\xc0\x0e", 1));
        samples.push(random);
        for mut octets in samples {
            for (at, flip) in &flips {
                if !octets.is_empty() {
                    let at = at.index(octets.len());
                    octets[at] = *flip;
                }
            }
            let mut seen = Seen::default();
            let mut inspector = Inspector::new(Transport::Datagram, ports[0], ports[1], [true; 2]);
            inspector.datagram(Forward, &octets, octets.len() as u32, &mut seen);
            inspector.datagram(Backward, &octets, octets.len() as u32, &mut seen);
            inspector.end(Forward, &mut seen);
            inspector.end(Backward, &mut seen);
            seen.finished();
        }
    }
}
