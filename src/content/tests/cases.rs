//! Documents of all kinds, and what is read of them.

use super::*;

/// Documents of all kinds: name, start, octets, what is read.
pub(super) fn cases() -> Vec<(&'static str, DocumentStart, Vec<u8>, String)> {
    let body = |media_type: &str, codings: &[Coding]| start(DocumentKind::HttpRequestBody, media_type, codings);
    let json = body("application/json", &[]);
    let long = "Jane Doe, 12 Example Street, Springfield";
    let base64 = "SmFuZSBEb2UsIDEyIEV4YW1wbGUgU3RyZWV0LCBTcHJpbmdmaWVsZA==";
    vec![
        ("plain", body("text/plain", &[]), b"hello".to_vec(), "hello".into()),
        ("json", json.clone(), SAMPLE.into(), SAMPLE_READ.into()),
        (
            "json paths",
            body("", &[]),
            br#" {"user":{"ids":[{"ssn":1},{"ssn":-2.5e3}],"tags":["a","b"]},"n":[[true]],"e":{}}"#.to_vec(),
            "<json| {\"user\":{\"ids\":[{\"ssn\":«user.ids[].ssn=1»},{\"ssn\":«user.ids[].ssn=-2.5e3»}],\"tags\":[\"«user.tags[]=a»\",\
             \"«user.tags[]=b»\"]},\"n\":[[«n[][]=true»]],\"e\":{}}>"
                .into(),
        ),
        (
            "json escapes",
            json.clone(),
            br#"{"k\u00e9y":"a\"b\\\n\u20ac\ud83d\ude00\ud83dx\ud83d\u0041\q\u12"}"#.to_vec(),
            "<json|{\"kéy\":\"«kéy=a\"b\\\n€😀\u{fffd}x\u{fffd}A\\q\\u12»\"}>".into(),
        ),
        (
            "json lines",
            body("text/plain", &[]),
            b"{\"a\":1}\n{\"a\":2}\n".to_vec(),
            "<json|{\"a\":«a=1»}\n{\"a\":«a=2»}\n>".into(),
        ),
        (
            "bson",
            start(DocumentKind::Bson, "", &[]),
            bson(),
            "a«a=899-45-6789»list,b«list[].b=x»n«n=-7»tags,«tags[]=y»,«tags[]=z»".into(),
        ),
        (
            "mongodb message",
            start(DocumentKind::MongoMessage, "", &[]),
            mongo_message(),
            "a«a=899-45-6789»list,b«list[].b=x»n«n=-7»tags,«tags[]=y»,«tags[]=z»c«c=1»c«c=2»".into(),
        ),
        (
            "mongodb message, compressed",
            start(DocumentKind::MongoMessage, "", &[Coding::Deflate]),
            zlib(&mongo_message()),
            "<deflate|a«a=899-45-6789»list,b«list[].b=x»n«n=-7»tags,«tags[]=y»,«tags[]=z»c«c=1»c«c=2»>".into(),
        ),
        ("bson, not really", start(DocumentKind::Bson, "", &[]), b"\x09\0\0\0\x99a\0rest".to_vec(), "arest".into()),
        (
            "protobuf",
            body("application/x-protobuf", &[]),
            b"\x0a\x03Ada\x12\x0f\x0a\x0b899-45-6789\x10\x07\x1a\x02a1\x22\x02\xff\x00\x2d\0\0\x20\x41\x31\0\0\0\0\0\0\0\x80".to_vec(),
            "<protobuf|\n\u{3}«1=Ada»\u{12}\u{f}\n\u{b}«2.1=899-45-6789»\u{10}«2.2=7»\u{1a}\u{2}«3=a1»\"\u{2}«4=\u{fffd}\0»-«5=10»1«6=9223372036854775808»>"
                .into(),
        ),
        (
            "protobuf, not really",
            body("application/x-protobuf", &[]),
            b"\x0a\x03Ada\x07rest".to_vec(),
            "<protobuf|\n\u{3}«1=Ada»\u{7}rest>".into(),
        ),
        (
            "grpc",
            body("application/grpc", &[]),
            [b"\0\0\0\0\x05\x0a\x03Ada\x01\0\0\0".as_slice(), &[gzip(b"\x12\x02Bo").len() as u8], &gzip(b"\x12\x02Bo"), b"\x80\0\0\0\x03a:b"]
                .concat(),
            format!("<grpc|\0\0\0\0\u{5}<protobuf|\n\u{3}«1=Ada»>\u{1}\0\0\0{}<gzip|<protobuf|\u{12}\u{2}«2=Bo»>>\u{fffd}\0\0\0\u{3}a:b>", gzip(b"\x12\x02Bo").len() as u8 as char),
        ),
        ("json array", body("", &[]), b"[1, 2]".to_vec(), "<json|[«[]=1», «[]=2»]>".into()),
        ("log line", body("", &[]), b"[2026-01-02 10:00] x".to_vec(), "[2026-01-02 10:00] x".into()),
        ("json unquoted", json.clone(), b"{a:1,b:x}}]z".to_vec(), "<json|{a:«a=1»,b:«b=x»}}]z>".into()),
        (
            "json in json",
            json.clone(),
            br#"{"p":"{\"ssn\":\"1\\u0032\"}","q":"[x]"}"#.to_vec(),
            "<json|{\"p\":\"<json:p|{\"ssn\":\"«p.ssn=12»\"}>\",\"q\":\"«q=[x]»\"}>".into(),
        ),
        (
            "base64 in json",
            json.clone(),
            format!(r#"{{"a":"{base64}"}}"#).into_bytes(),
            format!("<json|{{\"a\":\"«a={}»<base64:a|«a={long}»>«a===»\"}}>", base64.trim_end_matches('=')),
        ),
        (
            "data url",
            body("", &[]),
            format!("{{\"a\":\"data:text/plain;base64,{base64}\"}}").into_bytes(),
            format!(
                "<json|{{\"a\":\"«a=data:text/plain;base64,{}»<base64:a|«a={long}»>«a===»\"}}>",
                base64.trim_end_matches('=')
            ),
        ),
        (
            "form",
            body("application/x-www-form-urlencoded", &[]),
            b"name=J%C3%BCrgen+M&ssn=123%2D45&x&=y&p=%7B%22a%22%3A1%7D".to_vec(),
            "<form|name=«name=Jürgen M»&ssn=«ssn=123-45»&x&=«=y»&p=<json:p|{\"a\":«p.a=1»}>>".into(),
        ),
        ("form by look", body("", &[]), b"a=1&b=2".to_vec(), "<form|a=«a=1»&b=«b=2»>".into()),
        (
            "head",
            start(DocumentKind::HttpRequestHead, "", &[]),
            b"GET /a%40b?ssn=1%32&x=y HTTP/1.1\r\nHost: h\r\nCookie: sid=abc; u=%41\r\nX-Long: a\r\n b\r\n\r\n".to_vec(),
            "<head|GET /a@b?ssn=«ssn=12»&x=«x=y» HTTP/1.1\r\nHost: «host=h»\r\nCookie: sid=«sid=abc»; u=«u=A»\r\n\
             X-Long: «x-long=a»\r\n «x-long=b»\r\n\r\n>"
                .into(),
        ),
        (
            "response head",
            start(DocumentKind::HttpResponseHead, "", &[]),
            b"HTTP/1.1 200 OK\r\nSet-Cookie: sid=abc; Path=/\r\n\r\n".to_vec(),
            "<head|HTTP/1.1 200 OK\r\nSet-Cookie: sid=«sid=abc»; Path=«Path=/»\r\n\r\n>".into(),
        ),
        (
            "multipart",
            body("multipart/form-data; boundary=\"x y\"", &[]),
            b"pre\r\n--x y\r\nContent-Disposition: form-data; name=\"ssn\"\r\n\r\n123\r\n--x yz\r\n45\r\n--x y  \r\n\
              Content-Disposition: form-data; name=f; filename=\"a.json\"\r\nContent-Type: application/json\r\n\r\n{\"a\":1}\r\n\
              --x y\r\n\r\n\r\n--x y--\r\nepi"
                .to_vec(),
            "<multipart|pre\r\n--x y\r\nContent-Disposition: form-data; name=\"ssn\"\r\n\r\n<part:ssn|«ssn=123\r\n--x yz\r\n45»>\r\n--x y  \r\n\
             Content-Disposition: form-data; name=f; filename=\"a.json\"\r\nContent-Type: application/json\r\n\r\n<part:f|<json|{\"a\":«f.a=1»}>>\r\n\
             --x y\r\n\r\n<part|>\r\n--x y--\r\nepi>"
                .into(),
        ),
        (
            "multipart codings",
            body("multipart/mixed; boundary=b", &[]),
            b"--b\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment;\n filename=x\n\naGVs\nbG8=\n--b\n\
              Content-Transfer-Encoding: quoted-printable\n\na=3Db=\nc\n--b--"
                .to_vec(),
            "<multipart|--b\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment;\n filename=x\n\n\
             <part:x|<base64|hello>>\n--b\nContent-Transfer-Encoding: quoted-printable\n\n<part|<quoted-printable|a=bc>>\n--b-->"
                .into(),
        ),
        (
            "xml",
            body("", &[]),
            b"<?xml version='1.0'?><u id=\"1&amp;2\"><!-- <x> --><ssn>12&#51;</ssn><e/><c><![CDATA[<4>]]></c>&x; &y</u>".to_vec(),
            "<xml|<?xml version='1.0'?><u id=\"«u.@id=1&2»\"><!-- <x> --><ssn>«u.ssn=123»</ssn><e/><c><![CDATA[«u.c=<4>]]»></c>«u=&x; &y»</u>>".into(),
        ),
        (
            "html",
            body("text/html", &[]),
            b"<HTML><p>a<br>b<input value=c ><script>if(a<b)'</b>'</script><p>d</html>e".to_vec(),
            "<html|<HTML><p>«html.p=a»<br>«html.p=b»<input value=«html.p.input.@value=c» ><script>«html.p.script=if(a»<«html.p.script=b)'»</b>\
             «html.p.script='»</script><p>«html.p.p=d»</html>e>"
                .into(),
        ),
        (
            "csv",
            body("text/csv", &[]),
            b"name,\"ssn\"\r\n\"Doe, \"\"J\"\"\",123\r\nx,".to_vec(),
            "<csv|name,\"ssn\"\r\n\"«name=Doe, \"J\"»\",«ssn=123»\r\n«name=x»,>".into(),
        ),
        (
            "tsv by look",
            body("", &[]),
            b"name\tssn\nJane\t123\nJoe\t456\n".to_vec(),
            "<csv|name\tssn\n«name=Jane»\t«ssn=123»\n«name=Joe»\t«ssn=456»\n>".into(),
        ),
        ("gzip", body("application/json", &[Coding::Gzip]), gzip(SAMPLE.as_bytes()), format!("<gzip|{SAMPLE_READ}>")),
        ("gzip by magic", body("", &[]), gzip(SAMPLE.as_bytes()), format!("<gzip|{SAMPLE_READ}>")),
        (
            "gzip members",
            body("", &[Coding::Gzip]),
            [gzip(b"one "), gzip(b"two"), vec![0; 5]].concat(),
            "<gzip|one two>".into(),
        ),
        ("zlib", body("", &[Coding::Deflate]), zlib(SAMPLE.as_bytes()), format!("<deflate|{SAMPLE_READ}>")),
        ("raw deflate", body("", &[Coding::Deflate]), deflate(SAMPLE.as_bytes()), format!("<deflate|{SAMPLE_READ}>")),
        ("brotli", body("", &[Coding::Brotli]), unhex(BROTLI), format!("<br|{SAMPLE_READ}>")),
        ("zstd", body("", &[Coding::Zstd]), unhex(ZSTD), format!("<zstd|{SAMPLE_READ}>")),
        (
            "zstd frames",
            body("", &[]),
            [unhex("28b52ffd2001090000"), unhex("41"), unhex("502a4d1803000000ffffff"), unhex(ZSTD)].concat(),
            format!("<zstd|A{SAMPLE}>"),
        ),
        (
            "two codings",
            body("", &[Coding::Deflate, Coding::Gzip]),
            gzip(&zlib(SAMPLE.as_bytes())),
            format!("<gzip|<deflate|{SAMPLE_READ}>>"),
        ),
        (
            "utf-16 mark",
            body("", &[]),
            [vec![0xff, 0xfe], SAMPLE.encode_utf16().flat_map(u16::to_le_bytes).collect()].concat(),
            format!("<charset|{SAMPLE_READ}>"),
        ),
        (
            "utf-16 look",
            body("text/plain", &[]),
            "héllo, this is text".encode_utf16().flat_map(u16::to_be_bytes).collect(),
            "<charset|héllo, this is text>".into(),
        ),
        (
            "latin-1",
            body("text/plain; charset=ISO-8859-1", &[]),
            b"J\xfcrgen".to_vec(),
            "<charset|Jürgen>".into(),
        ),
        ("latin-1 lie", body("text/plain; charset=ISO-8859-1", &[]), "Jürgen".into(), "Jürgen".into()),
        ("image", body("image/png", &[]), b"\x89PNG\r\n\x1a\n{\"a\":1}".to_vec(), "<png|\u{fffd}PNG\r\n\u{1a}\n{\"a\":1}>".into()),
        (
            "zip",
            body("", &[]),
            [
                zip_member("a.txt", 0, b"stored", 6),
                zip_member("b.json", 8, &deflate(SAMPLE.as_bytes()), deflate(SAMPLE.as_bytes()).len() as u32),
                zip_member("c", 8, &deflate(b"length unknown"), 0),
                b"PK\x07\x08PK\x01\x02".to_vec(),
            ]
            .concat(),
            String::new(),
        ),
        (
            "tar",
            body("", &[]),
            [tar_member("dir/a.txt", b"hello"), tar_member("b", SAMPLE.as_bytes()), vec![0; 1024]].concat(),
            String::new(),
        ),
        (
            "mail with encoded words, parts within parts and codings",
            start(DocumentKind::MailMessage, "", &[]),
            format!(
                "From: =?utf-8?Q?J=C3=BCrgen?= <j@e.f>\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n\
                 Content-Type: multipart/alternative; boundary=\"i n\"\r\n\r\n--i n\r\nContent-Transfer-Encoding: \
                 quoted-printable\r\n\r\nn=C3=A9e=\r\n!\r\n--i n--\r\n--o\r\nContent-Disposition: attachment; \
                 filename=\"a.json\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n--o--\r\n",
                base64::engine::general_purpose::STANDARD.encode(SAMPLE)
            )
            .into_bytes(),
            format!(
                "From: «from.display name=Jürgen» «from=<j@e.f>»\r\nContent-Type: «content-type=multipart/mixed; boundary=o»\r\n\r\n\
                 <multipart|--o\r\nContent-Type: multipart/alternative; boundary=\"i n\"\r\n\r\n<part|<multipart|--i n\r\n\
                 Content-Transfer-Encoding: quoted-printable\r\n\r\n<part|<quoted-printable|née!>>\r\n--i n-->>\r\n--o\r\n\
                 Content-Disposition: attachment; filename=\"a.json\"\r\nContent-Transfer-Encoding: base64\r\n\r\n\
                 <part:a.json|<base64|{SAMPLE_READ}>>\r\n--o--\r\n>"
            ),
        ),
        (
            "credentials and addresses in heads",
            start(DocumentKind::HttpRequestHead, "", &[]),
            b"GET / HTTP/1.1\r\nAuthorization: Basic am9lOnNlY3JldA==\r\nProxy-Authorization: Digest username=\"joe, x\", \
              realm=r\r\nFrom: \"A, B\" <a@b.c>, d@e.f\r\n"
                .to_vec(),
            "<head|GET / HTTP/1.1\r\nAuthorization: «authorization=Basic »<basic|«username=joe»:«password=secret»>\r\n\
             Proxy-Authorization: «proxy-authorization=Digest »username=\"«proxy-authorization.username=joe, x»\", realm=\
             «proxy-authorization.realm=r»\r\nFrom: \"«from.display name=A, B»\" «from=<a@b.c>, d@e.f»\r\n>"
                .into(),
        ),
        (
            "csv without header",
            body("text/csv", &[]),
            b"Jane,a@b.c,2001-02-03\nJoe,d@e.f,2002-03-04\n".to_vec(),
            "<csv|Jane,a@b.c,2001-02-03\nJoe,d@e.f,2002-03-04\n>".into(),
        ),
        (
            "lines of json, as bulk requests have them",
            body("application/x-ndjson", &[]),
            b"{\"index\":{}}\n{\"ssn\":\"1\"}\n{\"index\":{}}\n{\"ssn\":\"2\"}\n".to_vec(),
            "<json|{\"index\":{}}\n{\"ssn\":\"«ssn=1»\"}\n{\"index\":{}}\n{\"ssn\":\"«ssn=2»\"}\n>".into(),
        ),
        (
            "hl7",
            start(DocumentKind::MessageBody, "", &[]),
            b"MSH|^~\\&|APP|FAC\rPID|1||77^^^A||DOE^JOE\r".to_vec(),
            "<hl7|MSH|«MSH-2=^~\\&»|«MSH-3=APP»|«MSH-4=FAC»\rPID|«PID-1=1»||«PID-3.medical record number=77^^^A»||\
             «PID-5.full name=DOE»^«PID-5.full name=JOE»\r>"
                .into(),
        ),
        (
            "commands",
            start(DocumentKind::Command, "", &[]),
            b"USER joe\r\nPASS a b\r\nRCPT TO:<a@b.c>\nNOOP\r\n".to_vec(),
            "USER «username=joe»\r\nPASS «password=a b»\r\nRCPT «rcpt to=TO:<a@b.c>»\nNOOP\r\n".into(),
        ),
        (
            "fields",
            start(DocumentKind::Fields, "", &[]),
            b"username: joe\r\npassword: =?x?= \r\n".to_vec(),
            "username: «username=joe»\r\npassword: «password==?x?= »\r\n".into(),
        ),
        (
            "mail",
            body("", &[]),
            b"From: a@b.c\r\nTo: d@e.f\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n".to_vec(),
            "<mail|From: «from=a@b.c»\r\nTo: «to=d@e.f»\r\nContent-Transfer-Encoding: \
             «content-transfer-encoding=base64»\r\n\r\n<base64|hello>>"
                .into(),
        ),
        (
            "kafka",
            DocumentStart { name: Some("users".into()), ..start(DocumentKind::KafkaRecords, "", &[]) },
            kafka::batches(),
            kafka::READ.to_owned(),
        ),
        ("snappy", body("", &[Coding::Snappy]), lz::snappy_block(SAMPLE.as_bytes()), format!("<snappy|{SAMPLE_READ}>")),
        ("snappy, framed", body("", &[]), lz::snappy_framed(SAMPLE.as_bytes()), format!("<snappy|{SAMPLE_READ}>")),
        ("snappy, java's", body("", &[]), lz::snappy_java(SAMPLE.as_bytes()), format!("<snappy|{SAMPLE_READ}>")),
        ("lz4", body("", &[]), lz::lz4(SAMPLE.as_bytes()), format!("<lz4|{SAMPLE_READ}>")),
        ("pdf", body("", &[]), pdf::file(), pdf::READ.to_owned()),
        ("empty", body("application/json", &[Coding::Gzip]), vec![], String::new()),
    ]
}
