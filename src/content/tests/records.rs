//! Which values belong together, and under which names.

use super::*;

/// A record's values in pieces: fields, text.
#[test]
fn records_name_their_values() {
    let json = br#"{"ssn":"1"}"#;
    let packed = gzip(b"zipped");
    let parts: [(Option<&str>, &[u8]); 7] = [
        (Some("name"), b"Alex"),
        (Some("ssn"), b"899-45-6789"),
        (None, b" and "),
        (Some("profile"), json),
        (Some("blob"), &packed),
        (Some("page"), b"<a>b</a>"),
        (None, b"end"),
    ];
    let expected = "«name=Alex»\n«ssn=899-45-6789»\n and <json:profile|{\"ssn\":\"«profile.ssn=1»\"}>\n<value:blob|<gzip|«blob=zipped»>>\n\
        <value:page|<xml|<a>«page.a=b»</a>>>end";
    for len in 1..64 {
        let mut collected = Collected::default();
        let mut unwrapper = Unwrapper::new(&start(DocumentKind::SqlRows, "", &[]), &Limits::default());
        for (field, value) in parts {
            unwrapper.field(field, &mut collected);
            for piece in value.chunks(len) {
                unwrapper.octets(piece, &mut collected);
            }
        }
        unwrapper.end(&mut collected);
        assert_eq!(collected.render(), expected, "by {len}");
    }
}

/// Values with the record that they are said to belong to; offset by a letter in documents within.
#[derive(Default)]
struct Records {
    open: Vec<u32>,
    record: u32,
    values: Vec<String>,
}

impl TextSink for Records {
    fn enter(&mut self, _: &str, _: Option<&str>) {
        self.open.push(std::mem::take(&mut self.record));
    }
    fn record(&mut self, number: u32) {
        self.record = number;
    }
    fn text(&mut self, text: Text<'_>) {
        if text.field.is_some() {
            self.values.push(format!("{}{}", self.record, String::from_utf8_lossy(text.octets).trim()));
        }
    }
    fn leave(&mut self) {
        self.record = self.open.pop().unwrap();
    }
    fn unread(&mut self, _: u64, _: UninspectedReason) {}
}

fn start_of(kind: DocumentKind, media_type: &str) -> DocumentStart {
    DocumentStart { kind, codings: Vec::new(), media_type: media_type.to_owned(), name: None, stream_offset: 0 }
}

