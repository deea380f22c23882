//! Conversations of mail, file and message protocols, for the tests of the room; and what is read of each.

use super::tests::{client_hello, noise, records, whole};
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
    ]
}

/// Datagrams.
pub(crate) fn datagrams() -> Vec<(AppProto, [u16; 2], Vec<u8>)> {
    vec![]
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
    assert_eq!(texts(&parts, DocumentKind::Fields), ["username: joe@example.com\r\nauthorization: Bearer abcdef\r\n"]);
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
