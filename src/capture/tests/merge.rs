//! Several captures as one: order, counting, filtering, opening.

use super::*;

#[test]
fn merges_by_time_then_by_file_and_keeps_the_order_within_a_file() {
    let capture = |times: &[u64], mark: u8| {
        let mut writer = PcapWriter::new(Vec::new(), LinkType::ETHERNET).unwrap();
        for &time in times {
            writer.frame(Timestamp::from_nanos(time), 60, &[mark, time as u8]).unwrap();
        }
        writer.finish().unwrap()
    };
    // The second file's clock steps back.
    let contents =
        [capture(&[1, 5, 9], b'a'), capture(&[2, 7, 3, 9], b'b'), capture(&[], b'c'), capture(&[5, 5, 20], b'd')];
    let files = Files::new(&contents.each_ref().map(|octets| &octets[..]));
    let mut captures = Captures::open(&files.paths, None).unwrap();
    let order: Vec<(u8, u8)> = drain(&mut captures).iter().map(|seen| (seen.data[0], seen.data[1])).collect();
    let expected =
        [(b'a', 1), (b'b', 2), (b'a', 5), (b'd', 5), (b'd', 5), (b'b', 7), (b'b', 3), (b'a', 9), (b'b', 9), (b'd', 20)];
    assert_eq!(order, expected);
    let summaries = captures.summaries();
    assert!(summaries.iter().all(|summary| summary.complete && summary.error.is_none()));
    let span = |from, to| Some((Timestamp::from_nanos(from), Timestamp::from_nanos(to)));
    assert_eq!(summaries[1].span, span(2, 9));
    assert_eq!((summaries[0].packets, summaries[0].bytes), (3, 180));
    let total: u64 = contents.iter().map(|octets| octets.len() as u64).sum();
    assert_eq!((captures.position(), captures.total_bytes()), (total, Some(total)));
}

#[test]
fn more_files_than_descriptors() {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = (0..300_u64)
        .map(|index| {
            let path = folder.path().join(format!("{index}.pcap"));
            let mut writer = PcapWriter::new(Vec::new(), LinkType::ETHERNET).unwrap();
            // The files lie the other way round in time.
            writer.frame(Timestamp::from_nanos(1000 - index), 60, b"x").unwrap();
            writer.frame(Timestamp::from_nanos(1000 - index), 60, b"y").unwrap();
            std::fs::write(&path, writer.finish().unwrap()).unwrap();
            path
        })
        .collect();
    let mut captures = Captures::open(&paths, None).unwrap();
    std::fs::remove_file(&paths[299]).unwrap();
    let times: Vec<u64> = drain(&mut captures).iter().map(|seen| seen.nanos).collect();
    assert_eq!(times, (702..=1000).flat_map(|time| [time, time]).collect::<Vec<_>>());
    let summaries = captures.summaries();
    assert!(summaries[..299].iter().all(|summary| summary.complete && summary.packets == 2));
    assert!(summaries[299].error.as_ref().unwrap().starts_with("cannot be opened again"));
}

#[test]
fn filters_before_counting() {
    let udp = |port: u16| {
        let ip = [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 9];
        [&ip[..], &port.to_be_bytes(), &[0, 8, 0, 0]].concat()
    };
    let mut writer = PcapngWriter::new(Vec::new()).unwrap();
    let raw = writer.interface(LinkType::RAW).unwrap();
    let ethernet = writer.interface(LinkType::ETHERNET).unwrap();
    let unknown = writer.interface(LinkType(147)).unwrap();
    writer.frame(raw, Timestamp::from_nanos(1), 28, &udp(80)).unwrap();
    writer.frame(raw, Timestamp::from_nanos(2), 28, &udp(53)).unwrap();
    writer.frame(ethernet, Timestamp::from_nanos(3), 42, &[&[0; 12][..], &[8, 0], &udp(53)].concat()).unwrap();
    writer.frame(raw, Timestamp::from_nanos(4), 28, &udp(99)).unwrap();
    writer.frame(unknown, Timestamp::from_nanos(5), 28, &udp(53)).unwrap();
    let file = writer.finish().unwrap();
    // The last block: 32 octets around a frame of 28.
    let files = Files::new(&[&file[..file.len() - 60], &file]);
    let mut captures = Captures::open(&files.paths[..1], Some("udp dst port 53")).unwrap();
    assert_eq!(drain(&mut captures).iter().map(|seen| seen.nanos).collect::<Vec<_>>(), [2, 3]);
    let summary = captures.summaries().remove(0);
    assert_eq!((summary.packets, summary.bytes, summary.complete), (2, 70, true));
    assert_eq!(summary.span, Some((Timestamp::from_nanos(2), Timestamp::from_nanos(3))));

    let mut captures = Captures::open(&files.paths[1..], Some("udp dst port 53")).unwrap();
    assert_eq!(drain(&mut captures).len(), 2);
    let summary = captures.summaries().remove(0);
    let error = summary.error.unwrap();
    assert!(
        !summary.complete && error.starts_with("1 frames left out: filter \"udp dst port 53\" does not"),
        "{error}"
    );

    for (paths, filter, message) in [
        (&files.paths[..], "prot 5", "filter \"prot 5\" does not compile for link type 101 of "),
        (&files.paths[..0], "udp and", "filter \"udp and\" does not compile for link type 1 of an empty capture: "),
    ] {
        let error = Captures::open(paths, Some(filter)).err().expect("an error").to_string();
        assert!(error.starts_with(message), "{error}");
    }
}

#[test]
fn what_cannot_be_opened_is_an_error_with_its_path() {
    let files = Files::new(&[]);
    let missing = files.folder.path().join("missing.pcap");
    for paths in [vec![missing.clone()], vec![files.folder.path().to_owned()]] {
        let error = Captures::open(&paths, None).err().expect("an error").to_string();
        assert!(error.starts_with(&format!("{}: ", paths[0].display())), "{error}");
    }
    let twice = [PathBuf::from("-"), missing, PathBuf::from("-")];
    let error = Captures::open(&twice, None).err().expect("an error").to_string();
    assert_eq!(error, "-: standard input can be read only once");
}
