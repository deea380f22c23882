//! Text that looks like user data and is none: the reason why people stop reading alerts.

use super::numbers::{Numbers, luhn};
use super::{Draft, Sample};

/// A key and a value that is no user data.
pub fn pair(n: &mut Numbers) -> (&'static str, String) {
    match n.within(0, 90) {
        0 => ("order_id", format!("{}-{}-{}", n.within(100, 999), n.digits(7), n.digits(7))),
        1 => ("order", n.within(100_000_000, 999_999_999).to_string()),
        2 => ("commit", n.hex(40)),
        3 => ("sha256", n.hex(64)),
        4 => ("etag", format!("W/\\\"{}\\\"", n.hex(16))),
        5 => ("request_id", format!("{}-{}-4{}-9{}-{}", n.hex(8), n.hex(4), n.hex(3), n.hex(3), n.hex(12))),
        6 => ("ts", n.within(1_600_000_000, 1_800_000_000).to_string()),
        7 => ("created_ms", n.within(1_600_000_000_000, 1_800_000_000_000).to_string()),
        8 => ("version", format!("{}.{}.{}.{}", n.within(1, 30), n.within(0, 20), n.within(0, 400), n.within(0, 99))),
        9 => ("build", format!("{}.{}", n.within(20_200_101, 20_261_231), n.within(1, 400))),
        10 => ("tracking", format!("1Z{}{}", n.of("ABCDEFGHWXY0123456789", 6), n.digits(10))),
        11 => ("invoice", format!("INV-2026-{}", n.digits(6))),
        12 => ("part_no", format!("{}-{}-{}", n.digits(3), n.digits(3), n.digits(4))),
        13 => ("sku", format!("{}{}", n.of("ABCDEFGHKLMNPRSTX", 2), n.digits(7))),
        14 => ("ean", n.digits(13)),
        15 => {
            // A number of goods with a right check digit: only what it is called tells it from a card.
            let body = n.digits(12);
            let check = luhn(&body);
            ("upc", format!("{body}{check}"))
        }
        16 => (
            "path",
            format!(
                "M{}.{} {}.{}L{}.{}",
                n.within(0, 99),
                n.digits(4),
                n.within(0, 99),
                n.digits(4),
                n.within(0, 99),
                n.digits(4)
            ),
        ),
        17 => ("price", format!("{}.{:02}", n.within(1, 9999), n.within(0, 100))),
        18 => ("image_hash", n.hex(32)),
        19 => ("session_seq", n.within(1_000, 99_999_999).to_string()),
        20 => ("checksum", n.digits(10)),
        21 => ("trace", n.hex(32)),
        22 => ("offset", n.within(10_000_000, 99_999_999_999).to_string()),
        23 => ("duration_ns", n.within(1_000_000, 9_999_999_999).to_string()),
        24 => (
            "updated_at",
            format!(
                "2026-{:02}-{:02}T{:02}:{:02}:{:02}.{}Z",
                n.within(1, 13),
                n.within(1, 29),
                n.within(0, 24),
                n.within(0, 60),
                n.within(0, 60),
                n.digits(6)
            ),
        ),
        25 => ("released", format!("20{}-{:02}-{:02}", n.within(10, 27), n.within(1, 13), n.within(1, 29))),
        26 => ("color", format!("#{}", n.hex(6))),
        27 => ("blob", n.of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 60)),
        28 => ("rate", format!("0.{}", n.digits(12))),
        29 => ("cursor", n.of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 24)),
        30 => ("isbn", format!("978-{}-{}-{}-{}", n.within(0, 9), n.digits(2), n.digits(6), n.digits(1))),
        31 => ("ticket", format!("{}-{}", n.one(&["OPS", "NET", "DATA"]), n.within(100, 99999))),
        32 => ("lot", format!("{}{}", n.of("ABCDEFGHKLM", 1), n.digits(8))),
        33 => (
            "points",
            format!(
                "{}.{},{}.{} {}.{},{}.{}",
                n.within(0, 89),
                n.digits(4),
                n.within(0, 99),
                n.digits(4),
                n.within(0, 89),
                n.digits(4),
                n.within(0, 99),
                n.digits(4)
            ),
        ),
        34 => ("matrix", format!("0.{}, -0.{}", n.digits(6), n.digits(6))),
        // Words of context that belong to something else.
        35 => (
            "client_version",
            format!("{}.{}.{}.{}", n.within(1, 30), n.within(0, 20), n.within(0, 255), n.within(0, 99)),
        ),
        36 => ("card_layout", n.digits(9)),
        37 => ("contact_form_seq", n.digits(10)),
        38 => ("passport_js_build", n.digits(9)),
        39 => (
            "mobile_bundle",
            format!("20{}{:02}{:02}{}", n.within(20, 27), n.within(1, 13), n.within(1, 29), n.digits(3)),
        ),
        40 => ("phone_model", format!("SM-G{}B {}", n.digits(3), n.digits(8))),
        41 => ("location_index", n.digits(11)),
        42 => ("account_invoice", format!("{}-{}-{}", n.digits(3), n.digits(3), n.digits(4))),
        43 => ("device_batch", n.digits(15)),
        44 => ("bank_holiday", format!("20{}-{:02}-{:02}", n.within(24, 27), n.within(1, 13), n.within(1, 29))),
        // Numbers that have the form, or the check digits, of something else.
        45 => {
            let body = n.digits(15);
            let check = luhn(&body);
            ("order_ref", format!("{body}{check}"))
        }
        46 => ("number", n.digits(9)),
        47 => ("case_number", format!("{}-{:02}-{:04}", n.within(100, 900), n.within(1, 99), n.within(1, 9999))),
        48 => ("item_number", n.digits(11)),
        49 => ("vin", n.of("ABCDEFGHJKLMNPRSTUVWXYZ0123456789", 17)),
        50 => ("gtin", n.digits(14)),
        51 => ("isin", format!("US{}", n.digits(10))),
        52 => ("booking_code", format!("GB{}{}{}", n.digits(2), n.of("ABCDEFGHKLMNPRST", 4), n.digits(14))),
        53 => ("oid", format!("1.3.6.1.4.1.{}.{}", n.within(1, 60_000), n.within(1, 99))),
        54 => ("doi", format!("10.{}/{}.{}.{}", n.digits(4), n.hex(4), n.within(1990, 2027), n.digits(6))),
        55 => (
            "package",
            format!(
                "{}@{}.{}.{}",
                n.one(&["react", "lodash", "left-pad"]),
                n.within(1, 20),
                n.within(0, 9),
                n.within(0, 30)
            ),
        ),
        // What looks like a hardware address: certificates' fingerprints, world wide names, groups, no address at all.
        56 => ("fingerprint", octets(n, 20)),
        57 => ("wwn", octets(n, 8)),
        58 => ("multicast_group", format!("01:00:5e:{}", octets(n, 3))),
        59 => ("neighbour_group", format!("33:33:{}", octets(n, 4))),
        60 => ("broadcast", n.one(&["ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00", "FF-FF-FF-FF-FF-FF"]).to_string()),
        61 => ("listen", format!("127.0.0.1:{}, 10.{}.0.1, 0.0.0.0", n.within(1024, 60_000), n.within(0, 255))),
        62 => ("embedding", (0..16).map(|_| format!("-0.{}", n.digits(7))).collect::<Vec<_>>().join(",")),
        // The same under names that say nothing, or in other languages.
        63 => ("value", checked(n, "", 15)),
        64 => ("code", format!("{}{}", n.one(&["DE", "FR", "NL", "ES"]), n.digits(20))),
        65 => ("member", format!("{}-{}-{}", n.digits(3), n.digits(3), n.digits(4))),
        66 => ("slot", format!("{} {} {}", n.digits(3), n.digits(3), n.digits(3))),
        67 => ("activation_key", format!("{} {} {} {}", n.digits(4), n.digits(4), n.digits(4), n.digits(4))),
        68 => ("bbox", decimals(n, 4, ",")),
        69 => ("translate", decimals(n, 2, ", ")),
        70 => ("weights", decimals(n, 6, " ")),
        71 => ("route", format!("{} {} {}", decimals(n, 2, ","), decimals(n, 2, ","), decimals(n, 2, ","))),
        72 => (
            "upstream",
            format!("{}.{}.{}.{}:8080", n.within(20, 99), n.within(0, 256), n.within(0, 256), n.within(1, 255)),
        ),
        73 => ("kernel", format!("{}.{}.{}.{}", n.within(3, 7), n.within(0, 20), n.within(20, 255), n.within(20, 255))),
        74 => ("boundary", format!("===============7{}==", n.digits(18))),
        75 => ("meter", checked(n, "35", 14)),
        76 => ("user_count", n.digits(9)),
        77 => ("phone_system_build", format!("{}.{}", n.digits(4), n.digits(6))),
        78 => ("account_balance", format!("{}.{:02}", n.digits(7), n.within(0, 100))),
        79 => ("numero_de_commande", n.digits(13)),
        80 => ("sendungsnummer", n.digits(12)),
        81 => ("\u{8ffd}\u{8de1}\u{756a}\u{53f7}", n.digits(12)),
        82 => ("\u{437}\u{430}\u{43a}\u{430}\u{437}", n.digits(12)),
        83 => ("zamowienie", n.digits(11)),
        84 => ("\u{8ba2}\u{5355}\u{53f7}", format!("1{}", n.digits(17))),
        85 => ("pedido", n.digits(11)),
        86 => ("slip", format!("E{}", n.digits(8))),
        87 => ("session_start_ms", n.within(1_600_000_000_000, 1_800_000_000_000).to_string()),
        88 => ("bank_run", n.digits(9)),
        _ => ("seq", n.digits(16)),
    }
}

