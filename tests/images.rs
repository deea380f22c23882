//! From pixels to findings: photographs of licences in uploads, with what cameras write into them.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;

#[path = "generator/mod.rs"]
mod generator;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use base64::Engine as _;
use borderpost::capture::Captures;
use borderpost::model::{Limits, Segment};
use borderpost::wire::Decoder;
use generator::net::Recorder;
use generator::{barcode, demo};
use serde_json::Value;

const CHINA: &str = "101.126.22.5:80";

fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// A request in a connection of its own.
fn upload(net: &mut Recorder, port: u16, headers: &str, body: &[u8]) {
    let head =
        format!("POST /up HTTP/1.1\r\nHost: files.example.com\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    let mut connection = net.connect(SocketAddr::new(addr("10.20.3.7:0").ip(), port), addr(CHINA), 1);
    connection.send(net, 0, &[head.as_bytes(), body].concat());
    connection.send(net, 1, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    connection.close(net);
}

fn multipart(net: &mut Recorder, port: u16, file: &str, image: &[u8]) {
    let part = format!("--b17\r\nContent-Disposition: form-data; name=\"license_back\"; filename=\"{file}\"\r\n\r\n");
    let body = [part.as_bytes(), image, b"\r\n--b17--\r\n"].concat();
    upload(net, port, "Content-Type: multipart/form-data; boundary=b17\r\n", &body);
}

fn replay(net: Recorder, threads: &str) -> (Vec<String>, String) {
    let mut capture = tempfile::NamedTempFile::new().expect("a temporary file");
    capture.write_all(&net.into_pcap()).expect("writable");
    replay_file(capture.path(), &["--threads", threads])
}

/// Replays a capture and returns its findings as `signature document field`, and its metrics.
fn replay_file(capture: &Path, more: &[&str]) -> (Vec<String>, String) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| dir.path().join(name).to_string_lossy().into_owned();
    let (events, metrics, capture) = (path("e.jsonl"), path("m.prom"), capture.to_string_lossy());
    let args = ["replay", "--quiet", "--events", &events, "--metrics", &metrics, "--home", "US", &capture];
    let output = common::run(args.iter().chain(more));
    assert_eq!(output.status.code(), Some(0), "{}", common::text(&output.stderr));
    let events = std::fs::read_to_string(events).expect("written");
    let planted = ["D1234562", "SAMPLE", "01011990", "00012345", "37.7749"];
    assert!(planted.iter().all(|value| !events.contains(value)));
    let of_finding = |line: &str| {
        let event: Value = serde_json::from_str(line).expect("JSON");
        let finding = event.get("finding").filter(|_| event["event_type"] == "finding")?;
        let text = |key: &str| finding[key].as_str().unwrap_or("-").to_owned();
        Some(format!("{} {} {}", text("signature"), text("document"), text("field")))
    };
    (events.lines().filter_map(of_finding).collect(), std::fs::read_to_string(metrics).expect("written"))
}

fn count_of(metrics: &str, start: &str) -> String {
    let line = metrics.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no {start}"));
    line.rsplit(' ').next().expect("a value").to_owned()
}

const NOT_LOOKED_AT: &str = "borderpost_limits_reached_total{limit=\"images\"}";

#[test]
fn a_licence_is_read_from_its_photograph() {
    let mut net = Recorder::starting_at(1_772_460_000);
    multipart(&mut net, 50_001, "back.jpg", &barcode::jpeg(demo::BARCODE, &[]));
    net.wait_ms(2000);
    multipart(&mut net, 50_002, "back.png", &barcode::png(demo::BARCODE));
    net.wait_ms(2000);
    let base64 = base64::engine::general_purpose::STANDARD.encode(barcode::jpeg(demo::BARCODE, &[]));
    let json = format!("{{\"case\":17,\"photo\":\"data:image/jpeg;base64,{base64}\"}}");
    upload(&mut net, 50_003, "Content-Type: application/json\r\n", json.as_bytes());
    let (found, metrics) = replay(net, "1");
    let body = "http-request-body";
    for document in [
        format!("{body}/multipart/part/jpeg"),
        format!("{body}/multipart/part/png"),
        format!("{body}/json/base64/jpeg"),
    ] {
        for signature in ["us-aamva-header", "us-dl-number"] {
            let expected = format!("{signature} {document}/barcode");
            assert!(found.iter().any(|found| found.starts_with(&expected)), "{expected} not in {found:#?}");
        }
    }
    assert_eq!(count_of(&metrics, NOT_LOOKED_AT), "0");
}

/// Little-endian TIFF: one directory with the camera's model, one with serial numbers, one with a position.
fn tiff() -> Vec<u8> {
    let entry = |tag: u16, kind: u16, count: u32, value: u32| {
        [&tag.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), &value.to_le_bytes()].concat()
    };
    let mut out = b"II*\0\x08\0\0\0\x03\0".to_vec();
    out.extend([entry(0x0110, 2, 14, 200), entry(0x8769, 4, 1, 50), entry(0x8825, 4, 1, 80)].concat());
    out.resize(50, 0);
    out.extend([&[2, 0][..], &entry(0xa431, 2, 13, 220), &entry(0xa435, 2, 11, 240)].concat());
    out.resize(80, 0);
    let letter = |letter: u8| u32::from(letter);
    out.extend([&[4, 0][..], &entry(1, 2, 2, letter(b'N')), &entry(2, 5, 3, 260)].concat());
    out.extend([entry(3, 2, 2, letter(b'W')), entry(4, 5, 3, 284)].concat());
    for (at, text) in [(200, "ACME Camera 7\0"), (220, "BODY00012345\0"), (240, "LENS000987\0")] {
        out.resize(at, 0);
        out.extend(text.as_bytes());
    }
    out.resize(260, 0);
    for (numerator, denominator) in [(37_u32, 1_u32), (46_494, 1000), (0, 1), (122, 1), (25_164, 1000), (0, 1)] {
        out.extend(numerator.to_le_bytes());
        out.extend(denominator.to_le_bytes());
    }
    out
}

