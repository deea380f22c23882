//! Capture files: pcap, pcapng, compressed.

#![no_main]

use std::io::Write as _;

use borderpost::capture::Captures;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(input).expect("written");
    if let Ok(mut captures) = Captures::open(&[file.path().to_path_buf()], None) {
        while captures.next_frame().is_some() {}
        let _ = (captures.summaries(), captures.take_secrets(), captures.take_names());
    }
});
