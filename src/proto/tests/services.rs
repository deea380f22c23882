//! Conversations of mail, file and message protocols, for the tests of the room; and what is read of each.

use super::*;
use crate::model::{AppProto, Direction, DocumentKind};

use Direction::{Backward, Forward};

type Part = (Direction, Vec<u8>);

fn talk(parts: &[(Direction, &[u8])]) -> Vec<Part> {
    parts.iter().map(|(dir, octets)| (*dir, octets.to_vec())).collect()
}

/// Streams, with the protocol that has to be recognised.
pub(crate) fn streams() -> Vec<(AppProto, Vec<Part>)> {
    let hello = records(&client_hello("mail.example", 9), 9999);
    vec![
        (AppProto::Smtp, smtp()),
        (AppProto::Smtp, bdat()),
        (
            AppProto::Tls,
            talk(&[
                (Backward, b"220 mx.example ESMTP\r\n"),
                (Forward, b"EHLO c.example\r\n"),
                (Backward, b"250-mx.example\r\n250 STARTTLS\r\n"),
                (Forward, b"STARTTLS\r\n"),
                (Backward, b"220 go\r\n"),
                (Forward, &hello),
                (Backward, &[&[22, 3, 3, 0, 40, 2, 0, 0, 36][..], &noise(100)].concat()),
            ]),
        ),
        (AppProto::Pop3, pop3()),
        (AppProto::Pop3, talk(&[(Forward, b"USER a\r\nPASS secret\r\nSTAT\r\nRETR 1\r\nQUIT\r\n")])),
        (AppProto::Imap, imap()),
        (AppProto::Imap, talk(&[(Forward, b"a1 CAPABILITY\r\na2 LOGIN joe@example.com \"pass \\\"word\"\r\n")])),
        (
            AppProto::Ftp,
            talk(&[
                (Backward, b"220-Welcome\r\n220 Ready\r\n"),
                (Forward, b"USER alice\r\nPASS opensesame\r\nCWD /tmp\r\nPASV\r\nSTOR users.csv\r\n"),
                (
                    Backward,
                    b"331 Password\r\n230 In\r\n250 OK\r\n227 Passive (192,0,2,1,4,1)\r\n150 OK\r\n226 Done\r\n",
                ),
            ]),
        ),
        (AppProto::Ftp, talk(&[(Forward, b"USER a\r\nPASS b\r\nSYST\r\n")])),
        (AppProto::Sip, sip()),
        (AppProto::Msrp, msrp()),
        (AppProto::Syslog, talk(&[(Forward, b"<34>1 - host app - - - one\n<35>two\n18 <191>three\nfourth!<0>five")])),
        (AppProto::Ldap, ldap()),
        (AppProto::Hl7, hl7()),
        (AppProto::Smpp, smpp()),
        (AppProto::Smb, smb2()),
        (AppProto::Nfs, nfs()),
    ]
}

/// Datagrams.
pub(crate) fn datagrams() -> Vec<(AppProto, [u16; 2], Vec<u8>)> {
    let radius = [&[1, 7, 0, 39][..], &[9; 16], b"\x01\x05joe\x02\x04xx\x08\x06\xc0\0\x02\x01\x1a\x04ab"].concat();
    vec![
        (AppProto::Sip, [5060, 5060], sip().remove(0).1),
        (AppProto::Syslog, [514, 514], b"<34>Oct 11 22:14:15 host su: x".to_vec()),
        (AppProto::Tftp, [40000, 69], b"\0\x01users.csv\0octet\0".to_vec()),
        (AppProto::Radius, [40000, 1812], radius),
        (AppProto::Snmp, [40000, 161], snmp()),
    ]
}

