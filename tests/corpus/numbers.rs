//! Made-up values with right check digits. The arithmetic is written a second time here, from the sources that the
//! signature files name, so that a mistake in a validator shows as lost recall.

/// A generator good enough for filling: the same numbers on every run (Knuth's MMIX constants).
pub struct Numbers(u64);

impl Numbers {
    /// A generator that begins with a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d)
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mixed = self.0 ^ self.0 >> 33;
        mixed.wrapping_mul(0xff51_afd7_ed55_8ccd) >> 24
    }

    /// A number in `from..to`.
    pub fn within(&mut self, from: u64, to: u64) -> u64 {
        from + self.next() % (to - from).max(1)
    }

    /// One of some.
    pub fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.within(0, of.len() as u64) as usize]
    }

    /// Decimal digits.
    pub fn digits(&mut self, count: usize) -> String {
        self.of("0123456789", count)
    }

    /// Characters out of some.
    pub fn of(&mut self, characters: &str, count: usize) -> String {
        let characters = characters.as_bytes();
        (0..count).map(|_| char::from(characters[self.within(0, characters.len() as u64) as usize])).collect()
    }

    /// Hexadecimal digits.
    pub fn hex(&mut self, count: usize) -> String {
        self.of("0123456789abcdef", count)
    }
}

const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

fn values(text: &str) -> Vec<u32> {
    text.chars().filter_map(|c| c.to_digit(36)).collect()
}

fn weigh(text: &str, weights: &[u32]) -> u32 {
    values(text).iter().zip(weights).map(|(d, w)| d * w).sum()
}

/// The Luhn check digit (ISO/IEC 7812) of what stands before it.
pub fn luhn(text: &str) -> u32 {
    let sum: u32 =
        values(text).iter().rev().enumerate().map(|(i, &d)| if i % 2 == 0 { d * 2 / 10 + d * 2 % 10 } else { d }).sum();
    (10 - sum % 10) % 10
}

