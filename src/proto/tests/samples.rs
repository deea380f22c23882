//! A conversation of every protocol that has to be recognised.

use super::services;
use super::*;

/// A DNS question for `a.example`, type A.
const QUESTION: &[u8] = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x07Example\x00\x00\x01\x00\x01";

fn with_length(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u16).to_be_bytes()[..], message].concat()
}

/// A preface, settings, two requests, the second with a body in two padded frames around one of the first.
pub(super) fn http2_requests() -> Vec<u8> {
    let frame = |kind: u8, flags: u8, stream: u8, payload: &[u8]| {
        let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        frame.extend_from_slice(&[kind, flags, 0, 0, 0, stream]);
        frame.extend_from_slice(payload);
        frame
    };
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        frame(4, 0, 0, &[0, 3, 0, 0, 0, 100]),
        frame(1, 0, 1, b"\x83\x86\x44\x02/u"),
        frame(9, 4, 1, b"\x41\x0fwww.example.com"),
        frame(1, 4, 3, b"\x83\x86\x84\xbe"),
        frame(0, 8, 3, b"\x02one\0\0"),
        frame(0, 1, 1, b"first"),
        frame(0, 9, 3, b"\x01 two\0"),
    ]
    .concat()
}

/// Conversations of every stream protocol, with the protocol that has to be recognised.
pub(super) fn stream_samples() -> Vec<(AppProto, Vec<Part>)> {
    let hello = client_hello("a.example.com", 1400);
    let tls = [records(&hello, 600), noise(500)].concat();
    let server_hello = [&[22, 3, 3, 0, 40, 2, 0, 0, 36][..], &noise(300)].concat();
    let requests = b"\r\nGET http://b.example/p/q.txt?x=1 HTTP/1.1\r\nHost: c.example:80\r\n\r\n\
        HEAD /x HTTP/1.1\nhost : a.example\n\nPOST /f HTTP/1.1\r\nHost: a.example\r\nContent-Type: Text/Plain;\r\n \
        Charset=X\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0A\r\n0123456789\r\n0\r\nT: v\r\n\r\n";
    let responses =
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Encoding: gzip, br\r\n\r\n\
        bodyHTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\nHTTP/1.1 200 OK\r\n\r\nto the end\r\nHTTP/1.1 200";
    let tunnel: Vec<(Direction, Vec<u8>)> = vec![
        (Forward, b"CONNECT t.example:443 HTTP/1.1\r\nHost: t.example:443\r\n\r\n".to_vec()),
        (Backward, b"HTTP/1.1 200 OK\r\n\r\n".to_vec()),
        (Forward, tls.clone()),
        (Backward, server_hello.clone()),
    ];
    let lost =
        b"POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000005\r\nhello\r\n0\r\n\
        \r\nGET /next HTTP/1.1\r\nHost: b.example\r\n\r\n";
    let mut samples = services::streams();
    // Tests below know some of these by their place.
    samples.splice(0..0, vec![
        (AppProto::Tls, vec![(Forward, tls.clone()), (Backward, server_hello.clone())]),
        (AppProto::Tls, vec![(Backward, b"\x17\x03\x03\x00\x20".to_vec()), (Backward, noise(60))]),
        (AppProto::Http, vec![(Forward, requests.to_vec()), (Backward, responses.to_vec())]),
        (AppProto::Http, vec![(Forward, b"GET /old\r\n".to_vec()), (Backward, b"<p>no head</p>".to_vec())]),
        (AppProto::Http, vec![(Forward, lost.to_vec())]),
        (AppProto::Tls, tunnel),
        (
            AppProto::Tls,
            vec![
                (Backward, b"220 a.example\r\n".to_vec()),
                (Forward, b"STARTTLS\r\n".to_vec()),
                (Backward, b"220 go ahead\r\n".to_vec()),
                (Forward, records(&client_hello("mail.example", 9), 9999)),
                (Backward, server_hello.clone()),
            ],
        ),
        (
            AppProto::Tls,
            vec![
                (Forward, [b"PROXY TCP4 192.0.2.1 192.0.2.2 5 443\r\n".to_vec(), tls.clone()].concat()),
                (Backward, server_hello.clone()),
            ],
        ),
        (AppProto::Http, vec![(Forward, b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x02abGET / HTTP/1.1\r\n\r\n".to_vec())]),
        (
            AppProto::Tls,
            vec![
                (Forward, b"\x05\x02\0\x02".to_vec()),
                (Backward, b"\x05\x02".to_vec()),
                (Forward, b"\x01\x02me\x03pwd".to_vec()),
                (Backward, b"\x01\0".to_vec()),
                (Forward, b"\x05\x01\0\x03\x09s.example\x01\xbb".to_vec()),
                (Backward, b"\x05\0\0\x01\0\0\0\0\0\0".to_vec()),
                (Forward, tls.clone()),
                (Backward, server_hello.clone()),
            ],
        ),
        (
            AppProto::Http,
            vec![
                (Forward, b"\x04\x01\0\x50\0\0\0\x01me\0s.example\0".to_vec()),
                (Backward, b"\0\x5a\0\0\0\0\0\0".to_vec()),
                (Forward, b"GET / HTTP/1.1\r\n\r\n".to_vec()),
            ],
        ),
        (
            AppProto::Tls,
            vec![
                (Forward, b"\0\0\0\x08\x04\xd2\x16\x2f".to_vec()),
                (Backward, b"S".to_vec()),
                (Forward, tls.clone()),
                (Backward, server_hello.clone()),
            ],
        ),
        (
            AppProto::Tls,
            vec![
                (Forward, b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0mstshash".to_vec()),
                (Backward, b"\x03\0\0\x0b\x06\xd0\0\0\x12\x34\0".to_vec()),
                (Forward, tls.clone()),
                (Backward, server_hello.clone()),
            ],
        ),
        (AppProto::Http, vec![(Forward, b"GET /chat HTTP/1.1\r\nUpgrade: websocket\r\n\r\n".to_vec()),
            (Backward, b"HTTP/1.1 101 Switching\r\nUpgrade: WebSocket\r\n\r\n\x01\x03one\x89\x01p\x80\x02 1\xc1\x03\xca\x49\x05".to_vec()),
            (Forward, b"\x81\x85\x01\x02\x03\x04igohn".to_vec()), (Forward, b"\x88\x80\0\0\0\0".to_vec())]),
        (
            AppProto::Http2,
            vec![
                (Forward, http2_requests()),
                (Backward, b"\0\0\0\x04\0\0\0\0\0\0\0\x01\x01\x05\0\0\0\x01\x88".to_vec()),
            ],
        ),
        // The same without its beginning.
        (AppProto::Http2, vec![(Forward, http2_requests()[39..].to_vec())]),
        (
            AppProto::Ssh,
            vec![(Backward, b"SSH-2.0-x\r\n".to_vec()), (Backward, noise(90)), (Forward, b"SSH-2.0-y\n\0\0".to_vec())],
        ),
        (AppProto::OpenVpn, vec![(Forward, [&[0, 14, 0x38][..], &[5; 8], &[0; 5]].concat()), (Backward, noise(90))]),
        (AppProto::Dns, vec![(Forward, [with_length(QUESTION), with_length(QUESTION)].concat())]),
        (
            AppProto::Unknown,
            vec![(Forward, b"HI a.example\r\nMAIL TO:<a@b.example>\r\n".to_vec()), (Backward, noise(2000))],
        ),
        (AppProto::Unknown, vec![(Forward, vec![0; 3000]), (Backward, b"\x16\x03".to_vec())]),
        (
            AppProto::Tls,
            vec![(Forward, records(&client_hello("", 9), 999)), (Backward, records(&server_flight(true), 200))],
        ),
    ]);
    samples.extend(postgres::tests::samples());
    samples.extend(amqp::tests::samples());
    samples.extend(kafka::tests::samples());
    samples.extend(mongodb::tests::samples());
    samples.extend(mqtt::tests::samples());
    samples.extend(mysql::tests::samples());
    samples.extend(redis::tests::samples());
    samples.extend(rsync::tests::samples());
    samples
}

/// Datagrams of every protocol.
pub(super) fn datagram_samples() -> Vec<(AppProto, [u16; 2], Vec<u8>)> {
    let mut samples = services::datagrams();
    let initial = [&[0xc3, 0, 0, 0, 1, 8][..], &[7; 8], &[0, 0, 0x44, 0x9e], &noise(1182)].concat();
    let ike = [&[1; 8][..], &[0; 8], &[33, 0x20, 34, 8, 0, 0, 0, 0, 0, 0, 0, 60], &noise(32)].concat();
    samples.extend([
        (AppProto::Dns, [40000, 53], QUESTION.to_vec()),
        (AppProto::Dtls, [40000, 9], [&[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 40][..], &noise(40)].concat()),
        (AppProto::Quic, [40000, 9], initial),
        (AppProto::WireGuard, [40000, 9], [&[1, 0, 0, 0][..], &noise(144)].concat()),
        (AppProto::Ipsec, [500, 500], ike),
        (AppProto::OpenVpn, [40000, 9], [&[0x38][..], &[5; 8], &[0; 5]].concat()),
    ]);
    samples
}

/// A server's flight in clear: hello, certificate, key exchange.
pub(super) fn server_flight(with_certificate: bool) -> Vec<u8> {
    let message = |kind: u8, body: &[u8]| [&[kind][..], &(body.len() as u32).to_be_bytes()[1..], body].concat();
    let certificate = message(11, &crate::proto::certificate::tests::message("www.example.com", &["*.example.org"]));
    let certificate = if with_certificate { certificate } else { Vec::new() };
    [message(2, &[3, 3, 9, 9]), certificate, message(12, &[7; 90]), message(14, &[])].concat()
}

/// Records that answer [`QUESTION`].
pub(super) fn dns_answer(records: &[u8], count: u8) -> Vec<u8> {
    let mut message = b"\x12\x34\x81\x80\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x07Example\x00\x00\x01\x00\x01".to_vec();
    message[7] = count;
    message.extend_from_slice(records);
    message
}