/// A response with a contact, an interface's address, and what no table knows.
pub(crate) fn snmp() -> Vec<u8> {
    let value = |tag: u8, inside: &[u8]| [&[tag, inside.len() as u8][..], inside].concat();
    let variable = |object: &[u8], text: &[u8]| value(0x30, &[value(6, object), value(4, text)].concat());
    let variables = [
        variable(b"\x2b\x06\x01\x02\x01\x01\x04\x00", b"nick@example.com"),
        variable(b"\x2b\x06\x01\x02\x01\x02\x02\x01\x06\x01", b"\x00\x00\x5e\x00\x53\x01"),
        variable(b"\x2b\x06\x01\x04\x01\x82\x2c", b"x"),
    ];
    let pdu = [value(2, &[7]), value(2, &[0]), value(2, &[0]), value(0x30, &variables.concat())].concat();
    value(0x30, &[value(2, &[1]), value(4, b"s3cret-ro"), value(0xa2, &pdu)].concat())
}

fn smb2() -> Vec<Part> {
    let message = |command: u8, response: u8, body: &[u8]| {
        let mut header = [0; 64];
        header[..4].copy_from_slice(b"\xfeSMB");
        header[12] = command;
        header[16] = response;
        [&((64 + body.len()) as u32).to_be_bytes()[..], &header, body].concat()
    };
    let write = |offset: u8, data: &[u8]| {
        let mut body = [0; 48];
        body[0] = 49;
        body[2] = 112;
        body[4] = data.len() as u8;
        body[8] = offset;
        body[16..32].copy_from_slice(&[7; 16]);
        message(9, 0, &[&body[..], data].concat())
    };
    let mut read = [0; 16];
    read[0] = 17;
    read[2] = 80;
    read[4] = 4;
    vec![
        (Forward, [message(0, 0, &[36; 40]), write(0, b"first "), write(6, b"second"), write(50, b"apart")].concat()),
        (
            Backward,
            [message(0, 1, &[65; 65]), message(8, 1, &[&read[..], b"data"].concat()), vec![0x85, 0, 0, 0]].concat(),
        ),
    ]
}

fn nfs() -> Vec<Part> {
    let record = |parts: &[&[u8]]| {
        let body = parts.concat();
        [&(0x8000_0000 | body.len() as u32).to_be_bytes()[..], &body].concat()
    };
    let call = |version: u8, procedure: u8| {
        [&[0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0x86, 0xa3, 0, 0, 0, version, 0, 0, 0, procedure][..], &[0; 16]]
            .concat()
    };
    let reply = [&[0, 0, 0, 9, 0, 0, 0, 1][..], &[0; 16]].concat();
    vec![
        (
            Forward,
            [
                record(&[&call(3, 7), b"\0\0\0\x04hand\0\0\0\0\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x05three\0\0\0"]),
                record(&[
                    &call(4, 1),
                    b"\0\0\0\0\0\0\0\0\0\0\0\x02\0\0\0\x16\0\0\0\x04hand\0\0\0\x26",
                    &[0; 16],
                    b"\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x04four",
                ]),
                record(&[&call(3, 1), b"\0\0\0\x04hand"]),
            ]
            .concat(),
        ),
        (
            Backward,
            [
                record(&[&reply, b"\0\0\0\0\0\0\0\0\0\0\0\x04\0\0\0\x01\0\0\0\x04data"]),
                record(&[&reply, b"\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x19\0\0\0\0\0\0\0\x01\0\0\0\x02ok\0\0"]),
                record(&[&reply, b"\0\0\0\x46"]),
            ]
            .concat(),
        ),
    ]
}

