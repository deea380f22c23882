//! Identifiers of one person, from every structured decoder: sent by a local host, they are one bundle and one person a record,
//! whatever carries them. Also: whose data it is, as far as values tell.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

mod common;

use std::net::IpAddr;
use std::sync::Arc;

use borderpost::capture::Captures;
use borderpost::engine::{Engine, EngineOptions};
use borderpost::geo::GeoSettings;
use borderpost::model::{Event, EventBody, Finding, Limits};
use borderpost::scan::PERSON_RECORD;
use generator::demo::{at, post};
use generator::net::Recorder;

#[path = "generator/mod.rs"]
mod generator;

const LOCAL: &str = "10.0.0.9";
const REMOTE: &str = "203.0.113.80";

/// What the ends of a connection say in turn: `true` is the local host, which speaks first on `port` of the other, or answers on
/// its own.
struct Talk {
    port: u16,
    serves: bool,
    parts: Vec<(bool, Vec<u8>)>,
}

/// Replays a talk: what was found, and how many persons were told apart.
fn replay(talk: &Talk) -> (Vec<Arc<Finding>>, u64) {
    let mut net = Recorder::starting_at(1_700_000_000);
    let (local, remote) = if talk.serves {
        (at(LOCAL, talk.port), at(REMOTE, 40_000))
    } else {
        (at(LOCAL, 40_000), at(REMOTE, talk.port))
    };
    let ends = if talk.serves { [remote, local] } else { [local, remote] };
    let mut connection = net.connect(ends[0], ends[1], 20);
    for (is_local, octets) in &talk.parts {
        connection.send(&mut net, usize::from(*is_local == talk.serves), octets);
    }
    connection.close(&mut net);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("talk.pcap");
    std::fs::write(&path, net.into_pcap()).unwrap();
    let settings = GeoSettings { local: vec![LOCAL.parse::<IpAddr>().unwrap().into()], ..GeoSettings::default() };
    let rules = common::rules(&settings);
    let (mut found, mut persons) = (Vec::new(), 0);
    let mut take = |event: Event| {
        persons = persons.max(event.flow.as_ref().map_or(0, |flow| flow.persons));
        if let EventBody::Finding(finding) = event.body {
            found.push(finding);
        }
    };
    let mut captures = Captures::open(&[path], None).unwrap();
    let mut engine = Engine::new(rules, &Limits::default(), EngineOptions { threads: 1, flow_events: true });
    while let Some(frame) = captures.next_frame() {
        engine.feed(&frame, &mut take);
    }
    engine.finish(&mut take);
    (found, persons)
}

fn http(media_type: &str, body: &[u8]) -> Talk {
    let request = post("api.example.com", "/people", &format!("Content-Type: {media_type}\r\n"), body);
    Talk { port: 80, serves: false, parts: vec![(true, request)] }
}

/// A field of a protobuf message.
fn field(number: u8, value: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, value.len() as u8][..], value].concat()
}

fn protobuf() -> Vec<u8> {
    let person = |mail: &str, ssn: &str, card: &str| {
        field(3, &[field(1, mail.as_bytes()), field(2, ssn.as_bytes()), field(5, card.as_bytes())].concat())
    };
    [
        field(1, b"next-page"),
        person("kim@example.com", "512-45-6789", "4929 1234 5678 9015"),
        person("lee@example.com", "513-45-6789", "5425 2334 3010 9903"),
    ]
    .concat()
}

fn postgres() -> Talk {
    let message = |kind: u8, body: &[u8]| [&[kind][..], &(body.len() as u32 + 4).to_be_bytes(), body].concat();
    let columns: Vec<u8> = [&3_u16.to_be_bytes()[..]]
        .into_iter()
        .map(<[u8]>::to_vec)
        .chain(["user_name", "email", "last_ip"].map(|name| {
            [name.as_bytes(), &[0; 7], &25_u32.to_be_bytes(), &[0, 8, 0xff, 0xff, 0xff, 0xff, 0, 0]].concat()
        }))
        .flatten()
        .collect();
    let row = |values: [&str; 3]| {
        let values = values.map(|v| [&(v.len() as u32).to_be_bytes()[..], v.as_bytes()].concat()).concat();
        message(b'D', &[&3_u16.to_be_bytes()[..], &values].concat())
    };
    let startup = b"\0\x03\0\0user\0alex\0database\0shop\0\0";
    let rows =
        [message(b'T', &columns), row(KIM), row(LEE), message(b'C', b"SELECT 2\0"), message(b'Z', b"I")].concat();
    Talk {
        port: 5432,
        serves: true,
        parts: vec![
            (false, [&(startup.len() as u32 + 4).to_be_bytes()[..], startup].concat()),
            (true, [message(b'R', &[0; 4]), message(b'Z', b"I")].concat()),
            (false, message(b'Q', b"select * from people\0")),
            (true, rows),
        ],
    }
}