fn mod_11_10(text: &str) -> u32 {
    let product = values(text).iter().fold(10, |product, d| {
        let sum = (product + d) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10
}

fn ean(text: &str) -> u32 {
    (10 - weigh(text, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3]) % 10) % 10
}

fn verhoeff(text: &str) -> u32 {
    const P: [[usize; 10]; 8] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
        [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
        [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
        [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
        [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
        [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
        [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
    ];
    // The dihedral group of order 10.
    let product = |a: usize, b: usize| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => 5 + (a + b - 5) % 5,
        (false, true) => 5 + (a - 5 + 5 - b) % 5,
        (false, false) => (a - 5 + 5 - (b - 5)) % 5,
    };
    let check = values(text).iter().rev().enumerate().fold(0, |c, (i, &d)| product(c, P[(i + 1) % 8][d as usize]));
    (if check < 5 { (5 - check) % 5 } else { check }) as u32
}

fn modulo(text: &str, by: u32) -> u32 {
    values(text).iter().fold(0, |rest, &d| (rest * if d > 9 { 100 } else { 10 } + d) % by)
}

/// Numbers until one is right: for check digits that do not exist for every beginning.
fn until<T>(mut make: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(made) = make() {
            return made;
        }
    }
}

fn mrz_digit(text: &str) -> u32 {
    let value = |c: char| c.to_digit(36).unwrap_or(0);
    text.chars().zip([7, 3, 1].into_iter().cycle()).map(|(c, w)| value(c) * w).sum::<u32>() % 10
}

fn day(n: &mut Numbers) -> (u64, u64, u64) {
    (n.within(1950, 2000), n.within(1, 13), n.within(1, 29))
}

/// A vector of length 1.
fn vector(n: &mut Numbers) -> Vec<f64> {
    let numbers: Vec<f64> = (0..128).map(|_| n.within(0, 2001) as f64 / 1000.0 - 1.0).collect();
    let length = numbers.iter().map(|number| number * number).sum::<f64>().sqrt();
    numbers.iter().map(|number| number / length).collect()
}

fn base64(octets: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for three in octets.chunks(3) {
        let group = three.iter().enumerate().fold(0_u32, |g, (i, b)| g | u32::from(*b) << (16 - 8 * i));
        (0..=three.len()).for_each(|i| text.push(char::from(DIGITS[(group >> (18 - 6 * i) & 63) as usize])));
    }
    text
}

/// A made-up value of a signature.
pub fn value(n: &mut Numbers, signature: &str) -> String {
    let (year, month, date) = day(n);
    let short = year % 100;
    let (ymd, dmy) = (format!("{short:02}{month:02}{date:02}"), format!("{date:02}{month:02}{short:02}"));
    match signature {
        "us-ssn" => format!("{}-{:02}-{:04}", n.within(101, 660), n.within(1, 99), n.within(1, 9999)),
        "us-ssn-bare" => format!("{}{:02}{:04}", n.within(101, 660), n.within(1, 99), n.within(1, 9999)),
        "us-itin" => format!("9{}-{}-{}", n.digits(2), n.within(70, 88), n.within(1000, 9999)),
        "us-dl-number" => format!("{}{}", n.one(&["A", "B", "D", "F", "Y"]), n.within(1_000_000, 9_999_999)),
        "us-dl-encoded" => format!("S530-{}-{}-{}-0", n.digits(3), n.within(50, 99), n.within(101, 366)),
        "us-passport" => n.within(210_000_000, 690_000_000).to_string(),
        "us-passport-card" => format!("C{}", n.within(10_000_000, 99_999_999)),
        "us-a-number" => format!("A{}", n.within(201_000_000, 299_999_999)),
        "us-mbi" => format!(
            "{}{}{}{}{}{}{}{}{}",
            n.within(1, 10),
            n.of("ACDEFGHJKMNPQRTUVWXY", 1),
            n.digits(1),
            n.digits(1),
            n.of("ACDEFGHJKMNPQRTUVWXY", 1),
            n.digits(1),
            n.digits(1),
            n.of("ACDEFGHJKMNPQRTUVWXY", 2),
            n.digits(2)
        ),
        "us-npi" => {
            let body = format!("1{}", n.digits(8));
            format!("{body}{}", luhn(&format!("80840{body}")))
        }
        "us-dea" => {
            let body = n.digits(6);
            let v = values(&body);
            format!(
                "{}{}{body}{}",
                n.of("ABFM", 1),
                n.of(UPPER, 1),
                (v[0] + v[2] + v[4] + 2 * (v[1] + v[3] + v[5])) % 10
            )
        }
        "us-aba-routing" => {
            let body = format!("0{}{}", n.within(1, 10), n.digits(6));
            format!("{body}{}", (10 - weigh(&body, &[3, 7, 1, 3, 7, 1, 3, 7]) % 10) % 10)
        }
        "us-postal-address" => format!(
            "{} {} {}",
            n.within(10, 9999),
            n.one(&["Cedar", "Maple", "Harbor View", "N Lincoln", "Elm Hill"]),
            n.one(&["St", "Ave", "Street", "Blvd", "Rd"])
        ),
        "us-state-zip" => n.one(&["CA 94107", "NY 10013", "WA 98101", "TX 78701", "IL 60601", "MA 02139"]).to_string(),
        "cn-resident-id" => {
            let body = format!(
                "{}{year}{month:02}{date:02}{}",
                n.one(&["110105", "310104", "440305", "510107", "330106"]),
                n.digits(3)
            );
            let check = weigh(&body, &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]) % 11;
            format!("{body}{}", &"10X98765432"[check as usize..=check as usize])
        }
        "cn-resident-id-15" => format!("{}{ymd}{}", n.one(&["110105", "310104", "440305"]), n.within(101, 998)),
        "cn-mobile" => format!("1{}{}", n.one(&["38", "39", "50", "86", "77", "59"]), n.within(10_000_000, 99_999_999)),
        "cn-passport" => format!("E{}", n.within(10_000_000, 99_999_999)),
        "cn-hmt-permit" => format!("H{}", n.within(10_000_000, 99_999_999)),
        "hk-id" => {
            let body = format!("{}{}", n.of(UPPER, 1), n.digits(6));
            let sum = 36 * 9 + weigh(&body, &[8, 7, 6, 5, 4, 3, 2]);
            format!("{body}({})", "0123456789A".chars().nth(((11 - sum % 11) % 11) as usize).unwrap_or('0'))
        }
        "tw-id" => {
            let (letter, code) = *n.one(&[&("A", 10), &("B", 11), &("F", 15), &("H", 17), &("N", 22)]);
            let body = format!("{}{}", n.within(1, 3), n.digits(7));
            let sum = code / 10 + code % 10 * 9 + weigh(&body, &[8, 7, 6, 5, 4, 3, 2, 1]);
            format!("{letter}{body}{}", (10 - sum % 10) % 10)
        }
        "gb-nino" => {
            format!("{}{}{}", n.one(&["AB", "CE", "JG", "PX", "WM", "SR"]), n.within(100_000, 999_999), n.of("ABCD", 1))
        }
        "gb-nhs" => until(|| {
            let body = format!("4{}", n.digits(8));
            let check = 11 - weigh(&body, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
            (check != 10).then(|| format!("{} {} {}{}", &body[..3], &body[3..6], &body[6..], check % 11))
        }),
        "gb-driving-licence" => format!(
            "{}{}{month:02}{date:02}{}{}9{}",
            n.one(&["MORGA", "JONES", "SMITH"]),
            short / 10,
            short % 10,
            n.of(UPPER, 2),
            n.of("ABCDEFGH", 2)
        ),
        "de-steuer-id" => {
            // Ten digits of which one stands twice, and the others once or not at all.
            let mut digits: Vec<char> = "1234567890".chars().collect();
            let from = n.within(1, 9) as usize;
            digits[from] = digits[0];
            digits[1..].rotate_left(n.within(0, 9) as usize);
            let body: String = digits.into_iter().collect();
            format!("{body}{}", mod_11_10(&body))
        }
        "de-id-card" => {
            let body = format!("L{}{}", n.of("0123456789CFGHJKLMNPRTVWXYZ", 3), n.of("CFGHJK0123456789", 4));
            format!("{body}{}", mrz_digit(&body))
        }
        "fr-nir" => {
            let body = format!("{}{short:02}{month:02}75{}{}", n.within(1, 3), n.within(101, 130), n.within(100, 999));
            format!("{body}{:02}", 97 - modulo(&body, 97))
        }
        "it-codice-fiscale" => {
            const ODD: [u32; 26] =
                [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
            let body = format!(
                "{}{short:02}{}{date:02}H{}",
                n.one(&["RSSMRA", "BNCLCU", "FRRGNN"]),
                n.of("ABCDEHLMPRST", 1),
                n.within(100, 999)
            );
            let code = |c: char| if c.is_ascii_digit() { c as u32 - 48 } else { c as u32 - 65 };
            let sum: u32 =
                body.chars().enumerate().map(|(i, c)| if i % 2 == 0 { ODD[code(c) as usize] } else { code(c) }).sum();
            format!("{body}{}", char::from(b'A' + (sum % 26) as u8))
        }
        "es-dni" => {
            let number = n.within(10_000_000, 99_999_999);
            format!("{number}{}", char::from(b"TRWAGMYFPDXBNJZSQVHLCKE"[(number % 23) as usize]))
        }
        "es-nie" => {
            let number = n.within(1_000_000, 9_999_999);
            format!("X{number}{}", char::from(b"TRWAGMYFPDXBNJZSQVHLCKE"[(number % 23) as usize]))
        }
        "nl-bsn" => until(|| {
            let body = format!("1{}", n.digits(7));
            let check = weigh(&body, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
            (check < 10).then(|| format!("{body}{check}"))
        }),
        "pl-pesel" => {
            let body = format!("{ymd}{}", n.digits(4));
            format!("{body}{}", (10 - weigh(&body, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10) % 10)
        }
        "se-personnummer" => {
            let body = format!("{ymd}{}", n.within(100, 999));
            format!("{ymd}-{}{}", &body[6..], luhn(&body))
        }
        "fi-hetu" => {
            let individual = n.within(2, 899);
            let number: u64 = format!("{dmy}{individual:03}").parse().unwrap_or(0);
            format!("{dmy}-{individual:03}{}", char::from(b"0123456789ABCDEFHJKLMNPRSTUVWXY"[(number % 31) as usize]))
        }
        "be-nn" => {
            let body = format!("{ymd}{:03}", n.within(1, 998));
            format!("{short:02}.{month:02}.{date:02}-{}.{:02}", &body[6..], 97 - modulo(&body, 97))
        }
        "dk-cpr" => format!("{dmy}-{}", n.within(1000, 4000)),
        "no-fnr" => until(|| {
            let body = format!("{dmy}{:03}", n.within(0, 499));
            let first = (11 - weigh(&body, &[3, 7, 6, 1, 8, 9, 4, 5, 2]) % 11) % 11;
            let body = format!("{body}{first}");
            let second = (11 - weigh(&body, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11;
            (first < 10 && second < 10).then(|| format!("{body}{second}"))
        }),
        "at-svnr" => until(|| {
            let serial = n.within(100, 999).to_string();
            let check = weigh(&format!("{serial}0{dmy}"), &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11;
            (check < 10).then(|| format!("{serial}{check} {dmy}"))
        }),
        "pt-cc" => {
            let body = format!("{}{}{}", n.within(10_000_000, 29_999_999), n.digits(1), n.of("ABCDEFGHZXYV", 2));
            let sum: u32 = values(&body)
                .iter()
                .rev()
                .enumerate()
                .map(|(i, &v)| if i % 2 == 0 { if v * 2 > 9 { v * 2 - 9 } else { v * 2 } } else { v })
                .sum();
            format!("{} {} {}{}", &body[..8], &body[8..9], &body[9..], (10 - sum % 10) % 10)
        }
        "ie-ppsn" => {
            let body = n.within(1_000_000, 9_999_999).to_string();
            format!(
                "{body}{}",
                char::from(b"WABCDEFGHIJKLMNOPQRSTUV"[(weigh(&body, &[8, 7, 6, 5, 4, 3, 2]) % 23) as usize])
            )
        }
        "ro-cnp" => {
            let body = format!("1{ymd}{:02}{}", n.within(1, 46), n.within(100, 999));
            let check = weigh(&body, &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
            format!("{body}{}", if check == 10 { 1 } else { check })
        }
        "bg-egn" => {
            let body = format!("{ymd}{}", n.within(100, 999));
            format!("{body}{}", weigh(&body, &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10)
        }
        "cz-sk-rc" => until(|| {
            let (year, month) = (n.within(85, 99), month);
            let body = format!("{year}{month:02}{date:02}{}", n.within(100, 999));
            let check = modulo(&body, 11);
            (check < 10).then(|| format!("{}/{}{check}", &body[..6], &body[6..]))
        }),
        "gr-amka" => {
            let body = format!("{dmy}{}", n.within(1000, 9999));
            format!("{body}{}", luhn(&body))
        }
        "ee-lt-code" => {
            let body = format!("3{ymd}{}", n.within(100, 999));
            let first = weigh(&body, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11;
            let check = if first < 10 { first } else { weigh(&body, &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11 % 10 };
            format!("{body}{check}")
        }
        "hr-oib" => {
            let body = n.within(1_000_000_000, 9_999_999_999).to_string();
            format!("{body}{}", mod_11_10(&body))
        }
        "si-emso" => {
            let body = format!("{date:02}{month:02}{:03}50{}", year % 1000, n.within(100, 999));
            format!("{body}{}", (11 - weigh(&body, &[7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11 % 10)
        }
        "hu-taj" => {
            let body = n.within(10_000_000, 99_999_999).to_string();
            let text = format!("{body}{}", weigh(&body, &[3, 7, 3, 7, 3, 7, 3, 7]) % 10);
            format!("{} {} {}", &text[..3], &text[3..6], &text[6..])
        }
        "ch-ahv" => {
            let body = format!("756{}", n.within(100_000_000, 999_999_999));
            let text = format!("{body}{}", ean(&body));
            format!("{}.{}.{}.{}", &text[..3], &text[3..7], &text[7..11], &text[11..])
        }
        "tr-tckn" => {
            let body = format!("{}{}", n.within(1, 10), n.digits(8));
            let v = values(&body);
            let (odd, even) = (v[0] + v[2] + v[4] + v[6] + v[8], v[1] + v[3] + v[5] + v[7]);
            let tenth = (7 * odd + 90 - even) % 10;
            format!("{body}{tenth}{}", (odd + even + tenth) % 10)
        }
        "ru-inn12" => {
            let body = format!("77{}", n.digits(8));
            let body = format!("{body}{}", weigh(&body, &[7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10);
            format!("{body}{}", weigh(&body, &[3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10)
        }
        "ru-snils" => {
            let body = n.within(100_000_000, 999_999_999).to_string();
            let check = weigh(&body, &[9, 8, 7, 6, 5, 4, 3, 2, 1]) % 101 % 100;
            format!("{}-{}-{} {check:02}", &body[..3], &body[3..6], &body[6..])
        }
        "ua-rntrc" => {
            let body = format!("2{}", n.digits(8));
            let v = values(&body);
            let sum = [-1_i32, 5, 7, 9, 4, 6, 10, 5, 7].iter().zip(&v).map(|(w, &d)| w * d as i32).sum::<i32>();
            format!("{body}{}", sum.rem_euclid(11) % 10)
        }
        "in-aadhaar" => {
            let body = format!("{}{}", n.within(2, 10), n.digits(10));
            let text = format!("{body}{}", verhoeff(&body));
            format!("{} {} {}", &text[..4], &text[4..8], &text[8..])
        }
        "in-pan" => format!("{}P{}{}{}", n.of(UPPER, 3), n.of(UPPER, 1), n.within(1000, 9999), n.of(UPPER, 1)),
        "br-cpf" => {
            let body = n.within(100_000_000, 999_999_999).to_string();
            let first = weigh(&body, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) * 10 % 11 % 10;
            let body = format!("{body}{first}");
            let second = weigh(&body, &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) * 10 % 11 % 10;
            format!("{}.{}.{}-{first}{second}", &body[..3], &body[3..6], &body[6..9])
        }
        "br-cnpj" => {
            let body = format!("{}0001", n.within(10_000_000, 99_999_999));
            let digit = |sum: u32| if sum % 11 < 2 { 0 } else { 11 - sum % 11 };
            let first = digit(weigh(&body, &[5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]));
            let second = digit(weigh(&format!("{body}{first}"), &[6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]));
            format!("{}.{}.{}/0001-{first}{second}", &body[..2], &body[2..5], &body[5..8])
        }
        "mx-curp" => {
            let body = format!("{}{ymd}HDF{}0", n.one(&["GOPA", "LOMC", "HEGA"]), n.one(&["RRL", "PRS", "NTN"]));
            let code =
                |c: char| "0123456789ABCDEFGHIJKLMN\u{d1}OPQRSTUVWXYZ".chars().position(|x| x == c).unwrap_or(0) as u32;
            let sum: u32 = body.chars().zip((2..=18).rev()).map(|(c, w)| code(c) * w).sum();
            format!("{body}{}", (10 - sum % 10) % 10)
        }
        "ar-cuit" => until(|| {
            let body = format!("20{}", n.within(10_000_000, 45_000_000));
            let check = (11 - weigh(&body, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11;
            (check < 10).then(|| format!("20-{}-{check}", &body[2..]))
        }),
        "cl-rut" => {
            let body = n.within(10_000_000, 25_000_000).to_string();
            let sum: u32 = values(&body).iter().rev().zip([2, 3, 4, 5, 6, 7, 2, 3]).map(|(d, w)| d * w).sum();
            let check = "0123456789K".chars().nth(((11 - sum % 11) % 11) as usize).unwrap_or('0');
            format!("{}.{}.{}-{check}", &body[..2], &body[2..5], &body[5..])
        }
        "sg-nric-fin" => {
            let body = n.digits(7);
            format!("S{body}{}", char::from(b"JZIHGFEDCBA"[(weigh(&body, &[2, 7, 6, 5, 4, 3, 2]) % 11) as usize]))
        }
        "my-nric" => format!("{ymd}-{:02}-{}", n.within(1, 15), n.within(1000, 9999)),
        "th-pin" => {
            let body = format!("{}{}", n.within(1, 9), n.digits(11));
            let check = (11 - weigh(&body, &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 10;
            format!("{}-{}-{}-{}-{check}", &body[..1], &body[1..5], &body[5..10], &body[10..])
        }
        "id-nik" => format!("{}{dmy}{:04}", n.one(&["327301", "317406", "351501"]), n.within(1, 999)),
        "kr-rrn" => {
            let body = format!("{ymd}{}{}", n.within(1, 3), n.digits(5));
            let check = (11 - weigh(&body, &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]) % 11) % 10;
            format!("{}-{}{check}", &body[..6], &body[6..])
        }
        "kr-passport" => format!("M{}", n.within(10_000_000, 99_999_999)),
        "jp-my-number" => {
            let body = n.within(10_000_000_000, 99_999_999_999).to_string();
            let rest =
                values(&body).iter().rev().zip([2, 3, 4, 5, 6, 7, 2, 3, 4, 5, 6]).map(|(d, w)| d * w).sum::<u32>() % 11;
            format!("{body}{}", if rest <= 1 { 0 } else { 11 - rest })
        }
        "jp-passport" => format!("T{}{}", n.of("KRSZ", 1), n.within(1_000_000, 9_999_999)),
        "ca-sin" => {
            let body = format!("{}{}", n.within(1, 8), n.digits(7));
            let text = format!("{body}{}", luhn(&body));
            format!("{} {} {}", &text[..3], &text[3..6], &text[6..])
        }
        "au-tfn" => until(|| {
            let body = n.within(10_000_000, 99_999_999).to_string();
            let sum = weigh(&body, &[1, 4, 3, 7, 5, 8, 6, 9]);
            let check = (0..10).find(|c| (sum + c * 10).is_multiple_of(11))?;
            Some(format!("{} {} {}{check}", &body[..3], &body[3..6], &body[6..]))
        }),
        "au-medicare" => {
            let body = format!("{}{}", n.within(2, 7), n.digits(7));
            format!("{} {}{} {}", &body[..4], &body[4..], weigh(&body, &[1, 3, 7, 9, 1, 3, 7, 9]) % 10, n.within(1, 5))
        }
        "il-id" => {
            let body = format!("0{}", n.within(1_000_000, 9_999_999));
            let sum: u32 =
                values(&body).iter().zip([1, 2].into_iter().cycle()).map(|(d, w)| d * w / 10 + d * w % 10).sum();
            format!("{body}{}", (10 - sum % 10) % 10)
        }
        "za-id" => {
            let body = format!("{ymd}{}08", n.digits(4));
            format!("{body}{}", luhn(&body))
        }
        "card-pan" => {
            let body = format!("{}{}", n.one(&["4539", "4916", "5203", "5412", "5536"]), n.digits(11));
            let text = format!("{body}{}", luhn(&body));
            match n.within(0, 2) {
                0 => text,
                _ => format!("{} {} {} {}", &text[..4], &text[4..8], &text[8..12], &text[12..]),
            }
        }
        "iban" => {
            let body = format!("37040044{}", n.digits(10));
            format!("DE{:02}{body}", 98 - modulo(&format!("{body}131400"), 97))
        }
        "email" => format!(
            "{}.{}{}@{}",
            n.one(&["anna", "li", "marco", "sofia", "ivan"]),
            n.one(&["berg", "wei", "rossi", "novak"]),
            n.within(1, 99),
            n.one(&["example.com", "mailbox.example.org", "post.example.net"])
        ),
        "phone-e164" => {
            format!("+{}{}", n.one(&["4915", "4477", "336", "34612", "55119"]), n.within(10_000_000, 99_999_999))
        }
        "phone-nanp" => {
            format!("({}) {}-{:04}", n.one(&["415", "212", "646", "312"]), n.within(23, 55) * 10 + 3, n.within(0, 9999))
        }
        "phone-keyed" => format!("0{}/{}", n.within(30, 9999), n.within(100_000, 9_999_999)),
        "phone-national" => match n.within(0, 6) {
            0 => format!("0{}", n.within(100_000_000, 9_999_999_999)),
            1 => format!("0{} {} {}", n.within(20, 999), n.within(100, 999), n.within(100, 9999)),
            2 => format!(
                "0{} {:02} {:02} {:02} {:02}",
                n.within(1, 9),
                n.within(0, 99),
                n.within(0, 99),
                n.within(0, 99),
                n.within(0, 99)
            ),
            3 => format!("(0{}) {} {}", n.within(20, 9999), n.within(100, 99999), n.within(10, 999)),
            4 => format!("0{}-{}-{}", n.within(10, 99), n.within(100, 9999), n.within(1000, 9999)),
            _ => format!("6{} {} {}", n.within(10, 99), n.within(100, 999), n.within(100, 999)),
        },
        "dob-iso" => format!("{year}-{month:02}-{date:02}"),
        "dob-us" => format!("{month:02}/{date:02}/{year}"),
        "ipv4-datum" => format!(
            "{}.{}.{}.{}",
            n.one(&["73", "81", "98", "151", "203"]),
            n.within(1, 255),
            n.within(1, 255),
            n.within(1, 255)
        ),
        "ipv6-datum" => format!("2a02:{}:{}:{}::{}", n.hex(3), n.hex(4), n.hex(4), n.hex(3)),
        "mac-address" => (0..6)
            .map(|i| if i == 0 { n.one(&["3c", "a4", "f0", "00"]).to_string() } else { n.hex(2) })
            .collect::<Vec<_>>()
            .join(":"),
        "imei" => {
            let body = format!("35{}", n.digits(12));
            format!("{body}{}", luhn(&body))
        }
        "imsi-ims" => format!("310410{}@ims.mnc410.mcc310.3gppnetwork.org", n.digits(9)),
        "api-key-keyed" => n.hex(32),
        "dob-compact" => {
            format!("{}{:02}{:02}", n.within(1940, 2005), n.within(1, 12), n.within(1, 28))
        }
        "imsi" => format!("310410{}", n.digits(9)),
        "iccid" => {
            let body = format!("8901410{}", n.digits(11));
            format!("{body}{}", luhn(&body))
        }
        "uuid" | "ad-id-keyed" => format!("{}-{}-4{}-a{}-{}", n.hex(8), n.hex(4), n.hex(3), n.hex(3), n.hex(12)),
        "android-id-keyed" => n.hex(16),
        "user-agent" => "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X)".into(),
        "latlon-pair" => format!("{}.{}, -{}.{}", n.within(25, 48), n.digits(6), n.within(70, 120), n.digits(6)),
        "lat-keyed" => format!("{}.{}1", n.within(25, 48), n.digits(5)),
        "lon-keyed" => format!("-{}.{}1", n.within(70, 120), n.digits(5)),
        "jwt" => {
            let head = base64(br#"{"alg":"HS256","typ":"JWT"}"#);
            let claims = base64(
                format!(r#"{{"sub":"{}","iat":{}}}"#, n.digits(8), n.within(1_600_000_000, 1_700_000_000)).as_bytes(),
            );
            format!("{head}.{claims}.{}", n.of("abcdefghijkmnopqrstuvwxyzABCDEFGHJK23456789", 43))
        }
        "password-keyed" => format!(
            "{}{}{}",
            n.one(&["Tr0ub", "mAple!", "vio1et#"]),
            n.hex(5),
            n.one(&["&x9", "!Zq", "_7w"]).replace('&', "+")
        ),
        "user-id-keyed" => n.within(10_000_000, 999_999_999).to_string(),
        "user-name-keyed" => n
            .one(&[
                "Anna Berg",
                "Li Wei",
                "Marco Rossi",
                "Sofia Novak",
                "Jos\u{e9} Garc\u{ed}a",
                "\u{738b}\u{5c0f}\u{660e}",
            ])
            .to_string(),
        "locale-keyed" => n.one(&["en-US", "pt_BR", "zh-Hans-CN", "de_DE"]).to_string(),
        "residence-keyed" => n.one(&["US", "DE", "BR", "JP", "USA"]).to_string(),
        "tiktok-snowflake" => format!("7{}", n.within(100_000_000_000_000_000, 399_999_999_999_999_999)),
        "tiktok-sec-uid" => format!("MS4wLjABAAAA{}", n.of("abcdefghijkmnopqrstuvwxyzABCDEFGHJK23456789_-", 64)),
        "lark-object-id" => format!("ou_{}", n.hex(32)),
        "face-vector" => {
            let octets: Vec<u8> = vector(n).iter().flat_map(|number| (*number as f32).to_le_bytes()).collect();
            base64(&octets)
        }
        "feature-vector" => {
            let numbers: Vec<String> = vector(n).iter().map(|number| format!("{number:.8}")).collect();
            format!("{{\"type\":\"face\",\"embedding\":[{}]}}", numbers.join(","))
        }
        "icd10-cm" => format!("{}{}.{}", n.one(&["E1", "F3", "J4", "M5"]), n.within(0, 10), n.digits(1)),
        "mrn-keyed" => format!("MR{}", n.within(1_000_000, 9_999_999)),
        "mrz-td3" => {
            let (number, birth, expiry) =
                (format!("{}{}", n.of("CFGHJK", 1), n.within(10_000_000, 99_999_999)), ymd, "310615".to_string());
            let optional = "<".repeat(14);
            let (a, b, c, d) = (mrz_digit(&number), mrz_digit(&birth), mrz_digit(&expiry), mrz_digit(&optional));
            let all = mrz_digit(&format!("{number}{a}{birth}{b}{expiry}{c}{optional}{d}"));
            let name = format!("{:<<39}", n.one(&["BERG<<ANNA<MARIA", "NOVAK<<SOFIA", "ROSSI<<MARCO"]));
            format!("P<UTO{name}\n{number}{a}UTO{birth}{b}F{expiry}{c}{optional}{d}{all}")
        }
        "mrz-td1" => {
            let (number, birth, expiry) =
                (format!("{}{}", n.of("CFGHJK", 1), n.within(10_000_000, 99_999_999)), ymd, "310615");
            let (a, b, c) = (mrz_digit(&number), mrz_digit(&birth), mrz_digit(expiry));
            let optional = "<".repeat(15);
            let all = mrz_digit(&format!("{number}{a}{optional}{birth}{b}{expiry}{c}{}", "<".repeat(11)));
            format!(
                "I<UTO{number}{a}{optional}\n{birth}{b}F{expiry}{c}UTO{}{all}\n{:<<30}",
                "<".repeat(11),
                "BERG<<ANNA<MARIA"
            )
        }
        "mrz-td2" => {
            let (number, birth, expiry) =
                (format!("{}{}", n.of("CFGHJK", 1), n.within(10_000_000, 99_999_999)), ymd, "310615".to_string());
            let optional = "<".repeat(7);
            let (a, b, c) = (mrz_digit(&number), mrz_digit(&birth), mrz_digit(&expiry));
            let all = mrz_digit(&format!("{number}{a}{birth}{b}{expiry}{c}{optional}"));
            let name = format!("{:<<31}", n.one(&["BERG<<ANNA<MARIA", "NOVAK<<SOFIA", "ROSSI<<MARCO"]));
            format!("I<UTO{name}\n{number}{a}UTO{birth}{b}F{expiry}{c}{optional}{all}")
        }
        "us-aamva-header" => {
            // The offset of the only subfile is 31: 21 octets of header and 10 of its designator.
            let elements = value(n, "us-aamva-element");
            format!("@\n\x1e\rANSI 636014040001DL0031{:04}DL{elements}\r", elements.len() + 3)
        }
        "us-aamva-header-escaped" => {
            let issuer = n.one(&["636014", "636015", "636010", "636001"]);
            format!("@\\n\\u001e\\rANSI {issuer}040001DL00310{}", n.within(100, 300))
        }
        "us-aamva-element" => format!(
            "DAQ{}{}\nDCS{}\nDAC{}\nDBB{month:02}{date:02}{year}\nDAG{} N EXAMPLE ST\nDAIANYTOWN\n",
            n.of("ADF", 1),
            n.within(1_000_000, 9_999_999),
            n.one(&["SAMPLE", "EXAMPLE", "NOVAK"]),
            n.one(&["ALEX", "KIM", "SOFIA"]),
            n.within(100, 9999)
        ),
        "image-base64" => match n.within(0, 3) {
            0 => format!("data:image/jpeg;base64,/9j/4AAQSkZJRgABAQ{}", n.of("ABCDEFabcdef0123456789+/", 90)),
            1 => format!("/9j/4AAQSkZJRgABAQ{}", n.of("ABCDEFabcdef0123456789+/", 90)),
            _ => format!("iVBORw0KGgoAAAANSUhEUg{}", n.of("ABCDEFabcdef0123456789+/", 90)),
        },
        "exif-model" => n.one(&["iPhone 15 Pro", "Pixel 8", "Canon EOS R6", "SM-S921B"]).into(),
        "vendor-token" => {
            let (digits, letters) = ("0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");
            match n.within(0, 4) {
                0 => format!("xoxb-{}-{}", n.digits(11), n.of(letters, 24)),
                1 => format!("AKIA{}", n.of("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)),
                2 => format!("AIza{}", n.of(letters, 35)),
                _ => format!("ghp_{}{}", n.of(letters, 30), n.of(digits, 6)),
            }
        }
        "exif-serial" => n.digits(10),
        "token-keyed" => n.of("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0123456789-_.", 40),
        "snmp-community" => format!("{}-{}", n.one(&["monitor", "core", "s3cret"]), n.hex(6)),
        "phone-uri" => format!("{}:+4930{}", n.one(&["sip", "tel", "sips"]), n.within(1_000_000, 99_999_999)),
        "national-id-keyed" => format!("{}{}", n.one(&["AB", "CX", "KL"]), n.within(1_000_000, 99_999_999)),
        "serial-keyed" => format!("{}{}T{}A{}", n.one(&["S", "C", "FX"]), n.digits(7), n.digits(4), n.digits(4)),
        "host-name-keyed" => {
            format!("{}-{}", n.one(&["alex", "sam", "desk"]), n.one(&["laptop", "pc7", "thinkpad.local"]))
        }
        "mac-bare" => format!("{}{}", n.one(&["e0a1d7", "3c5ab4", "00005e"]), n.hex(6)),
        "fastq-record" => {
            let (name, bases) = (n.digits(5), n.of("ACGT", 60));
            format!("@RUN7.{name}\n{bases}\n+\n{}\n", n.of("FGHIJ", 60))
        }
        "snp-row" => {
            let (snp, chromosome, position) =
                (n.within(1000, 99_999_999), n.within(1, 23), n.within(10_000, 99_999_999));
            format!("rs{snp}\t{chromosome}\t{position}\t{}", n.of("ACGT", 2))
        }
        "session-cookie" => format!("sessionid={}", n.hex(32)),
        "bearer-token" => format!("Authorization: Bearer {}", n.of("abcdefghijkmnopqrstuvwxyzABCDEFGHJK23456789", 40)),
        "hl7v2-header" => "MSH|^~\\&|".into(),
        "fhir-patient" => r#""resourceType":"Patient""#.into(),
        "vcf-header" => "##fileformat=VCFv4.2".into(),
        _ => String::new(),
    }
}

/// A made-up file of a signature that stands for one, as far as a scanner looks at it.
pub fn file(n: &mut Numbers, signature: &str) -> Option<Vec<u8>> {
    let head: Vec<u8> = match signature {
        "image-jpeg" => b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x48\x00\x48\x00\x00".to_vec(),
        "image-png" => {
            b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x01\x00\x00\x00\x01\x00\x08\x02\x00\x00\x00".to_vec()
        }
        "image-heif" => b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic".to_vec(),
        "dicom-file" => [&[0; 128][..], b"DICM\x02\x00\x00\x00UL\x04\x00\xc0\x00\x00\x00"].concat(),
        "alignment-file" => b"BAM\x01\x60\x00\x00\x00@HD\tVN:1.6\tSO:coordinate\n".to_vec(),
        "biometric-iso19794" => b"FMR\x00 20\x00\x00\x00\x01\x00".to_vec(),
        "exif-gps" => exif_with_position(n),
        "exif-block" => b"\xff\xd8\xff\xe1\x00\x20Exif\x00\x00II*\x00\x08\x00\x00\x00\x00\x00".to_vec(),
        _ => return None,
    };
    let filler = (0..200).map(|_| n.within(1, 0xf0) as u8);
    Some(head.into_iter().chain(filler).collect())
}

/// A JPEG whose Exif block has a latitude and a longitude (Exif 2.3, 4.6.6): IFD0 at 8, its GPS directory at 26, numbers at 56.
fn exif_with_position(n: &mut Numbers) -> Vec<u8> {
    let mut tiff = b"MM\x00*\x00\x00\x00\x08".to_vec();
    let entry = |tag: u16, kind: u16, count: u32, value: u32| {
        [&tag.to_be_bytes()[..], &kind.to_be_bytes(), &count.to_be_bytes(), &value.to_be_bytes()].concat()
    };
    let end = 0_u32.to_be_bytes();
    tiff.extend([&1_u16.to_be_bytes()[..], &entry(0x8825, 4, 1, 26), &end].concat());
    tiff.extend([&2_u16.to_be_bytes()[..], &entry(2, 5, 3, 56), &entry(4, 5, 3, 80), &end].concat());
    for degrees in [90, 180] {
        for below in [degrees, 60, 60] {
            tiff.extend((n.within(1, below) as u32).to_be_bytes());
            tiff.extend(1_u32.to_be_bytes());
        }
    }
    let length = (tiff.len() + 8) as u16;
    [b"\xff\xd8\xff\xe1", &length.to_be_bytes()[..], b"Exif\x00\x00", &tiff].concat()
}

/// Parts of a value that are user data of another kind: signature, offset, length.
pub fn parts(signature: &str, value: &[u8]) -> Vec<(&'static str, usize, usize)> {
    if matches!(signature, "exif-gps" | "exif-block") {
        return vec![("image-jpeg", 0, value.len())];
    }
    if signature == "imsi-ims" {
        // An address in form.
        return vec![("email", 0, value.len())];
    }
    if !matches!(signature, "us-aamva-header" | "us-aamva-element") {
        return Vec::new();
    }
    let ids = [
        ("DAQ", "us-dl-number"),
        ("DCS", "user-name-keyed"),
        ("DAC", "user-name-keyed"),
        ("DBB", "dob-us"),
        ("DAG", "us-postal-address"),
    ];
    let place = |id: &str| {
        let at = value.windows(4).position(|w| w.ends_with(id.as_bytes()) && matches!(w[0], b'\n' | b'L'))? + 4;
        let length = value[at..].iter().position(|octet| *octet == b'\n')?;
        Some((at, length))
    };
    // The first element of the elements alone has nothing before it.
    ids.into_iter().filter_map(|(id, part)| place(id).map(|(at, length)| (part, at, length))).collect()
}
