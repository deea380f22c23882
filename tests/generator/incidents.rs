//! The five incidents behind this product, as captures: what was sent is as it was reported, whose it was is made up. Each is told
//! in the README of its case in tests/cases.

use std::io::Write as _;

use borderpost::scan::{Catalogue, WatchBuilder, WatchKey, WatchSpec};

use super::demo::{BARCODE, at, exchange, look_up, ok, post};
use super::net::Recorder;
use super::{Made, jpeg};

/// Countries by DB-IP Lite 2026-06; the data centre in the US is 10.20.0.0/16.
const LARK_SINGAPORE: &str = "103.136.221.20";
const ANALYST_CHINA: &str = "36.110.220.5";
const MAPS_RUSSIA: &str = "77.88.55.60";
const LOGS_CHINA: &str = "101.126.22.40";
const BACKUP_SINGAPORE: &str = "18.136.1.10";
const ARCHIVE_ASHBURN: &str = "129.213.10.20";

/// 2 March 2026, 14:00:00 UTC.
const MARCH_2026: u64 = 1_772_460_000;
/// 30 June 2026, 23:30:00 UTC: the declared deletion date.
const DELETION_DAY: u64 = 1_782_862_200;
const DAY: u64 = 86_400;

pub fn captures() -> Vec<Made> {
    vec![
        Made { name: "1-identity-documents-to-lark/capture.pcap", octets: documents_to_lark() },
        Made { name: "2-group-message-to-lark/capture.pcap", octets: group_message() },
        Made { name: "3-query-from-china/capture.pcap", octets: query_from_china() },
        Made { name: "4-watched-persons-in-logs/capture.pcap", octets: logs_abroad() },
        Made { name: "4-watched-persons-in-logs/watched.watch", octets: watched() },
        Made { name: "4-watched-persons-in-logs/watched.key", octets: WATCH_KEY.to_vec() },
        Made { name: "5-backup-after-deletion-date/until-deletion/capture.pcap", octets: backup(DELETION_DAY) },
        Made { name: "5-backup-after-deletion-date/one-day-after/capture.pcap", octets: backup(DELETION_DAY + DAY) },
        Made { name: "9-positions-in-a-listed-area/capture.pcap", octets: positions() },
    ]
}

const FIRST_NAMES: [&str; 8] = ["Alex", "Robin", "Kim", "Jo", "Sam", "Chris", "Pat", "Max"];
const LAST_NAMES: [&str; 5] = ["Sample", "Example", "Muster", "Placeholder", "Specimen"];

fn name(i: usize) -> String {
    format!("{} {}", FIRST_NAMES[i % FIRST_NAMES.len()], LAST_NAMES[i / FIRST_NAMES.len() % LAST_NAMES.len()])
}

/// Shaped like an issued number; areas from 900 on are none, those of 8xx were never issued before 2011.
fn ssn(i: usize) -> String {
    format!("8{:02}-{:02}-{:04}", 10 + i % 80, i * 7 % 98 + 1, 1000 + i * 37 % 9000)
}

/// RFC 5737 keeps these for documentation.
fn user_addr(i: usize) -> String {
    format!("{}.{}", ["198.51.100", "203.0.113"][i % 2], i % 250 + 1)
}

/// Check digit of a machine readable zone: ICAO Doc 9303 part 3, section 4.9.
fn check_digit(cells: &str) -> char {
    let values = cells.bytes().map(|cell| match cell {
        b'0'..=b'9' => u32::from(cell - b'0'),
        b'A'..=b'Z' => u32::from(cell - b'A') + 10,
        _ => 0,
    });
    let sum: u32 = values.zip([7, 3, 1].into_iter().cycle()).map(|(value, weight)| value * weight).sum();
    char::from_digit(sum % 10, 10).expect("a digit")
}

/// The machine readable zone of a passport of Utopia, which issues those of the specimen in Doc 9303.
fn mrz(i: usize) -> String {
    let (number, birth, expiry) = (format!("X{:08}", 1000 + i), format!("9{}01{:02}", i % 10, i % 28 + 1), "300101");
    let holder = name(i).to_uppercase();
    let (first, last) = holder.split_once(' ').expect("two names");
    let [number, birth, expiry] = [&number, &birth, expiry].map(|cells: &str| format!("{cells}{}", check_digit(cells)));
    let personal = "<".repeat(14);
    let composite = check_digit(&format!("{number}{birth}{expiry}{personal}<"));
    format!("{:<<44}\n{number}UTO{birth}X{expiry}{personal}<{composite}", format!("P<UTO{last}<<{first}"))
}