/// Digits that begin as given, so many and a right check digit more.
fn checked(n: &mut Numbers, begin: &str, length: usize) -> String {
    let body = format!("{begin}{}", n.digits(length - begin.len()));
    let check = luhn(&body);
    format!("{body}{check}")
}

/// Decimal numbers between a few degrees and many.
fn decimals(n: &mut Numbers, count: usize, separator: &str) -> String {
    (0..count).map(|_| format!("{}.{}", n.within(2, 80), n.digits(5))).collect::<Vec<_>>().join(separator)
}

fn octets(n: &mut Numbers, count: usize) -> String {
    (0..count).map(|_| n.hex(2)).collect::<Vec<_>>().join(":")
}

/// A short statement without user data.
pub fn fact(n: &mut Numbers) -> String {
    let (key, value) = pair(n);
    format!("{} {value}", key.replace('_', " "))
}

/// A document without user data.
pub fn document(n: &mut Numbers, form: &'static str) -> Sample {
    let mut draft = Draft::new(form, "en");
    let lines = n.within(3, 9);
    match form {
        "json" => {
            draft.text("{\"items\":[");
            for i in 0..lines {
                let (a, b) = (pair(n), pair(n));
                let comma = if i == 0 { "" } else { "," };
                draft.text(&format!("{comma}{{\"{}\":\"{}\",\"{}\":\"{}\"}}", a.0, a.1, b.0, b.1));
            }
            draft.text("]}");
        }
        "sql" => {
            for _ in 0..lines {
                let (a, b) = (pair(n), pair(n));
                draft.text(&format!("INSERT INTO stock ({}, {}) VALUES ('{}', '{}');\n", a.0, b.0, a.1, b.1));
            }
        }
        "csv" => {
            let columns = [pair(n).0, pair(n).0];
            draft.text(&format!("{},{}\n", columns[0], columns[1]));
            for _ in 0..lines {
                for (column, end) in columns.into_iter().zip([",", "\n"]) {
                    let value = loop {
                        let (key, value) = pair(n);
                        if key == column {
                            break value;
                        }
                    };
                    let start = draft.0.text.len();
                    draft.text(&value.replace(',', " "));
                    let stop = draft.0.text.len();
                    draft.0.fields.push((start, stop, column.to_string()));
                    draft.text(end);
                }
            }
        }
        "log" => {
            for _ in 0..lines {
                let (a, b) = (pair(n), pair(n));
                let line = format!(
                    "2026-11-05T12:{:02}:{:02}.{}Z INFO [worker-{}] {}={} {}={} 200 {}us\n",
                    n.within(0, 60),
                    n.within(0, 60),
                    n.digits(6),
                    n.within(1, 64),
                    a.0,
                    a.1,
                    b.0,
                    b.1,
                    n.within(10, 99999)
                );
                draft.text(&line);
            }
        }
        "chat" => {
            for _ in 0..lines {
                let said = match n.within(0, 5) {
                    0 => format!("please restart node {} after {}", n.within(1, 200), fact(n)),
                    1 => format!("{} failed again, see run {}", fact(n), n.digits(9)),
                    2 => format!("we sold {} of {} today", n.digits(4), fact(n)),
                    3 => format!(
                        "meeting moved to 2026-{:02}-{:02} {:02}:30, room {}",
                        n.within(1, 13),
                        n.within(1, 29),
                        n.within(8, 18),
                        n.digits(3)
                    ),
                    _ => format!(
                        "deploy {}.{}.{} took {} s",
                        n.within(1, 9),
                        n.within(0, 30),
                        n.within(0, 99),
                        n.within(10, 999)
                    ),
                };
                draft.text(&format!("{said}\n"));
            }
        }
        "mail" => {
            draft.text("Subject: weekly numbers\n\nHello all,\n\n");
            for _ in 0..lines {
                let line = format!("* {}: {}, {} units\n", fact(n), n.digits(10), n.within(1, 100_000));
                draft.text(&line);
            }
        }
        _ => {
            for _ in 0..lines {
                let (a, id) = (pair(n), n.hex(8));
                let line = format!(
                    "<div id=\"n{id}\" data-{}=\"{}\"><svg viewBox=\"0 0 {} {}\"><path d=\"M{}.{},{}.{}c-{}.{},0,{},{}z\"/></svg></div>\n",
                    a.0,
                    a.1.replace('"', ""),
                    n.within(10, 900),
                    n.within(10, 900),
                    n.within(0, 90),
                    n.digits(3),
                    n.within(0, 90),
                    n.digits(3),
                    n.within(0, 90),
                    n.digits(4),
                    n.within(0, 90),
                    n.digits(2)
                );
                draft.text(&line);
            }
            let script = format!(
                "<script>!function(e,t){{var n=1e3,r=36e5;e.v=\"{}.{}.{}\",e.k={};e.q=[{},{},0x{}]}}(this,{{}});</script>\n",
                n.within(1, 9),
                n.within(0, 20),
                n.within(0, 99),
                n.digits(9),
                n.digits(8),
                n.digits(12),
                n.hex(8)
            );
            draft.text(&script);
        }
    }
    draft.0
}
