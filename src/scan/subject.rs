//! Whose data a value is: the jurisdiction of the person, where the value itself tells it. Transfer rules protect people
//! by where they belong, not by where their data happens to be.
//!
//! | value | tells |
//! |---|---|
//! | national identifiers | their kind: `subject` in the signature |
//! | machine readable zones | the issuing state |
//! | licences' barcodes | the issuer |
//! | telephone numbers | the country code; the area code in the North American plan |
//! | fields of residence, nationality, account region | the code in them |
//! | locales | their region, which counts for less than any other |

use std::sync::LazyLock;

use hashbrown::HashMap;

use super::signature::Signature;
use crate::model::{Country, ISO_3166_ALPHA_2, is_assigned};

/// The signature of locales.
pub(super) const LOCALE: &str = "locale-keyed";

/// ISO 3166-1 alpha-3 codes in the order of [`ISO_3166_ALPHA_2`].
const ALPHA_3: &str = "\
    AND ARE AFG ATG AIA ALB ARM AGO ATA ARG ASM AUT AUS ABW ALA AZE BIH BRB BGD BEL BFA BGR BHR BDI BEN BLM BMU \
    BRN BOL BES BRA BHS BTN BVT BWA BLR BLZ CAN CCK COD CAF COG CHE CIV COK CHL CMR CHN COL CRI CUB CPV CUW CXR \
    CYP CZE DEU DJI DNK DMA DOM DZA ECU EST EGY ESH ERI ESP ETH FIN FJI FLK FSM FRO FRA GAB GBR GRD GEO GUF GGY \
    GHA GIB GRL GMB GIN GLP GNQ GRC SGS GTM GUM GNB GUY HKG HMD HND HRV HTI HUN IDN IRL ISR IMN IND IOT IRQ IRN \
    ISL ITA JEY JAM JOR JPN KEN KGZ KHM KIR COM KNA PRK KOR KWT CYM KAZ LAO LBN LCA LIE LKA LBR LSO LTU LUX LVA \
    LBY MAR MCO MDA MNE MAF MDG MHL MKD MLI MMR MNG MAC MNP MTQ MRT MSR MLT MUS MDV MWI MEX MYS MOZ NAM NCL NER \
    NFK NGA NIC NLD NOR NPL NRU NIU NZL OMN PAN PER PYF PNG PHL PAK POL SPM PCN PRI PSE PRT PLW PRY QAT REU ROU \
    SRB RUS RWA SAU SLB SYC SDN SWE SGP SHN SVN SJM SVK SLE SMR SEN SOM SUR SSD STP SLV SXM SYR SWZ TCA TCD ATF \
    TGO THA TJK TKL TLS TKM TUN TON TUR TTO TUV TWN TZA UKR UGA UMI USA URY UZB VAT VCT VEN VGB VIR VNM VUT WLF \
    WSM YEM MYT ZAF ZMB ZWE";