fn part(body: &mut Vec<u8>, boundary: &str, headers: &str, content: &[u8]) {
    body.extend(format!("--{boundary}\r\nContent-Disposition: form-data; {headers}\r\n\r\n").bytes());
    body.extend(content);
    body.extend(b"\r\n");
}

/// (1) Support staff upload licences and passports of users who lost access to their accounts.
fn documents_to_lark() -> Vec<u8> {
    let mut net = Recorder::starting_at(MARCH_2026);
    look_up(&mut net, "10.20.3.7", 201, "open.larksuite.com", LARK_SINGAPORE);
    for i in 0..3 {
        let boundary = format!("case-{i:04}");
        let mut body = Vec::new();
        part(&mut body, &boundary, "name=\"ticket\"", format!("account recovery {}", 4100 + i).as_bytes());
        if i < 2 {
            let barcode = BARCODE.replace("DAQD1234562", &format!("DAQD12345{:02}", 70 + i));
            part(&mut body, &boundary, "name=\"barcode\"\r\nContent-Type: text/plain", barcode.as_bytes());
            let card = jpeg::grey(1024, 648);
            let headers = "name=\"license_front\"; filename=\"front.jpg\"\r\nContent-Type: image/jpeg";
            part(&mut body, &boundary, headers, &card);
        } else {
            part(&mut body, &boundary, "name=\"passport_mrz\"", mrz(i).as_bytes());
            let headers = "name=\"passport_page\"; filename=\"page.jpg\"\r\nContent-Type: image/jpeg";
            part(&mut body, &boundary, headers, &jpeg::grey(1248, 880));
        }
        body.extend(format!("--{boundary}--\r\n").bytes());
        let headers = format!("Content-Type: multipart/form-data; boundary={boundary}\r\n");
        let request = post("open.larksuite.com", "/open-apis/im/v1/files", &headers, &body);
        let answer = ok("application/json", "{\"code\":0}");
        exchange(&mut net, at("10.20.3.7", 52_200 + i as u16), at(LARK_SINGAPORE, 80), 210, &request, &answer);
    }
    // The same documents, kept at home.
    let host = "objectstorage.us-ashburn-1.oraclecloud.com";
    look_up(&mut net, "10.20.3.7", 202, host, ARCHIVE_ASHBURN);
    let request = post(host, "/n/support/b/cases/o/4100.txt", "Content-Type: text/plain\r\n", mrz(2).as_bytes());
    exchange(&mut net, at("10.20.3.7", 52_210), at(ARCHIVE_ASHBURN, 80), 2, &request, &ok("text/plain", ""));
    net.into_pcap()
}

const GROUP_MEMBERS: usize = 25;

/// (2) A bot posts a list of flagged users, and their profile pictures, to a group of several hundred people.
fn group_message() -> Vec<u8> {
    let mut net = Recorder::starting_at(MARCH_2026);
    look_up(&mut net, "10.20.4.12", 211, "open.larksuite.com", LARK_SINGAPORE);
    for i in 0..4 {
        let mut body = Vec::new();
        part(&mut body, "picture", "name=\"image_type\"", b"message");
        let headers = format!("name=\"image\"; filename=\"{i}.jpg\"\r\nContent-Type: image/jpeg");
        part(&mut body, "picture", &headers, &jpeg::grey(480 + 8 * i, 480));
        body.extend(b"--picture--\r\n");
        let headers = "Content-Type: multipart/form-data; boundary=picture\r\n";
        let request = post("open.larksuite.com", "/open-apis/im/v1/images", headers, &body);
        let answer = ok("application/json", "{\"code\":0,\"data\":{\"image_key\":\"img_v3_0a1b\"}}");
        exchange(&mut net, at("10.20.4.12", 53_000 + i), at(LARK_SINGAPORE, 80), 210, &request, &answer);
    }
    let users: Vec<String> = (0..GROUP_MEMBERS)
        .map(|i| {
            format!(
                "{{\"full_name\":\"{}\",\"username\":\"{}.{i:02}\",\"country_of_residence\":\"US\",\"ip_address\":\"{}\",\
\"android_id\":\"{:016x}\",\"idfa\":\"{:08X}-4A5B-4C6D-8E7F-{:012X}\"}}",
                name(i),
                name(i).to_lowercase().replace(' ', "."),
                user_addr(i),
                0x9f3c_4b17_a2d5_e801_u64.wrapping_mul(2 * i as u64 + 1),
                0x6f1c_2d3e_u32.wrapping_mul(2 * i as u32 + 1),
                0x9012_3456_7890_u64 + 7919 * i as u64,
            )
        })
        .collect();
    let body = format!(
        "{{\"receive_id_type\":\"chat_id\",\"msg_type\":\"text\",\"content\":{{\"text\":\"flagged this week\",\"users\":[{}]}}}}",
        users.join(",")
    );
    let headers = "Content-Type: application/json; charset=utf-8\r\n";
    let request = post("open.larksuite.com", "/open-apis/im/v1/messages", headers, body.as_bytes());
    let answer = ok("application/json", "{\"code\":0}");
    exchange(&mut net, at("10.20.4.12", 53_010), at(LARK_SINGAPORE, 80), 210, &request, &answer);
    net.into_pcap()
}