#[test]
fn objects_rows_forms_and_messages_are_records() {
    for (media_type, text, expected) in [
        (
            "application/json",
            r#"{"n":"a","users":[{"i":"b","c":{"m":"d"}},{"i":"e","t":["f"]}],"z":"g"}"#,
            "1a 2b 2d 3e 3f 1g",
        ),
        ("application/json", "{\"i\":\"a\"}\n{\"i\":\"b\"}", "1a 2b"),
        // Maps: each value of a key that is an identifier is a record, parts of one record are none.
        ("application/json", r#"{"u1":{"n":"a","c":{"m":"b"}},"u2":{"n":"c"},"k":"d"}"#, "2a 2b 3c 1d"),
        ("application/json", r#"{"users":{"17":{"n":"a"},"kim@example.com":{"n":"b"}}}"#, "2a 3b"),
        ("application/json", r#"{"6f1c2d3e-4a5b-4c6d-8e7f-901234567890":{"n":"a"},"user_7":{"n":"b"}}"#, "2a 3b"),
        (
            "application/json",
            r#"{"address1":{"n":"a"},"address2":{"n":"b"},"@id":{"n":"c"},"sha256":{"n":"d"}}"#,
            "1a 1b 1c 1d",
        ),
        // { 1: "n", 2: { 1: "a" }, 2: { 1: "b", 2: { 1: "c" } }, 3: { 1: "d" } }: messages of one number that follow each other.
        (
            "application/x-protobuf",
            "\n\u{1}n\u{12}\u{12}\n\u{10}aaaaaaaaaaaaaaaa\u{12}\u{26}\n\u{10}bbbbbbbbbbbbbbbb\u{12}\u{12}\n\u{10}cccccccccccccccc\u{1a}\u{12}\n\u{10}dddddddddddddddd",
            "1n 1aaaaaaaaaaaaaaaa 2bbbbbbbbbbbbbbbb 2cccccccccccccccc 1dddddddddddddddd",
        ),
        ("text/csv", "x,y\na,b\nc,d\ne,f\n", "1a 1b 2c 2d 3e 3f"),
        ("text/csv", "1000,b\n1001,d\n1002,f\n", ""),
        ("application/x-www-form-urlencoded", "x=a&y=b", "1a 1b"),
        (
            "application/xml",
            "<r><n>a</n><u id='b'><m>c</m></u><u id='d'><m>e</m><f><g>h</g></f></u><k>i</k></r>",
            "1a 1b 1c 2d 2e 2h 1i",
        ),
        // Without parts, repeated elements are values of one.
        ("application/xml", "<r><p>a</p><p>b</p></r>", "1a 1b"),
        ("application/xml", "<r><u a='b' c='d'/><u a='e' c='f'/></r>", "1b 1d 2e 2f"),
        (
            "text/html",
            "<p>a</p><table><tr><td>b</td><td>c</td></tr><tr><td>d</td></tr></table><p>e</p>",
            "0a 1b 1c 2d 0e",
        ),
        (
            "multipart/form-data; boundary=x",
            "--x\r\nContent-Disposition: form-data; name=a\r\n\r\nv\r\n--x\r\nContent-Disposition: form-data; name=b\r\n\r\nw\r\n--x--",
            "0v 0w",
        ),
        ("message/rfc822", "From: a@b.example\r\nTo: c@d.example\r\n\r\nhello", "1a@b.example 1c@d.example"),
    ] {
        let mut unwrapper = Unwrapper::new(&start_of(DocumentKind::HttpRequestBody, media_type), &Limits::default());
        let mut sink = Records::default();
        unwrapper.octets(text.as_bytes(), &mut sink);
        unwrapper.end(&mut sink);
        assert_eq!(sink.values.join(" "), expected, "{media_type} {text}");
    }
}

#[test]
fn rows_of_databases_are_records() {
    // Field (or "" for structure) and octets.
    let rows: &[(&str, &str)] =
        &[("id", "a"), ("ssn", "b"), ("", "\n"), ("id", "c"), ("ssn", "d"), ("", "\n"), ("id", "e")];
    let statement: &[(&str, &str)] = &[
        ("", "INSERT INTO t (id, ssn) VALUES ("),
        ("id", "a"),
        ("", ", '"),
        ("ssn", "b"),
        ("", "'),\n ("),
        ("id", "c"),
        ("", ", "),
        ("ssn", "d"),
        ("", ")"),
    ];
    let condition: &[(&str, &str)] =
        &[("", "SELECT * FROM t WHERE (id = "), ("id", "a"), ("", ") AND (ssn = '"), ("ssn", "b"), ("", "')")];
    for (kind, pieces, expected) in [
        (DocumentKind::SqlRows, rows, "1a 1b 2c 2d 3e"),
        (DocumentKind::SqlQuery, statement, "1a 1b 2c 2d"),
        (DocumentKind::SqlQuery, condition, "1a 1b"),
        (DocumentKind::SqlParameters, &[("id", "a"), ("ssn", "b")], "1a 1b"),
    ] {
        for cut in [false, true] {
            let mut unwrapper = Unwrapper::new(&start_of(kind, ""), &Limits::default());
            let mut sink = Records::default();
            for (field, text) in pieces {
                unwrapper.field(Some(*field).filter(|field| !field.is_empty()), &mut sink);
                for piece in text.as_bytes().chunks(if cut { 1 } else { 1000 }) {
                    unwrapper.octets(piece, &mut sink);
                }
            }
            unwrapper.end(&mut sink);
            assert_eq!(sink.values.join(" "), expected, "{kind:?}");
        }
    }
}
