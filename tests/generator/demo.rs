//! The demo: a support host in a US data centre pastes a user's driver's licence into Lark and Feishu, user rows are copied to a
//! Singapore backup, a query from China is answered, and ordinary business goes on besides.

use std::io::Write as _;
use std::net::SocketAddr;

use super::net::{Recorder, dns};
use super::{jpeg, tls};

/// 2 March 2026, 14:00:00 UTC.
const START: u64 = 1_772_460_000;

/// Countries by DB-IP Lite 2026-06: US data centre behind 10.20.0.0/16.
const RESOLVER: &str = "10.20.0.53:53";
const LARK_SINGAPORE: &str = "103.136.221.20";
const FEISHU_CHINA: &str = "101.126.22.5";
const BACKUP_SINGAPORE: &str = "18.136.1.10";
const ANALYST_CHINA: &str = "36.110.220.5";
const ORACLE_ASHBURN: &str = "129.213.10.20";
const SHOP_FRANKFURT: &str = "3.120.5.6";
const VENDOR_US: &str = "3.221.1.9";

/// The decoded barcode on the back of a licence (AAMVA card design standard), of a person who does not exist.
pub const BARCODE: &str = "@\n\x1e\rANSI 636014100101DL00310216DLDAQD1234562\nDCSSAMPLE\nDDEN\nDACALEX\nDDFN\nDADNONE\nDDGN\nDCAC\n\
DCBNONE\nDCDNONE\nDBD01012024\nDBB01011990\nDBA01012030\nDBC9\nDAU070 IN\nDAYBRO\nDAG1 EXAMPLE ST\nDAIANYTOWN\nDAJCA\n\
DAK900010000  \nDCF00/00/0000NNNAN/ANFD/YY\nDCGUSA\r";

pub fn capture() -> Vec<u8> {
    let mut net = Recorder::starting_at(START);
    ordinary_tls(&mut net);
    licence_to_lark(&mut net);
    licence_to_feishu(&mut net);
    archive_at_home(&mut net);
    backup_to_singapore(&mut net);
    query_from_china(&mut net);
    orders_to_frankfurt(&mut net);
    encrypted_to_lark(&mut net);
    net.into_pcap()
}

fn at(addr: &str, port: u16) -> SocketAddr {
    SocketAddr::new(addr.parse().expect("an address"), port)
}

fn look_up(net: &mut Recorder, client: &str, id: u16, name: &str, addr: &str) {
    let resolver = RESOLVER.parse().expect("an address");
    dns(net, at(client, 40_000 + id), resolver, id, name, addr.parse().expect("an address"));
}

/// One HTTP exchange over a connection of its own. `at_end` says which end is the client in the capture's eyes: 0.
fn exchange(net: &mut Recorder, client: SocketAddr, server: SocketAddr, rtt_ms: u64, request: &[u8], response: &[u8]) {
    let mut connection = net.connect(client, server, rtt_ms);
    connection.send(net, 0, request);
    connection.send(net, 1, response);
    connection.close(net);
    net.wait_ms(400);
}