const ROWS: usize = 40;

/// A message of the PostgreSQL protocol (PostgreSQL documentation, section 54.7): type, length with itself, content.
fn message(kind: u8, content: &[u8]) -> Vec<u8> {
    [&[kind][..], &(content.len() as u32 + 4).to_be_bytes(), content].concat()
}

fn row_description(columns: &[&str]) -> Vec<u8> {
    let mut content = (columns.len() as u16).to_be_bytes().to_vec();
    for (number, column) in (1u16..).zip(columns) {
        content.extend(column.bytes());
        content.push(0);
        // Table, column, type `text` (oid 25) of variable size, no modifier, text format.
        content.extend(16_384u32.to_be_bytes());
        content.extend(number.to_be_bytes());
        content.extend(25u32.to_be_bytes());
        content.extend([0xff; 6]);
        content.extend(0u16.to_be_bytes());
    }
    message(b'T', &content)
}

fn data_row(values: &[String]) -> Vec<u8> {
    let mut content = (values.len() as u16).to_be_bytes().to_vec();
    for value in values {
        content.extend((value.len() as u32).to_be_bytes());
        content.extend(value.bytes());
    }
    message(b'D', &content)
}

/// (3) An analyst in China opens a connection to a database in the US: what leaves is the answer.
fn query_from_china() -> Vec<u8> {
    let mut net = Recorder::starting_at(MARCH_2026);
    let mut connection = net.connect(at(ANALYST_CHINA, 61_220), at("10.20.8.21", 5432), 240);
    let mut startup = 196_608u32.to_be_bytes().to_vec();
    startup.extend(b"user\0analyst\0database\0users_us\0client_encoding\0UTF8\0\0");
    let startup = [&(startup.len() as u32 + 4).to_be_bytes()[..], &startup].concat();
    connection.send(&mut net, 0, &startup);
    let welcome = [
        message(b'R', &0u32.to_be_bytes()),
        message(b'S', b"server_version\x0016.4\0"),
        message(b'S', b"client_encoding\0UTF8\0"),
        message(b'K', &[0, 0, 0x1a, 0x2b, 0x3c, 0x4d, 0x5e, 0x6f]),
        message(b'Z', b"I"),
    ];
    connection.send(&mut net, 1, &welcome.concat());
    let query = b"SELECT user_id, full_name, email, phone, ssn, last_ip FROM users WHERE region = 'US' LIMIT 40\0";
    connection.send(&mut net, 0, &message(b'Q', query));
    let mut answer = row_description(&["user_id", "full_name", "email", "phone", "ssn", "last_ip"]);
    for i in 0..ROWS {
        answer.extend(data_row(&[
            format!("7234567890{:09}", 123_456_000 + 7919 * i),
            name(i),
            format!("user{i:03}@example.com"),
            format!("+1202555{:04}", 100 + i),
            ssn(i),
            user_addr(i),
        ]));
    }
    answer.extend(message(b'C', format!("SELECT {ROWS}\0").as_bytes()));
    answer.extend(message(b'Z', b"I"));
    connection.send(&mut net, 1, &answer);
    connection.send(&mut net, 0, &message(b'X', &[]));
    connection.close(&mut net);
    net.into_pcap()
}

/// The addresses of the two persons of incident 4: RFC 5737 keeps them for documentation.
pub const WATCHED: [&str; 2] = ["192.0.2.77", "192.0.2.201"];
/// Printed here, so no secret: the case shows how a list works, and its persons are made up.
const WATCH_KEY: &[u8; 32] = b"a key that everyone may know: 32";