/// Country codes (ITU-T E.164, annex to Operational Bulletin 1114) and area codes of the North American plan that are not
/// of the United States (nanpa.com). `ZZ`: not of any country. The longest prefix that fits counts.
const DIALLING: &str = "\
    1=US 1204=CA 1226=CA 1236=CA 1242=BS 1246=BB 1249=CA 1250=CA 1257=CA 1263=CA 1264=AI 1268=AG 1284=VG \
    1289=CA 1306=CA 1340=VI 1343=CA 1345=KY 1354=CA 1365=CA 1367=CA 1368=CA 1382=CA 1403=CA 1416=CA 1418=CA \
    1428=CA 1431=CA 1437=CA 1438=CA 1441=BM 1450=CA 1468=CA 1473=GD 1474=CA 1500=ZZ 1506=CA 1514=CA 1519=CA \
    1521=ZZ 1522=ZZ 1533=ZZ 1544=ZZ 1548=CA 1566=ZZ 1577=ZZ 1579=CA 1581=CA 1584=CA 1587=CA 1588=ZZ 1600=ZZ \
    1604=CA 1613=CA 1622=ZZ 1639=CA 1647=CA 1649=TC 1658=JM 1664=MS 1670=MP 1671=GU 1672=CA 1683=CA 1684=AS \
    1700=ZZ 1705=CA 1709=CA 1710=ZZ 1721=SX 1742=CA 1753=CA 1758=LC 1767=DM 1778=CA 1780=CA 1782=CA 1784=VC \
    1787=PR 1800=ZZ 1807=CA 1809=DO 1819=CA 1825=CA 1829=DO 1833=ZZ 1844=ZZ 1849=DO 1855=ZZ 1866=ZZ 1867=CA \
    1868=TT 1869=KN 1873=CA 1876=JM 1877=ZZ 1879=CA 1888=ZZ 1900=ZZ 1902=CA 1905=CA 1939=PR 1942=CA 20=EG \
    211=SS 212=MA 213=DZ 216=TN 218=LY 220=GM 221=SN 222=MR 223=ML 224=GN 225=CI 226=BF 227=NE 228=TG 229=BJ \
    230=MU 231=LR 232=SL 233=GH 234=NG 235=TD 236=CF 237=CM 238=CV 239=ST 240=GQ 241=GA 242=CG 243=CD 244=AO \
    245=GW 246=IO 248=SC 249=SD 250=RW 251=ET 252=SO 253=DJ 254=KE 255=TZ 256=UG 257=BI 258=MZ 260=ZM 261=MG \
    262=RE 263=ZW 264=NA 265=MW 266=LS 267=BW 268=SZ 269=KM 27=ZA 290=SH 291=ER 297=AW 298=FO 299=GL 30=GR \
    31=NL 32=BE 33=FR 34=ES 350=GI 351=PT 352=LU 353=IE 354=IS 355=AL 356=MT 357=CY 358=FI 359=BG 36=HU 370=LT \
    371=LV 372=EE 373=MD 374=AM 375=BY 376=AD 377=MC 378=SM 380=UA 381=RS 382=ME 385=HR 386=SI 387=BA 389=MK \
    39=IT 40=RO 41=CH 420=CZ 421=SK 423=LI 43=AT 44=GB 45=DK 46=SE 47=NO 48=PL 49=DE 500=FK 501=BZ 502=GT \
    503=SV 504=HN 505=NI 506=CR 507=PA 508=PM 509=HT 51=PE 52=MX 53=CU 54=AR 55=BR 56=CL 57=CO 58=VE 590=GP \
    591=BO 592=GY 593=EC 594=GF 595=PY 596=MQ 597=SR 598=UY 60=MY 61=AU 62=ID 63=PH 64=NZ 65=SG 66=TH 670=TL \
    673=BN 674=NR 675=PG 676=TO 677=SB 678=VU 679=FJ 680=PW 682=CK 683=NU 685=WS 686=KI 687=NC 688=TV 689=PF \
    690=TK 691=FM 692=MH 7=RU 76=KZ 77=KZ 81=JP 82=KR 84=VN 850=KP 852=HK 853=MO 855=KH 856=LA 86=CN 880=BD \
    886=TW 90=TR 91=IN 92=PK 93=AF 94=LK 95=MM 960=MV 961=LB 962=JO 963=SY 964=IQ 965=KW 966=SA 967=YE 968=OM \
    970=PS 971=AE 972=IL 973=BH 974=QA 975=BT 976=MN 977=NP 98=IR 992=TJ 993=TM 994=AZ 995=GE 996=KG 998=UZ";

/// Digits of the longest prefix in [`DIALLING`].
const PREFIX_MAX: usize = 4;

/// [`DIALLING`], ready for looking up.
static COUNTRY_BY_PREFIX: LazyLock<HashMap<&[u8], Country>> = LazyLock::new(|| {
    let entries = DIALLING.split_ascii_whitespace().filter_map(|entry| entry.split_once('='));
    entries.filter_map(|(prefix, country)| Some((prefix.as_bytes(), country.parse().ok()?))).collect()
});

/// Issuers that are not of a US state, district or federal body (AAMVA's list, signatures reference, section 5).
const ISSUERS: [(&str, &[u32]); 7] = [
    ("AS", &[604_427]),
    (
        "CA",
        &[604_426, 604_428, 604_429, 604_432, 604_433, 636_012, 636_013, 636_016, 636_017, 636_028, 636_044, 636_048],
    ),
    ("GU", &[636_019]),
    ("MP", &[604_430]),
    ("MX", &[636_056, 636_057]),
    ("PR", &[604_431]),
    ("VI", &[636_062]),
];

/// The jurisdiction of the person that a value of a signature belongs to, if it can be told.
pub(super) fn subject(signature: &Signature, value: &[u8]) -> Option<Country> {
    if signature.subject.is_some() {
        return signature.subject;
    }
    match &*signature.id {
        "mrz-td1" | "mrz-td2" | "mrz-td3" => issuing_state(value.get(2..5)?),
        "us-aamva-header" | "us-aamva-header-escaped" => issuer(value),
        "phone-e164" => dialling(value),
        "phone-nanp" => dialling(&[b"1", digits(value).strip_prefix(b"1").unwrap_or(&digits(value))].concat()),
        "residence-keyed" => code(value),
        LOCALE => code(value.rsplit(|octet| matches!(octet, b'-' | b'_')).next()?),
        _ => None,
    }
}