fn mysql() -> Talk {
    let packet = |sequence: u8, body: &[u8]| [&(body.len() as u32).to_le_bytes()[..3], &[sequence], body].concat();
    let text = |text: &str| [&[text.len() as u8][..], text.as_bytes()].concat();
    let column = |name: &str| {
        let names = [text("def"), text("shop"), text("p"), text("people"), text(name), text(name)].concat();
        [names, vec![0x0c, 0x21, 0, 0xff, 0, 0, 0, 253, 0, 0, 0, 0, 0]].concat()
    };
    let row = |values: [&str; 3]| values.map(text).concat();
    let greeting = [
        &b"\x0a8.0.36\0\x08\0\0\0salt1234\0\xff\xff\x21\x02\0\xff\xdf\x15"[..],
        &[0; 10],
        b"saltsaltsalt\0mysql_native_password\0",
    ]
    .concat();
    let capabilities = 0x0008_a20d_u32;
    let login =
        [&capabilities.to_le_bytes()[..], &[0, 0, 0, 1, 0x21], &[0; 23], b"alex\0\x03abcmysql_native_password\0"];
    let end = [0xfe, 0, 0, 2, 0];
    Talk {
        port: 3306,
        serves: true,
        parts: vec![
            (true, packet(0, &greeting)),
            (false, packet(1, &login.concat())),
            (true, packet(2, &[0, 0, 0, 2, 0, 0, 0])),
            (false, packet(0, b"\x03select * from people")),
            (
                true,
                [
                    packet(1, &[3]),
                    packet(2, &column("user_name")),
                    packet(3, &column("email")),
                    packet(4, &column("last_ip")),
                    packet(5, &end),
                    packet(6, &row(KIM)),
                    packet(7, &row(LEE)),
                    packet(8, &end),
                ]
                .concat(),
            ),
        ],
    }
}

fn mongodb() -> Talk {
    let string = |key: &str, value: &str| {
        [&[2][..], key.as_bytes(), &[0], &(value.len() as u32 + 1).to_le_bytes(), value.as_bytes(), &[0]].concat()
    };
    let document = |parts: &[Vec<u8>]| {
        let inside = parts.concat();
        [&(inside.len() as u32 + 5).to_le_bytes()[..], &inside, &[0]].concat()
    };
    let person = |[name, mail, ip]: [&str; 3]| {
        document(&[string("user_name", name), string("email", mail), string("last_ip", ip)])
    };
    let element = |kind: u8, key: &str, value: Vec<u8>| [&[kind][..], key.as_bytes(), &[0], &value].concat();
    let batch = document(&[element(3, "0", person(KIM)), element(3, "1", person(LEE))]);
    let insert = document(&[string("insert", "people"), element(4, "documents", batch)]);
    let body = [&[0; 5][..], &insert].concat();
    let head = [body.len() as u32 + 16, 7, 0, 2013].map(u32::to_le_bytes).concat();
    Talk { port: 27017, serves: false, parts: vec![(true, [head, body].concat())] }
}

fn redis() -> Talk {
    let command = |words: &[&str]| {
        let words: Vec<String> = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
        format!("*{}\r\n{}", words.len(), words.concat()).into_bytes()
    };
    let set = |key: &str, [name, mail, ip]: [&str; 3]| {
        command(&["HSET", key, "user_name", name, "email", mail, "last_ip", ip])
    };
    Talk {
        port: 6379,
        serves: false,
        parts: vec![(true, [set("u:1", KIM), set("u:2", LEE)].concat()), (false, b":3\r\n:3\r\n".to_vec())],
    }
}

