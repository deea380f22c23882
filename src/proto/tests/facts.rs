//! What is read of HTTP, TLS and DNS, and of what nobody recognises.

use super::samples::{dns_answer, http2_requests, server_flight, stream_samples};
use super::*;

#[test]
fn a_certificate_names_the_server_where_the_client_does_not() {
    let nameless = records(&client_hello("", 20), 16384);
    let named = records(&client_hello("a.example.com", 20), 16384);
    let expected = |name: &str, source| vec![(name.to_owned(), source)];
    let certificate = expected("www.example.com", NameSource::TlsCertificate);
    for (hello, with_certificate, names) in [
        (&nameless, true, certificate.clone()),
        (&named, true, expected("a.example.com", NameSource::TlsSni)),
        (&nameless, false, Vec::new()),
        (&Vec::new(), true, certificate),
    ] {
        let flight = records(&server_flight(with_certificate), 300);
        let rest = noise(3000);
        let mut seen = Seen::default();
        let mut inspector = Inspector::new(Transport::Stream, 40000, 443, [true; 2]);
        inspector.octets(Forward, 0, hello, &mut seen);
        inspector.octets(Backward, 0, &flight, &mut seen);
        assert_eq!(seen.names, names);
        assert_eq!(inspector.finished(Backward), Some(UninspectedReason::Encrypted));
        inspector.octets(Backward, flight.len() as u64, &rest, &mut seen);
        assert!(seen.documents.is_empty() && inspector.held_bytes() < 2000);
    }
    // A flight that never ends is let go.
    let endless = records(&[&[11, 0, 0xff, 0xf0][..], &[0; 70_000]].concat(), 16_000);
    let mut seen = Seen::default();
    let mut inspector = Inspector::new(Transport::Stream, 40000, 443, [true; 2]);
    for (i, piece) in endless.chunks(1000).enumerate() {
        inspector.octets(Backward, i as u64 * 1000, piece, &mut seen);
        assert!(inspector.held_bytes() < 100_000);
    }
    assert_eq!(inspector.finished(Backward), Some(UninspectedReason::Encrypted));
}

#[test]
fn tls_is_finished_after_the_hello() {
    let hello = records(&client_hello("a.example.com", 2000), 16384);
    let mut seen = Seen::default();
    let mut inspector = Inspector::new(Transport::Stream, 40000, 443, [true; 2]);
    let (first, second) = hello.split_at(1400);
    inspector.octets(Forward, 0, first, &mut seen);
    assert_eq!((inspector.finished(Forward), inspector.finished(Backward)), (None, None));
    inspector.octets(Forward, 1400, second, &mut seen);
    // The hello gives a name: there is nothing to learn from the server's half.
    assert_eq!([Forward, Backward].map(|dir| inspector.finished(dir)), [Some(UninspectedReason::Encrypted); 2]);
    assert_eq!(seen.names, [("a.example.com".to_owned(), NameSource::TlsSni)]);
    let hello = &seen.hellos[0];
    assert_eq!(
        (hello.alpn.as_slice(), hello.versions.as_slice()),
        (&["h2".into(), "http/1.1".into()][..], &[0x304, 0x303][..])
    );
    assert!(hello.ech && seen.unread.is_empty());
}

#[test]
fn http_facts() {
    let (_, talk) = &stream_samples()[2];
    let seen = whole(&borrowed(talk));
    let names: Vec<_> = seen.names.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["b.example", "a.example"]);
    assert_eq!(seen.texts(DocumentKind::HttpRequestBody), ["abc0123456789"]);
    let body = seen.documents.values().find(|d| d.start.kind == DocumentKind::HttpRequestBody).unwrap();
    assert_eq!((body.start.media_type.as_str(), body.start.name.as_deref()), ("text/plain; charset=X", Some("f")));
    assert_eq!(seen.texts(DocumentKind::HttpRequestHead).len(), 4, "three heads and a trailer");
    assert_eq!(seen.texts(DocumentKind::HttpResponseBody), ["body", "to the end\r\nHTTP/1.1 200"]);
    assert!(seen.unread.is_empty());
}

#[test]
fn streams_that_begin_opaque_are_read_later() {
    let talk = [noise(1500), b"cn=user,dc=example ".repeat(100)].concat();
    let seen = whole(&[(Forward, &talk)]);
    assert_eq!(seen.unread, BTreeMap::from([((0, UninspectedReason::UnknownProtocol), 1024)]));
    assert_eq!(seen.texts(DocumentKind::Stream).len(), 1);
    let mut seen = Seen::default();
    let mut inspector = Inspector::new(Transport::Stream, 40000, 443, [true; 2]);
    inspector.octets(Forward, 0, &noise(20_000), &mut seen);
    assert_eq!(inspector.finished(Forward), Some(UninspectedReason::Encrypted));
    assert_eq!((seen.protocols.as_slice(), seen.unread.values().sum::<u64>()), (&[AppProto::Tls][..], 20_000));
}

#[test]
fn websocket_facts() {
    let samples = stream_samples();
    let (_, talk) = samples.iter().find(|(_, talk)| talk[0].1.starts_with(b"GET /chat")).unwrap();
    let seen = whole(&borrowed(talk));
    let texts = seen.texts(DocumentKind::WebSocketMessage);
    assert_eq!(texts[..3], ["hello", "one 1", "p"]);
    let compressed = seen.documents.values().find(|document| !document.start.codings.is_empty()).unwrap();
    assert_eq!(compressed.octets, b"\xca\x49\x05\0\0\xff\xff");
    assert!(seen.unread.is_empty());
}