fn digits(value: &[u8]) -> Vec<u8> {
    value.iter().copied().filter(u8::is_ascii_digit).collect()
}

/// An alpha-2 or alpha-3 code.
fn code(value: &[u8]) -> Option<Country> {
    let text = std::str::from_utf8(value).ok()?.trim();
    match text.len() {
        2 => text.parse().ok().filter(|country| is_assigned(*country)),
        3 => {
            let alpha_3 = ALPHA_3.split_ascii_whitespace().zip(ISO_3166_ALPHA_2.split_ascii_whitespace());
            alpha_3
                .into_iter()
                .find(|(three, _)| three.eq_ignore_ascii_case(text))
                .and_then(|(_, two)| two.parse().ok())
        }
        _ => None,
    }
}

/// Issuing states of Doc 9303 part 3, section 5: alpha-3 codes, `D<<` for Germany and those for kinds of British
/// nationality. Organisations, refugees and Utopia are of no country.
fn issuing_state(cells: &[u8]) -> Option<Country> {
    match cells {
        b"D<<" => code(b"DE"),
        b"GBD" | b"GBN" | b"GBO" | b"GBP" | b"GBS" => code(b"GB"),
        _ => code(cells),
    }
}

/// The issuer stands after `ANSI ` or `AAMVA`.
fn issuer(value: &[u8]) -> Option<Country> {
    let at = value.windows(5).position(|window| window == b"ANSI " || window == b"AAMVA")? + 5;
    let number: u32 = std::str::from_utf8(value.get(at..at + 6)?).ok()?.parse().ok()?;
    let other = ISSUERS.iter().find(|(_, numbers)| numbers.contains(&number)).map(|(code, _)| *code);
    other.unwrap_or("US").parse().ok()
}

fn dialling(value: &[u8]) -> Option<Country> {
    let digits = digits(value);
    let digits = digits.strip_prefix(b"00").unwrap_or(&digits);
    let country = (1..=PREFIX_MAX).rev().find_map(|len| COUNTRY_BY_PREFIX.get(digits.get(..len)?))?;
    Some(*country).filter(|country| country.is_known())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_whole() {
        assert_eq!(ALPHA_3.split_ascii_whitespace().count(), ISO_3166_ALPHA_2.split_ascii_whitespace().count());
        for entry in DIALLING.split_ascii_whitespace() {
            let (prefix, country) = entry.split_once('=').unwrap();
            assert!(prefix.bytes().all(|b| b.is_ascii_digit()) && prefix.len() <= PREFIX_MAX, "{entry}");
            assert!(country == "ZZ" || is_assigned(country.parse().unwrap()), "{entry}");
        }
    }

    #[test]
    fn values_tell_whose_they_are() {
        let catalogue = crate::scan::Catalogue::built_in().unwrap();
        for (id, value, expected) in [
            ("us-ssn", "899-45-6789", Some("US")),
            ("cn-resident-id", "11010519491231002X", Some("CN")),
            ("cz-sk-rc", "736028/5163", None),
            ("mrz-td3", "P<D<<MUSTERMANN<<ERIKA", Some("DE")),
            ("mrz-td3", "P<UTOERIKSSON<<ANNA", None),
            ("mrz-td1", "I<FRAD231458907", Some("FR")),
            ("us-aamva-header", "@\n\x1e\rANSI 636014090002DL", Some("US")),
            ("us-aamva-header", "@\n\x1e\rANSI 636012090002DL", Some("CA")),
            ("phone-e164", "+4930901820", Some("DE")),
            ("phone-e164", "+1 202 555 0143", Some("US")),
            ("phone-e164", "+1 416 555 0143", Some("CA")),
            ("phone-e164", "+77012345678", Some("KZ")),
            ("phone-e164", "+18005550143", None),
            ("phone-nanp", "(876) 555-0143", Some("JM")),
            ("phone-nanp", "1-202-555-0143", Some("US")),
            ("cn-mobile", "13912345678", Some("CN")),
            ("residence-keyed", "us", Some("US")),
            ("residence-keyed", "CHN", Some("CN")),
            ("residence-keyed", "zz", None),
            ("locale-keyed", "pt_BR", Some("BR")),
            ("locale-keyed", "zh-Hant-TW", Some("TW")),
            ("email", "kim@example.de", None),
        ] {
            let found = subject(catalogue.get(id).unwrap(), value.as_bytes());
            assert_eq!(found.map(|country| country.to_string()).as_deref(), expected, "{id} {value}");
        }
    }
}