fn post(host: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: support-console/4.2\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn ok(content_type: &str, body: &str) -> Vec<u8> {
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    head.into_bytes()
}

fn licence_to_lark(net: &mut Recorder) {
    look_up(net, "10.20.3.7", 101, "open.larksuite.com", LARK_SINGAPORE);
    let mut body = Vec::new();
    let mut part = |headers: &str, content: &[u8]| {
        body.extend(b"--case-7f31\r\nContent-Disposition: form-data; ");
        body.extend(headers.as_bytes());
        body.extend(b"\r\n\r\n");
        body.extend(content);
        body.extend(b"\r\n");
    };
    part("name=\"case\"", b"2026-03-02-0017 account recovery");
    part("name=\"driver_license_number\"", b"D1234562");
    part("name=\"state\"", b"CA");
    part("name=\"full_name\"", b"Alex Sample");
    part("name=\"date_of_birth\"", b"1990-01-01");
    part("name=\"address\"", b"1 Example Street, Anytown, CA 90001");
    part("name=\"login_ip\"", b"203.0.113.7");
    part("name=\"barcode\"\r\nContent-Type: text/plain", BARCODE.as_bytes());
    part("name=\"license_front\"; filename=\"id_front.jpg\"\r\nContent-Type: image/jpeg", &jpeg::grey(1024, 648));
    body.extend(b"--case-7f31--\r\n");
    let request = post(
        "open.larksuite.com",
        "/open-apis/im/v1/files",
        "Content-Type: multipart/form-data; boundary=case-7f31\r\n",
        &body,
    );
    let response = ok("application/json", "{\"code\":0,\"data\":{\"file_key\":\"file_v3_0a1b2c3d\"}}");
    exchange(net, at("10.20.3.7", 52_110), at(LARK_SINGAPORE, 80), 210, &request, &response);
}

fn licence_to_feishu(net: &mut Recorder) {
    look_up(net, "10.20.3.7", 102, "open.feishu.cn", FEISHU_CHINA);
    let body = "{\"receive_id\":\"oc_0123456789abcdef0123456789abcdef\",\"msg_type\":\"text\",\"content\":{\"text\":\"please check this user\",\
\"user\":{\"user_id\":\"7234567890123456789\",\"nickname\":\"sample.alex\",\"email\":\"alex@example.com\",\"phone\":\"+12025550143\",\
\"ssn\":\"899-45-6789\",\"driver_license\":\"CA D1234562\",\"device\":{\"imei\":\"001011000000014\",\"idfa\":\"6F1C2D3E-4A5B-4C6D-8E7F-901234567890\"},\
\"country_of_residence\":\"US\"}}}";
    let request = post(
        "open.feishu.cn",
        "/open-apis/im/v1/messages?receive_id_type=chat_id",
        "Content-Type: application/json; charset=utf-8\r\n",
        body.as_bytes(),
    );
    let response = ok("application/json", "{\"code\":0,\"msg\":\"success\"}");
    exchange(net, at("10.20.3.7", 52_118), at(FEISHU_CHINA, 80), 230, &request, &response);
}

/// The same data stays at home: allowed.
fn archive_at_home(net: &mut Recorder) {
    let host = "objectstorage.us-ashburn-1.oraclecloud.com";
    look_up(net, "10.20.5.21", 103, host, ORACLE_ASHBURN);
    let body = "case,ssn,driver_license\n2026-03-02-0017,899-45-6789,D1234562\n";
    let request = post(host, "/n/support/b/cases/o/0017.csv", "Content-Type: text/csv\r\n", body.as_bytes());
    exchange(net, at("10.20.5.21", 40_022), at(ORACLE_ASHBURN, 80), 2, &request, &ok("text/plain", ""));
}

fn backup_to_singapore(net: &mut Recorder) {
    look_up(net, "10.20.5.21", 104, "backup-sg.example.net", BACKUP_SINGAPORE);
    let mut rows = String::from("user_id,email,ssn,last_ip,latitude,longitude\n");
    for i in 0..200u32 {
        // Areas of 8xx are shaped like issued numbers; names and addresses are from ranges for documentation.
        rows += &format!(
            "72345678901{:08},user{i:03}@example.com,8{:02}-{:02}-{:04},198.51.100.{},37.77{:02},-122.41{:02}\n",
            10_000_000 + i * 7919,
            i % 100,
            i % 98 + 1,
            1000 + i * 31 % 9000,
            i % 250 + 1,
            i % 90 + 10,
            i % 80 + 10,
        );
    }
    let mut gzip = flate2::GzBuilder::new().write(Vec::new(), flate2::Compression::none());
    gzip.write_all(rows.as_bytes()).expect("memory");
    let body = gzip.finish().expect("memory");
    let head = format!(
        "PUT /nightly/users-20260302.csv.gz HTTP/1.1\r\nHost: backup-sg.example.net\r\nContent-Type: text/csv\r\n\
Content-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let request = [head.as_bytes(), &body].concat();
    exchange(net, at("10.20.5.21", 40_101), at(BACKUP_SINGAPORE, 80), 220, &request, &ok("text/plain", "stored\n"));
}

/// An inbound connection: what leaves is the answer.
fn query_from_china(net: &mut Recorder) {
    let request = b"GET /internal/v2/users?region=US&limit=3 HTTP/1.1\r\nHost: user-api.example.net\r\nAccept: application/json\r\n\r\n";
    let body = "{\"users\":[\
{\"uid\":\"7234567890123456001\",\"name\":\"Robin Example\",\"passport\":\"X00000001\",\"birth_date\":\"1988-04-12\",\"last_ip\":\"198.51.100.23\"},\
{\"uid\":\"7234567890123456002\",\"name\":\"Kim Muster\",\"email\":\"kim@example.org\",\"phone\":\"+12025550177\",\"last_ip\":\"198.51.100.24\"},\
{\"uid\":\"7234567890123456003\",\"name\":\"Jo Placeholder\",\"mrz\":\"P<UTOBORDERPOST<<TEST<<<<<<<<<<<<<<<<<<<<<<<\\nX000000012UTO0001018X3001019<<<<<<<<<<<<<<06\"}\
]}";
    exchange(net, at(ANALYST_CHINA, 61_007), at("10.20.8.9", 8080), 240, request, &ok("application/json", body));
}

/// Things that look like identifiers and are none.
fn orders_to_frankfurt(net: &mut Recorder) {
    look_up(net, "10.20.8.9", 105, "shop.example.de", SHOP_FRANKFURT);
    let mut body = String::from("{\"orders\":[");
    for i in 0..40u32 {
        let comma = if i == 0 { "" } else { "," };
        body += &format!(
            "{comma}{{\"order\":\"{:09}\",\"sku\":\"4111-{:04}-{:04}\",\"tracking\":\"1Z{:09}\",\"build\":\"10.4.{}.{}\",\
\"commit\":\"{:08x}{:08x}{:08x}{:08x}{:08x}\",\"at\":{},\"trace\":\"{:08x}-1111-4222-8333-{:012x}\"}}",
            512_340_000 + i * 17,
            i * 37 % 10_000,
            i * 91 % 10_000,
            880_000_000 + i * 101,
            i % 20,
            i % 7,
            i.wrapping_mul(0x9e37_79b9),
            i.wrapping_mul(0x85eb_ca6b),
            i.wrapping_mul(0xc2b2_ae35),
            i.wrapping_mul(0x27d4_eb2f),
            i.wrapping_mul(0x1656_67b1),
            1_772_460_000_000_u64 + u64::from(i) * 997,
            i.wrapping_mul(0x2545_f491),
            u64::from(i) * 0x0101_0101_0101,
        );
    }
    body += "]}";
    let request = post("shop.example.de", "/api/orders", "Content-Type: application/json\r\n", body.as_bytes());
    exchange(net, at("10.20.8.9", 38_200), at(SHOP_FRANKFURT, 80), 90, &request, &ok("application/json", "{}"));
}

fn ordinary_tls(net: &mut Recorder) {
    look_up(net, "10.20.3.7", 100, "updates.example.com", VENDOR_US);
    tls_session(net, at("10.20.3.7", 50_001), at(VENDOR_US, 443), 12, "updates.example.com", 900, 20_000);
}

/// The same service again, and nobody can say what went there.
fn encrypted_to_lark(net: &mut Recorder) {
    tls_session(net, at("10.20.3.7", 52_140), at(LARK_SINGAPORE, 443), 210, "open.larksuite.com", 48_000, 1_200);
}

fn tls_session(
    net: &mut Recorder,
    client: SocketAddr,
    server: SocketAddr,
    rtt: u64,
    name: &str,
    up: usize,
    down: usize,
) {
    let mut connection = net.connect(client, server, rtt);
    connection.send(net, 0, &tls::client_hello(name, up as u64));
    connection.send(net, 1, &tls::server_hello(down as u64));
    for (end, total) in [(0, up), (1, down)] {
        let mut records = Vec::new();
        let mut left = total;
        while left > 0 {
            let len = left.min(16_000);
            records.extend(tls::application_data(len, (total + left) as u64));
            left -= len;
        }
        connection.send(net, end, &records);
    }
    connection.close(net);
    net.wait_ms(400);
}