fn ldap() -> Talk {
    let tlv = |tag: u8, parts: &[&[u8]]| {
        let inside = parts.concat();
        let length = if inside.len() < 128 { vec![inside.len() as u8] } else { vec![0x81, inside.len() as u8] };
        [&[tag][..], &length, &inside].concat()
    };
    let attribute = |name: &str, value: &str| {
        tlv(0x30, &[&tlv(4, &[name.as_bytes()]), &tlv(0x31, &[&tlv(4, &[value.as_bytes()])])])
    };
    let entry = |[name, mail, ip]: [&str; 3]| {
        let attributes = tlv(0x30, &[&attribute("mail", mail), &attribute("cn", name), &attribute("lastLoginIp", ip)]);
        let entry = tlv(0x64, &[&tlv(4, &[b"cn=x"]), &attributes]);
        tlv(0x30, &[b"\x02\x01\x05", &entry])
    };
    let bind = tlv(0x60, &[b"\x02\x01\x03", &tlv(4, &[b"cn=joe"]), &tlv(0x80, &[b"opensesame"])]);
    Talk {
        port: 389,
        serves: true,
        parts: vec![(false, tlv(0x30, &[b"\x02\x01\x05", &bind])), (true, [entry(KIM), entry(LEE)].concat())],
    }
}

fn hl7() -> Talk {
    let patient = |mrn: &str, name: &str, phone: &str, ssn: &str| {
        format!(
            "PID|1||{mrn}^^^HOSP^MR||{name}||19700101|F|||1 Main Street^^Springfield^IL^62704||{phone}||||||{ssn}\r"
        )
    };
    let message = format!(
        "\x0bMSH|^~\\&|APP|FAC|LAB|FAC|20260101||ADT^A01|1|P|2.5\r{}{}\x1c\r",
        patient("00012345", "SAMPLE^KIM", "(202) 555-0143", "512-45-6789"),
        patient("00012346", "OTHER^LEE", "(202) 555-0144", "513-45-6789"),
    );
    Talk { port: 2575, serves: false, parts: vec![(true, message.into_bytes())] }
}

const KIM: [&str; 3] = ["kim.sample", "kim@example.com", "198.51.100.7"];
const LEE: [&str; 3] = ["lee.other", "lee@example.com", "198.51.100.8"];