#[test]
fn position_and_serial_numbers_are_found_in_a_photograph() {
    let tiff = tiff();
    let exif = [&[0xff, 0xe1][..], &(tiff.len() as u16 + 8).to_be_bytes(), b"Exif\0\0", &tiff].concat();
    let mut net = Recorder::starting_at(1_772_460_000);
    multipart(&mut net, 50_001, "photo.jpg", &barcode::jpeg("no licence", &exif));
    let (found, _) = replay(net, "1");
    let document = "http-request-body/multipart/part/jpeg/exif";
    for (signature, field) in [
        ("exif-model", "exif.CameraModel"),
        ("exif-serial", "exif.BodySerialNumber"),
        ("exif-serial", "exif.LensSerialNumber"),
        ("latlon-pair", "exif.GPSPosition"),
    ] {
        let expected = format!("{signature} {document} {field}");
        assert!(found.contains(&expected), "{expected} not in {found:#?}");
    }
    assert!(!found.iter().any(|found| found.contains("aamva")));
}

/// The budget goes by packet time and by lane: the same images are looked at whatever the number of threads.
#[test]
fn a_flood_of_images_is_looked_at_within_its_budget() {
    let large = barcode::grey_png(850, 850, |_, _| 200);
    let flood = || {
        let mut net = Recorder::starting_at(1_772_460_000);
        let part = |image: &[u8]| {
            let head = b"--b17\r\nContent-Disposition: form-data; name=\"photo\"\r\n\r\n";
            [&head[..], image, b"\r\n"].concat()
        };
        // 0.72 megapixels each, in one flow and so in one lane: two fit in, and what is left is enough for a small one.
        let parts = [part(&large).repeat(5), part(&barcode::png(demo::BARCODE)), b"--b17--\r\n".to_vec()].concat();
        upload(&mut net, 51_000, "Content-Type: multipart/form-data; boundary=b17\r\n", &parts);
        net.wait_ms(1000);
        // A second later one more fits in.
        let parts = [part(&large), part(&large), b"--b17--\r\n".to_vec()].concat();
        upload(&mut net, 51_000, "Content-Type: multipart/form-data; boundary=b17\r\n", &parts);
        net
    };
    let mut config = tempfile::NamedTempFile::new().expect("a temporary file");
    let limits = b"[limits]\nimage_pixels_max = 2000000\nimage_pixels_per_second_max = 700000\n";
    config.write_all(limits).expect("writable");
    let config = config.path().to_string_lossy();
    let mut capture = tempfile::NamedTempFile::new().expect("a temporary file");
    capture.write_all(&flood().into_pcap()).expect("writable");
    let (found, metrics) = replay_file(capture.path(), &["-c", &config]);
    assert_eq!(count_of(&metrics, NOT_LOOKED_AT), "4");
    assert!(
        found.iter().any(|found| found.starts_with("us-aamva-header http-request-body/multipart/part/png/barcode"))
    );
    let missed = "borderpost_egress_uninspected_bytes_total{dst_location=\"CN\",reason=\"decode-limit\"}";
    assert_ne!(count_of(&metrics, missed), "0");
    assert_eq!(replay_file(capture.path(), &["-c", &config, "--threads", "3"]), (found, metrics));
}

/// Photographs of other people's captures: the JPEGs a web server sent, a PNG that was posted, a photograph with EXIF that was
/// published by MQTT, posted here again.
#[test]
fn real_images_are_read() {
    let Some(shared) = common::shared() else { return };
    let captures = shared.join("captures");
    for (capture, local, expected, count) in [
        ("http1/jpegs.pcap", "10.1.1.1/32", "image-jpeg http-response-body/jpeg -", 5),
        ("http1/zeek-image-post-1080-8000-x.pcap", "127.0.0.1/32", "image-png http-request-body/png -", 1),
    ] {
        let (found, metrics) = replay_file(&captures.join(capture), &["--local", local]);
        assert_eq!(found.iter().filter(|found| *found == expected).count(), count, "{capture} {found:?}");
        assert_eq!(count_of(&metrics, NOT_LOOKED_AT), "0");
    }
    let sent = payload_of(&captures.join("messaging/mqtt5-pub-jpeg.pcap"), 1883);
    let start = sent.windows(3).position(|octets| octets == [0xff, 0xd8, 0xff]).expect("a JPEG");
    let mut net = Recorder::starting_at(1_772_460_000);
    multipart(&mut net, 50_001, "photo.jpg", &sent[start..]);
    let (found, _) = replay(net, "1");
    let exif = found.iter().filter(|found| found.contains("http-request-body/multipart/part/jpeg/exif")).count();
    assert!(exif > 0, "{found:#?}");
}

/// What TCP carried to a port, in the order of the capture.
fn payload_of(capture: &Path, port: u16) -> Vec<u8> {
    let mut captures = Captures::open(&[capture.to_path_buf()], None).expect("opens");
    let mut decoder = Decoder::new(&Limits::default());
    let mut payload = Vec::new();
    while let Some(frame) = captures.next_frame() {
        decoder.decode(&frame, &mut |packet| {
            if let (Segment::Tcp(tcp), true) = (&packet.segment, packet.dst_port == port) {
                payload.extend_from_slice(tcp.payload);
            }
        });
    }
    payload
}