#[test]
fn http2_without_its_beginning_is_read_as_far_as_it_tells() {
    let requests = http2_requests();
    // From the block that continues the first request's: two fields refer to what was in the table.
    let midstream = [&b"\0\0\x04\x08\0\0\0\0\0\0\0\x10\0"[..], &requests[54..]].concat();
    let seen = whole(&[(Forward, &midstream)]);
    assert_eq!(seen.protocols, [AppProto::Http2]);
    assert_eq!(seen.texts(DocumentKind::HttpRequestBody), ["one two", "first"]);
    assert_eq!(
        seen.texts(DocumentKind::HttpRequestHead),
        [
            ":authority: www.example.com\r\n",
            ":method: POST\r\n:scheme: http\r\n:path: /\r\n:authority: www.example.com\r\n"
        ]
    );
    // After a gap in the middle of a frame.
    let mut seen = Seen::default();
    let mut inspector = Inspector::new(Transport::Stream, 40000, 80, [true; 2]);
    inspector.octets(Forward, 0, &requests[..60], &mut seen);
    inspector.gap(Forward, 60, 1000, &mut seen);
    inspector.octets(Forward, 1060, b"\0\0\x02\x01\x04\0\0\0\x05\x83\xbe\0\0\x04\0\x01\0\0\0\x05body", &mut seen);
    inspector.end(Forward, &mut seen);
    assert_eq!(seen.texts(DocumentKind::HttpRequestBody), ["body"]);
    assert_eq!(seen.unread.get(&(0, UninspectedReason::Undecodable)), Some(&7), "{seen:?}");
}

#[test]
fn http2_facts() {
    let requests = http2_requests();
    let seen = whole(&[(Forward, &requests)]);
    assert_eq!(seen.names, [("www.example.com".to_owned(), NameSource::Http2Authority)]);
    assert_eq!(seen.texts(DocumentKind::HttpRequestBody), ["one two", "first"]);
    assert_eq!(
        seen.texts(DocumentKind::HttpRequestHead)[0],
        ":method: POST\r\n:scheme: http\r\n:path: /u\r\n:authority: www.example.com\r\n"
    );
    assert!(seen.unread.is_empty());
}

#[test]
fn gaps_in_http() {
    let head = b"POST /a HTTP/1.1\r\nContent-Length: 10\r\n\r\n12345";
    let next = b"890GET /b HTTP/1.1\r\nHost: b.example\r\n\r\nGET /c HT";
    let mut seen = Seen::default();
    let mut inspector = Inspector::new(Transport::Stream, 40000, 80, [true; 2]);
    let at = head.len() as u64;
    inspector.octets(Forward, 0, head, &mut seen);
    inspector.gap(Forward, at, 2, &mut seen);
    inspector.octets(Forward, at + 2, next, &mut seen);
    // A gap in a head: what is there is read, and the next start line is found.
    inspector.gap(Forward, at + 2 + next.len() as u64, 100, &mut seen);
    inspector.octets(
        Forward,
        at + 102 + next.len() as u64,
        b"tail\r\nGET /d HTTP/1.1\r\nHost: d.example\r\n\r\n",
        &mut seen,
    );
    inspector.end(Forward, &mut seen);
    let seen = seen.finished();
    let body = seen.documents.values().find(|d| d.start.kind == DocumentKind::HttpRequestBody).unwrap();
    assert_eq!((body.octets.as_slice(), body.gaps.as_slice()), (&b"12345890"[..], &[(5, 2)][..]));
    assert_eq!(seen.names.len(), 2);
    assert_eq!(seen.texts(DocumentKind::HttpRequestHead)[2], "GET /c HT");
    assert_eq!(seen.texts(DocumentKind::Stream), ["tail\r\n"]);
}

#[test]
fn dns_answers_follow_the_chain() {
    let message = dns_answer(
        b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x09\x00\x04\x01b\xc0\x0e\
          \xc0\x27\x00\x01\x00\x01\x00\x00\x00\x07\x00\x04\x01\x02\x03\x04\
          \x01z\x00\x00\x01\x00\x01\x00\x00\x00\x07\x00\x04\x09\x09\x09\x09",
        3,
    );
    let mut seen = Seen::default();
    let mut inspector = Inspector::new(Transport::Datagram, 40000, 53, [true; 2]);
    inspector.datagram(Backward, &message, message.len() as u32, &mut seen);
    assert_eq!(seen.resolved, [("a.example".into(), "b.example".into(), "1.2.3.4".parse().unwrap(), 7)]);
    assert_eq!(seen.texts(DocumentKind::DnsMessage), ["a.example\nb.example\nz\n"]);
}

#[test]
fn dns_loops_end() {
    // A name that points at itself, and a chain of aliases that bites its tail.
    for records in [
        &b"\xc0\x1b\x00\x01\x00\x01\x00\x00\x00\x07\x00\x04\x01\x02\x03\x04"[..],
        b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x09\x00\x02\xc0\x0c",
    ] {
        let message = dns_answer(records, 1);
        let mut seen = Seen::default();
        let mut inspector = Inspector::new(Transport::Datagram, 40000, 53, [true; 2]);
        inspector.datagram(Backward, &message, message.len() as u32, &mut seen);
        assert_eq!((seen.protocols.as_slice(), seen.resolved.len()), (&[AppProto::Dns][..], 0));
    }
}