fn sip() -> Vec<Part> {
    talk(&[
        (
            Forward,
            b"MESSAGE sip:ann@example.org SIP/2.0\r\nFrom: <sip:joe@example.com>\r\nc: text/plain\r\nl: 5\r\n\r\nhello\r\n\r\n\
              ACK tel:+12025550143 SIP/2.0\r\n\r\n",
        ),
        (Backward, b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\nnoise\r\nBYE sip:a SIP/2.0\r\nl: 9\r\n\r\nshort"),
    ])
}

fn msrp() -> Vec<Part> {
    talk(&[
        (
            Forward,
            b"MSRP a786 SEND\r\nTo-Path: msrp://b\r\nContent-Type: text/plain\r\n\r\nHi\r\n--\r\n-------a786$\r\n\
              MSRP b1 REPORT\r\nStatus: 000\r\n-------b1$\r\n",
        ),
        (Backward, b"MSRP a786 200 OK\r\nTo-Path: msrp://a\r\n-------a786$\r\n"),
    ])
}

fn ldap() -> Vec<Part> {
    let tlv = |tag: u8, parts: &[&[u8]]| {
        let inside = parts.concat();
        [&[tag, inside.len() as u8][..], &inside].concat()
    };
    let message = |op: &[u8]| tlv(0x30, &[b"\x02\x01\x05", op]);
    let bind = tlv(0x60, &[b"\x02\x01\x03", &tlv(4, &[b"cn=joe"]), &tlv(0x80, &[b"opensesame"])]);
    let attribute = |name: &[u8], value: &[u8]| tlv(0x30, &[&tlv(4, &[name]), &tlv(0x31, &[&tlv(4, &[value])])]);
    let attributes = tlv(0x30, &[&attribute(b"mail", b"joe@example.com"), &attribute(b"sn", b"Doe")]);
    let entry = tlv(0x64, &[&tlv(4, &[b"cn=joe"]), &attributes]);
    let filter = tlv(0xa3, &[&tlv(4, &[b"uid"]), &tlv(4, &[b"joe77"])]);
    let search =
        tlv(0x63, &[&tlv(4, &[b"dc=x"]), b"\x0a\x01\x02\x0a\x01\0\x02\x01\0\x02\x01\0\x01\x01\0", &filter, b"\x30\0"]);
    vec![
        (Forward, [message(&bind), message(&search)].concat()),
        (Backward, [message(&tlv(0x61, &[b"\x0a\x01\0\x04\0\x04\0"])), message(&entry)].concat()),
        (Forward, message(b"\x42\0")),
    ]
}

fn hl7() -> Vec<Part> {
    talk(&[
        (Forward, b"\x0bMSH|^~\\&|A\rPID|1||7\r\x1c\r\x0bMSH|^~\\&|B\r\x1c\r"),
        (Backward, b"\x0bMSH|^~\\&|C\rMSA|AA\r\x1c\rx"),
    ])
}

fn smpp() -> Vec<Part> {
    let pdu = |command: u32, body: &[u8]| {
        [&(16 + body.len() as u32).to_be_bytes()[..], &command.to_be_bytes(), &[0, 0, 0, 0, 0, 0, 0, 1], body].concat()
    };
    vec![
        (Forward, pdu(2, b"joe\0secret\0\0\x34\0\0\0")),
        (Backward, pdu(0x8000_0002, b"smsc\0")),
        (Forward, pdu(4, b"\0\x01\x01100\0\x01\x0112025550143\0\0\0\0\0\0\0\0\x08\0\x04\0h\0i")),
        (Backward, pdu(0x8000_0004, b"7\0")),
    ]
}

fn smtp() -> Vec<Part> {
    talk(&[
        (Backward, b"220 mx.example ESMTP\r\n"),
        (Forward, b"EHLO c.example\r\n"),
        (Backward, b"250-mx.example\r\n250 AUTH PLAIN LOGIN\r\n"),
        (Forward, b"AUTH PLAIN AGpvZUBleGFtcGxlLmNvbQBvcGVuc2VzYW1l\r\n"),
        (Backward, b"535 no\r\n"),
        (Forward, b"AUTH LOGIN\r\n"),
        (Backward, b"334 VXNlcm5hbWU6\r\n"),
        (Forward, b"am9l\r\n"),
        (Forward, b"c2VjcmV0\r\n"),
        (Backward, b"235 ok\r\n"),
        (Forward, b"MAIL FROM:<joe@example.com>\r\nRCPT TO:<ann@example.org>\r\nDATA\r\n"),
        (Backward, b"250 ok\r\n250 ok\r\n354 go\r\n"),
        (Forward, b"Subject: one\r\n\r\n..dot\r\n.. \r\nend\r\n.\r\nMAIL FROM:<>\r\nDATA\r\nRSET\r\nquit\r\n"),
        (Backward, b"250 queued\r\n250 ok\r\n503 no\r\n250 ok\r\n221 bye\r\n"),
    ])
}

fn bdat() -> Vec<Part> {
    talk(&[
        (Forward, b"LHLO c.example\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\nBDAT 16\r\nSubject: two\r\n\r\n"),
        (Forward, b"BDAT 7 LAST\r\n.\r\nend\nMAIL FROM:<c@example.com>\r\nBDAT 2\r\nxyBDAT 0 LAST\r\nQUIT\r\n"),
        (Backward, b"220 mx LMTP\r\n250 ok\r\n"),
    ])
}

fn pop3() -> Vec<Part> {
    talk(&[
        (Backward, b"+OK ready\r\n"),
        (Forward, b"AUTH XOAUTH2\r\n"),
        (Backward, b"+ \r\n"),
        (Forward, b"dXNlcj1qb2VAZXhhbXBsZS5jb20BYXV0aD1CZWFyZXIgYWJjZGVmAQE=\r\n"),
        (Backward, b"-ERR no\r\n"),
        (Forward, b"USER joe\r\nPASS secret\r\nLIST\r\nRETR 1\r\nQUIT\r\n"),
        (Backward, b"+OK\r\n+OK in\r\n+OK list\r\n1 90\r\n2 80\r\n.\r\n+OK 90 octets\r\nSubject: x\r\n\r\n..a\r\n.\r\n+OK bye\r\n"),
    ])
}

fn imap() -> Vec<Part> {
    talk(&[
        (Backward, b"* OK [CAPABILITY IMAP4rev1] ready\r\n"),
        (Forward, b"a1 LOGIN {3}\r\n"),
        (Backward, b"+ go\r\n"),
        (
            Forward,
            b"joe {6+}\r\nsecret\r\na2 APPEND Drafts (\\Seen) {15+}\r\nSubject: y\r\n\r\nb\r\na3 FETCH 1 BODY[]\r\n",
        ),
        (Backward, b"a1 OK in\r\n* 1 FETCH (FLAGS () BODY[] {16}\r\nSubject: z\r\n\r\nbb UID 7)\r\na3 OK done\r\n"),
        (Forward, b"a4 AUTHENTICATE PLAIN\r\n"),
        (Forward, b"AGpvZQBzZWNyZXQ=\r\na5 LOGOUT\r\n"),
    ])
}

fn texts(parts: &[Part], kind: DocumentKind) -> Vec<String> {
    let borrowed: Vec<_> = parts.iter().map(|(dir, octets)| (*dir, octets.as_slice())).collect();
    let seen = whole(&borrowed);
    assert!(seen.unread.is_empty(), "{seen:?}");
    seen.texts(kind)
}

#[test]
fn smtp_facts() {
    let parts = smtp();
    assert_eq!(texts(&parts, DocumentKind::MailMessage), ["Subject: one\r\n\r\n.dot\r\n. \r\nend\r\n"]);
    assert_eq!(
        texts(&parts, DocumentKind::Fields),
        ["username: joe@example.com\r\npassword: opensesame\r\n", "username: joe\r\n", "password: secret\r\n"]
    );
    assert_eq!(
        texts(&parts, DocumentKind::Command),
        [
            "EHLO c.example\r\n",
            "AUTH LOGIN\r\n",
            "MAIL FROM:<joe@example.com>\r\nRCPT TO:<ann@example.org>\r\nDATA\r\n",
            "MAIL FROM:<>\r\nDATA\r\n",
            "RSET\r\nquit\r\n"
        ]
    );
    assert_eq!(texts(&bdat(), DocumentKind::MailMessage), ["Subject: two\r\n\r\n.\r\nend\n", "xy"]);
}

#[test]
fn pop3_facts() {
    let parts = pop3();
    assert_eq!(texts(&parts, DocumentKind::MailMessage), ["Subject: x\r\n\r\n.a\r\n"]);
    assert_eq!(texts(&parts, DocumentKind::Fields), ["username: joe@example.com\r\nbearer token: abcdef\r\n"]);
    assert!(texts(&parts, DocumentKind::Reply).contains(&"1 90\r\n2 80\r\n".to_owned()));
    assert!(
        texts(&parts, DocumentKind::Command)
            .contains(&"USER joe\r\nPASS secret\r\nLIST\r\nRETR 1\r\nQUIT\r\n".to_owned())
    );
}

#[test]
fn imap_facts() {
    let parts = imap();
    assert_eq!(texts(&parts, DocumentKind::MailMessage), ["Subject: y\r\n\r\nb", "Subject: z\r\n\r\nbb"]);
    assert_eq!(
        texts(&parts, DocumentKind::Fields),
        ["username: joe\r\npassword: secret\r\n", "username: joe\r\npassword: secret\r\n"]
    );
    let quoted = talk(&[(Forward, b"a2 LOGIN joe@example.com \"pass \\\"word\"\r\n")]);
    assert_eq!(texts(&quoted, DocumentKind::Fields), ["username: joe@example.com\r\npassword: pass \"word\r\n"]);
}

#[test]
fn message_facts() {
    let parts = sip();
    assert_eq!(texts(&parts, DocumentKind::MessageBody), ["hello", "short"]);
    assert_eq!(texts(&parts, DocumentKind::SipHead).len(), 4);
    assert_eq!(texts(&msrp(), DocumentKind::MessageBody), ["Hi\r\n--\r\n"]);
    assert_eq!(texts(&msrp(), DocumentKind::SipHead).len(), 3);
    assert_eq!(texts(&hl7(), DocumentKind::MessageBody)[..2], ["MSH|^~\\&|A\rPID|1||7\r", "MSH|^~\\&|B\r"]);
    assert_eq!(texts(&smpp(), DocumentKind::MessageBody), ["\0h\0i"]);
    assert_eq!(
        texts(&smpp(), DocumentKind::Fields),
        [
            "username: joe\r\npassword: secret\r\n",
            "source phone: +100\r\nphone: +12025550143\r\n",
            "system id: smsc\r\n"
        ]
    );
}

#[test]
fn ldap_facts() {
    assert_eq!(
        texts(&ldap(), DocumentKind::Fields),
        [
            "username: cn=joe\r\npassword: opensesame\r\n",
            "name: dc=x\r\nuid: joe77\r\n",
            "name: cn=joe\r\nmail: joe@example.com\r\nsurname: Doe\r\n",
        ]
    );
}

#[test]
fn tftp_facts() {
    let mut seen = super::Seen::default();
    let mut inspector = Inspector::new(Transport::Datagram, 40000, 40001, [true; 2]);
    let block = |number: u8, octets: &[u8]| [&[0, 3, 0, number][..], octets].concat();
    for datagram in [block(1, &[b'a'; 512]), block(1, &[b'a'; 512]), block(2, &[b'b'; 512]), block(4, b"end")] {
        inspector.datagram(Forward, &datagram, datagram.len() as u32, &mut seen);
        inspector.datagram(Backward, &[0, 4, 0, datagram[3]], 4, &mut seen);
    }
    let file = seen.documents.values().next().unwrap();
    assert_eq!((file.octets.len(), file.gaps.as_slice(), file.ended), (1027, &[(1024, 512)][..], true));
    assert!(seen.unread.is_empty());
}

#[test]
fn file_facts() {
    assert_eq!(texts(&smb2(), DocumentKind::FileContent), ["first second", "apart", "data"]);
    assert_eq!(texts(&nfs(), DocumentKind::FileContent), ["threefour", "dataok"]);
}