#[test]
fn every_structured_decoder_gives_one_bundle_and_one_person_a_record() {
    let json = |[name, mail, ip]: [&str; 3]| format!(r#"{{"user_name":"{name}","email":"{mail}","last_ip":"{ip}"}}"#);
    let (kim, lee) = (json(KIM), json(LEE));
    let xml = |[name, mail, ip]: [&str; 3]| {
        format!("<user><username>{name}</username><email>{mail}</email><clientip>{ip}</clientip></user>")
    };
    let csv = format!("user_name,email,last_ip\n{}\n{}\n", KIM.join(","), LEE.join(","));
    let sql = |[name, mail, ip]: [&str; 3]| format!("('{name}', '{mail}', '{ip}')");
    let insert = format!("INSERT INTO people (user_name, email, last_ip) VALUES {}, {};\0", sql(KIM), sql(LEE));
    let query = [&b"Q"[..], &(insert.len() as u32 + 4).to_be_bytes(), insert.as_bytes()].concat();
    let mut statement = postgres();
    statement.serves = false;
    statement.parts.truncate(2);
    statement.parts.iter_mut().for_each(|part| part.0 = !part.0);
    statement.parts.push((true, query));
    let part =
        |name: &str, value: &str| format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let multipart =
        [part("user_name", KIM[0]), part("email", KIM[1]), part("last_ip", KIM[2]), "--x--\r\n".to_owned()].concat();
    let message = protobuf();
    let grpc = [&[0][..], &(message.len() as u32).to_be_bytes(), &message].concat();
    for (what, talk, records) in [
        ("JSON array", http("application/json", format!("[{kim},{lee}]").as_bytes()), 2),
        ("JSON map", http("application/json", format!(r#"{{"u1":{kim},"u2":{lee}}}"#).as_bytes()), 2),
        ("JSON lines", http("application/json", format!("{kim}\n{lee}\n").as_bytes()), 2),
        ("XML", http("application/xml", format!("<r>{}{}</r>", xml(KIM), xml(LEE)).as_bytes()), 2),
        ("CSV", http("text/csv", csv.as_bytes()), 2),
        (
            "form",
            http(
                "application/x-www-form-urlencoded",
                b"user_name=kim.sample&email=kim%40example.com&last_ip=198.51.100.7",
            ),
            1,
        ),
        ("multipart", http("multipart/form-data; boundary=x", multipart.as_bytes()), 1),
        ("protobuf", http("application/x-protobuf", &message), 2),
        ("gRPC", http("application/grpc-web+proto", &grpc), 2),
        ("PostgreSQL rows", postgres(), 2),
        ("PostgreSQL statement", statement, 2),
        ("MySQL rows", mysql(), 2),
        ("MongoDB documents", mongodb(), 2),
        ("Redis hashes", redis(), 2),
        ("LDAP entries", ldap(), 2),
        ("HL7 segments", hl7(), 2),
    ] {
        let (found, persons) = replay(&talk);
        let (bundles, parts): (Vec<_>, Vec<_>) = found.iter().partition(|f| &*f.signature == PERSON_RECORD);
        let seen: Vec<String> = parts
            .iter()
            .map(|f| format!("{} {} {:?}@{} {:?}", f.signature, f.confidence.0, f.field, f.document, f.record))
            .collect();
        assert_eq!((bundles.len() as u64, persons), (records, records), "{what}: {seen:#?}");
        for bundle in bundles {
            let best = parts.iter().filter(|f| f.record == bundle.record && f.document == bundle.document);
            let best = best.map(|f| f.confidence.0).max().unwrap_or(0);
            assert!(bundle.confidence.0 > best || best == 100, "{what}: {} not above {best}", bundle.confidence.0);
        }
    }
}

/// Whose data it is: sent as JSON, the finding of a signature says the jurisdiction.
#[test]
fn values_say_whose_they_are() {
    let barcode = "@\\n\\u001e\\rANSI 636012100101DL00310100DLDAQX1234562\\nDCSSAMPLE\\nDACALEX\\nDBB19900101\\n";
    for (text, signature, subject) in [
        (
            r#"{"mrz":"P<FRADUPONT<<JEAN<<<<<<<<<<<<<<<<<<<<<<<<<<<\nX000000012FRA0001018X3001019<<<<<<<<<<<<<<06"}"#,
            "mrz-td3",
            "FR",
        ),
        (&format!("{{\"barcode\":\"{barcode}\"}}"), "us-aamva-header", "CA"),
        (r#"{"phone":"+4915112345678"}"#, "phone-e164", "DE"),
        (r#"{"phone":"(604) 555-0143"}"#, "phone-nanp", "CA"),
        (r#"{"身份证":"110101199003070134"}"#, "cn-resident-id", "CN"),
        (r#"{"personnummer":"19900101-0017"}"#, "se-personnummer", "SE"),
        (r#"{"country_of_residence":"BRA"}"#, "residence-keyed", "BR"),
        (r#"{"locale":"pt-BR"}"#, "locale-keyed", "BR"),
        (
            r#"{"user":{"email":"kim@example.com","user_name":"kim.sample","last_ip":"198.51.100.7","locale":"ja_JP"}}"#,
            PERSON_RECORD,
            "JP",
        ),
        (
            r#"{"email":"kim@example.com","user_name":"kim.sample","ssn":"512-45-6789","locale":"ja_JP"}"#,
            PERSON_RECORD,
            "US",
        ),
    ] {
        let (found, _) = replay(&http("application/json", text.as_bytes()));
        let subjects: Vec<(String, String)> = found
            .iter()
            .map(|f| (f.signature.to_string(), f.subject.map_or_else(|| "-".to_owned(), |country| country.to_string())))
            .collect();
        assert!(subjects.contains(&(signature.to_owned(), subject.to_owned())), "{text}: {subjects:?}");
    }
}