/// The list of the two, as `borderpost fingerprint --list watched-persons --primary ip=ipv4-datum --label-column id` makes it.
fn watched() -> Vec<u8> {
    let spec = WatchSpec {
        list: "watched-persons".to_owned(),
        epoch: 1,
        primaries: vec![("ip".to_owned(), "ipv4-datum".to_owned())],
        label: Some("id".to_owned()),
        ..WatchSpec::default()
    };
    let catalogue = Catalogue::load(&[]).expect("the built-in signatures");
    let key = WatchKey::new(WATCH_KEY).expect("32 octets");
    let mut list = WatchBuilder::new(&catalogue, &key, &spec, &["id", "ip"]).expect("a list");
    for (id, ip) in ["w-1", "w-2"].into_iter().zip(WATCHED) {
        list.row(|column| [id, ip][column].as_bytes()).expect("a row");
    }
    list.finish().0
}

const LOG_LINES: usize = 60;

/// (4) Access logs go to a collector in China; two of the readers are journalists.
fn logs_abroad() -> Vec<u8> {
    let mut net = Recorder::starting_at(MARCH_2026);
    look_up(&mut net, "10.20.6.30", 221, "logs.example.net", LOGS_CHINA);
    let mut lines = String::new();
    for i in 0..LOG_LINES {
        let client = match i {
            17 | 44 => WATCHED[0].to_owned(),
            31 => WATCHED[1].to_owned(),
            _ => user_addr(i),
        };
        lines += &format!(
            "{{\"at\":\"2026-03-02T13:{:02}:{:02}Z\",\"path\":\"/v/{:08x}\",\"status\":200,\"client_ip\":\"{client}\"}}\n",
            i / 2,
            i * 7 % 60,
            0x9e37_79b9_u32.wrapping_mul(i as u32 + 1),
        );
    }
    let headers = "Content-Type: application/x-ndjson\r\n";
    let request = post("logs.example.net", "/ingest", headers, lines.as_bytes());
    exchange(&mut net, at("10.20.6.30", 41_300), at(LOGS_CHINA, 80), 230, &request, &ok("text/plain", ""));
    net.into_pcap()
}

/// Positions of devices go to Russia: as GeoJSON, rounded to two places, as a pair, and keyed apart; of each kind one in the listed area.
fn positions() -> Vec<u8> {
    let mut net = Recorder::starting_at(MARCH_2026);
    look_up(&mut net, "10.20.7.11", 241, "maps.example.ru", MAPS_RUSSIA);
    let documents = [
        r#"{"features":[{"geometry":{"type":"Point","coordinates":[-119.2513,37.2514]}},{"geometry":{"type":"Point","coordinates":[-77.2514,38.9514]}}]}"#,
        r#"[{"device":1,"lat":37.25,"lon":-119.25},{"device":2,"lat":37.40,"lon":-119.25},{"device":3,"lat":12.5,"lon":-119.25}]"#,
        r#"{"location":"37.2511,-119.2489","before":"37.2611,-119.2489"}"#,
        r#"{"a":{"longitude":-119.25123},"b":{"latitude":37.25123}}"#,
    ];
    for (i, document) in documents.iter().enumerate() {
        let request = post("maps.example.ru", "/positions", "Content-Type: application/json\r\n", document.as_bytes());
        let from = at("10.20.7.11", 41_400 + i as u16);
        exchange(&mut net, from, at(MAPS_RUSSIA, 80), 240 + i as u64, &request, &ok("text/plain", ""));
    }
    net.into_pcap()
}

const BACKUP_ROWS: usize = 30;

/// (5) The nightly copy to Singapore.
fn backup(start: u64) -> Vec<u8> {
    let mut net = Recorder::starting_at(start);
    look_up(&mut net, "10.20.5.21", 231, "backup-sg.example.net", BACKUP_SINGAPORE);
    let mut rows = String::from("user_id,email,ssn\n");
    for i in 0..BACKUP_ROWS {
        rows += &format!("7234567890{:09},user{i:03}@example.com,{}\n", 123_456_000 + 7919 * i, ssn(i));
    }
    let mut gzip = flate2::GzBuilder::new().write(Vec::new(), flate2::Compression::none());
    gzip.write_all(rows.as_bytes()).expect("memory");
    let body = gzip.finish().expect("memory");
    let headers = "Content-Type: text/csv\r\nContent-Encoding: gzip\r\n";
    let request = post("backup-sg.example.net", "/nightly/users.csv.gz", headers, &body);
    exchange(
        &mut net,
        at("10.20.5.21", 40_500),
        at(BACKUP_SINGAPORE, 80),
        220,
        &request,
        &ok("text/plain", "stored\n"),
    );
    net.into_pcap()
}
