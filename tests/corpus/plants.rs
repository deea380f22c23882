//! What is planted: each signature with keys that programs use for it, and words that people use.

/// A signature to plant.
pub struct Plant {
    /// Its id.
    pub id: &'static str,
    /// Its class.
    pub class: &'static str,
    /// Keys of fields and columns.
    pub keys: &'static [&'static str],
    /// Words of prose, with their language.
    pub phrases: &'static [(&'static str, &'static str)],
}

impl Plant {
    /// Whether the best that can be said of it is low: a model is shared by millions, and a field by itself is little to go by.
    pub fn is_low(&self) -> bool {
        matches!(
            self.id,
            "exif-model" | "locale-keyed" | "national-id-keyed" | "serial-keyed" | "host-name-keyed" | "exif-block"
        )
    }

    /// The forms of document that it can stand in.
    pub fn forms(&self) -> &'static [&'static str] {
        match self.id {
            "mrz-td3" | "mrz-td2" | "mrz-td1" => &["json", "chat", "mail", "html"],
            "us-aamva-header" | "us-aamva-element" | "fastq-record" | "snp-row" | "feature-vector" => &["lines"],
            // The name stands beside it.
            "us-dl-encoded" => &["chat", "mail", "html", "lines"],
            // Nothing without its word.
            "phone-national" => &["chat", "mail", "html"],
            "face-vector" => &["json", "sql", "csv", "log"],
            "us-aamva-header-escaped" => &["chat", "mail", "bare"],
            "image-jpeg" | "image-png" | "image-heif" | "exif-gps" | "biometric-iso19794" | "dicom-file"
            | "alignment-file" => &["part", "bare"],
            "image-base64" => &["json", "sql", "csv", "log", "bare"],
            "session-cookie" | "bearer-token" | "hl7v2-header" | "fhir-patient" | "vcf-header" => {
                &["mail", "chat", "bare"]
            }
            // These are values of keys, and nothing in prose.
            "user-name-keyed" | "residence-keyed" | "lat-keyed" | "lon-keyed" | "android-id-keyed" | "ad-id-keyed"
            | "exif-model" | "exif-serial" | "user-id-keyed" | "mrn-keyed" | "password-keyed" | "api-key-keyed"
            | "dob-compact" | "token-keyed" | "snmp-community" | "phone-keyed" | "national-id-keyed"
            | "serial-keyed" | "host-name-keyed" | "locale-keyed" => &["json", "csv", "log"],
            "exif-block" => &["part", "bare"],
            _ => &["json", "sql", "csv", "log", "chat", "mail", "html", "bare"],
        }
    }
}

/// The plant of a signature.
pub fn plant_of(id: &str) -> Option<&'static Plant> {
    PLANTS.iter().find(|plant| plant.id == id)
}

/// A line to begin with, in a language.
pub fn greeting(language: &str) -> &'static str {
    match language {
        "es" => "Hola, aqu\u{ed} van los datos que faltan.",
        "pt" => "Ol\u{e1}, segue o que faltava.",
        "fr" => "Bonjour, voici ce qui manquait.",
        "de" => "Hallo, hier die fehlenden Angaben.",
        "it" => "Ciao, ecco quello che mancava.",
        "nl" => "Hallo, hier is wat er nog ontbrak.",
        "pl" => "Cze\u{15b}\u{107}, przesy\u{142}am brakuj\u{105}ce dane.",
        "ru" => {
            "\u{417}\u{434}\u{440}\u{430}\u{432}\u{441}\u{442}\u{432}\u{443}\u{439}\u{442}\u{435}, \u{432}\u{43e}\u{442} \u{43d}\u{435}\u{434}\u{43e}\u{441}\u{442}\u{430}\u{44e}\u{449}\u{435}\u{435}."
        }
        "zh" => "\u{4f60}\u{597d}\u{ff0c}\u{8fd9}\u{662f}\u{8865}\u{5145}\u{7684}\u{8d44}\u{6599}\u{3002}",
        "ja" => "\u{304a}\u{4e16}\u{8a71}\u{306b}\u{306a}\u{308a}\u{307e}\u{3059}\u{3002}",
        "ko" => "\u{c548}\u{b155}\u{d558}\u{c138}\u{c694}.",
        "vi" => "Ch\u{e0}o b\u{1ea1}n, \u{111}\u{e2}y l\u{e0} ph\u{1ea7}n c\u{f2}n thi\u{1ebf}u.",
        "tr" => "Merhaba, eksik bilgiler a\u{15f}a\u{11f}\u{131}da.",
        "ar" => "\u{645}\u{631}\u{62d}\u{628}\u{627}",
        _ => "Hi, here is what was missing.",
    }
}

macro_rules! plants {
    ($($id:literal $class:literal [$($key:literal),+] [$($language:literal $phrase:literal),+])+) => {
        /// All of them.
        pub const PLANTS: &[Plant] = &[$(Plant {
            id: $id, class: $class, keys: &[$($key),+], phrases: &[$(($language, $phrase)),+],
        }),+];
    };
}

plants! {
    "us-ssn" "government-id" ["ssn", "socialSecurityNumber", "social_security"] ["en" "My social security number is"]
    "us-ssn-bare" "government-id" ["ssn", "social_security_number"] ["en" "my SSN is"]
    "us-itin" "government-id" ["itin"] ["en" "ITIN"]
    "us-dl-number" "government-id" ["driver_license", "driverLicenseNumber"] ["en" "California driver license number"]
    "us-dl-encoded" "government-id" ["licence"] ["en" "Kim Smith, licence", "en" "Smith"]
    "us-passport" "government-id" ["passport_number", "passportNo"] ["en" "passport number"]
    "us-passport-card" "government-id" ["passport_card"] ["en" "passport card"]
    "us-a-number" "government-id" ["alien_number"] ["en" "alien registration number"]
    "us-mbi" "health" ["mbi"] ["en" "Medicare beneficiary"]
    "us-npi" "health" ["npi"] ["en" "NPI"]
    "us-dea" "health" ["dea_number"] ["en" "DEA number"]
    "us-aba-routing" "financial-account" ["routing_number"] ["en" "routing number"]
    "us-postal-address" "contact" ["street_address", "address"] ["en" "my address is"]
    "us-state-zip" "contact" ["zip", "postal_code"] ["en" "city and zip code"]
    "cn-resident-id" "government-id" ["id_card", "\u{8eab}\u{4efd}\u{8bc1}\u{53f7}"] ["zh" "\u{8eab}\u{4efd}\u{8bc1}\u{53f7}\u{7801}", "zh" "\u{5c45}\u{6c11}\u{8eab}\u{4efd}\u{8bc1}"]
    "cn-resident-id-15" "government-id" ["\u{8eab}\u{4efd}\u{8bc1}\u{53f7}"] ["zh" "\u{8eab}\u{4efd}\u{8bc1}\u{53f7}"]
    "cn-mobile" "contact" ["mobile", "phone", "\u{624b}\u{673a}\u{53f7}"] ["zh" "\u{624b}\u{673a}\u{53f7}\u{7801}", "zh" "\u{6211}\u{7684}\u{624b}\u{673a}"]
    "cn-passport" "government-id" ["passport_no", "\u{62a4}\u{7167}\u{53f7}"] ["zh" "\u{62a4}\u{7167}\u{53f7}"]
    "cn-hmt-permit" "government-id" ["\u{56de}\u{4e61}\u{8bc1}"] ["zh" "\u{56de}\u{4e61}\u{8bc1}"]
    "hk-id" "government-id" ["hkid"] ["zh" "\u{9999}\u{6e2f}\u{8eab}\u{4efd}\u{8b49}", "en" "HKID"]
    "tw-id" "government-id" ["\u{8eab}\u{5206}\u{8b49}\u{5b57}\u{865f}"] ["zh" "\u{8eab}\u{5206}\u{8b49}\u{5b57}\u{865f}"]
    "gb-nino" "government-id" ["nino", "national_insurance_number"] ["en" "National Insurance number"]
    "gb-nhs" "health" ["nhs_number"] ["en" "NHS number"]
    "gb-driving-licence" "government-id" ["driving_licence"] ["en" "driving licence"]
    "de-steuer-id" "government-id" ["steuer_id", "steuerId"] ["de" "Meine Steuer-ID lautet", "de" "Steueridentifikationsnummer"]
    "de-id-card" "government-id" ["personalausweis"] ["de" "Personalausweis Nr", "de" "Ausweisnummer"]
    "fr-nir" "government-id" ["nir"] ["fr" "num\u{e9}ro de s\u{e9}curit\u{e9} sociale"]
    "it-codice-fiscale" "government-id" ["codice_fiscale"] ["it" "il mio codice fiscale"]
    "es-dni" "government-id" ["dni", "nif"] ["es" "mi DNI es", "es" "documento nacional de identidad"]
    "es-nie" "government-id" ["nie"] ["es" "mi NIE"]
    "nl-bsn" "government-id" ["bsn", "burgerservicenummer"] ["nl" "mijn burgerservicenummer"]
    "pl-pesel" "government-id" ["pesel"] ["pl" "numer PESEL"]
    "se-personnummer" "government-id" ["personnummer"] ["en" "personnummer"]
    "fi-hetu" "government-id" ["hetu"] ["en" "henkil\u{f6}tunnus"]
    "be-nn" "government-id" ["rijksregisternummer"] ["nl" "rijksregisternummer", "fr" "num\u{e9}ro national"]
    "dk-cpr" "government-id" ["cpr", "cprNr"] ["en" "CPR-nummer"]
    "no-fnr" "government-id" ["fnr"] ["en" "f\u{f8}dselsnummer"]
    "at-svnr" "government-id" ["svnr"] ["de" "Sozialversicherungsnummer"]
    "pt-cc" "government-id" ["cartao_cidadao"] ["pt" "cart\u{e3}o de cidad\u{e3}o"]
    "ie-ppsn" "government-id" ["ppsn"] ["en" "PPS number"]
    "ro-cnp" "government-id" ["cnp"] ["en" "CNP"]
    "bg-egn" "government-id" ["egn"] ["en" "\u{415}\u{413}\u{41d}"]
    "cz-sk-rc" "government-id" ["rodne_cislo"] ["en" "rodn\u{e9} \u{10d}\u{ed}slo"]
    "gr-amka" "government-id" ["amka"] ["en" "\u{391}\u{39c}\u{39a}\u{391}"]
    "ee-lt-code" "government-id" ["isikukood"] ["en" "isikukood", "en" "asmens kodas"]
    "hr-oib" "government-id" ["oib"] ["en" "OIB"]
    "si-emso" "government-id" ["emso"] ["en" "EM\u{160}O"]
    "hu-taj" "government-id" ["taj"] ["en" "TAJ sz\u{e1}m"]
    "ch-ahv" "government-id" ["ahv"] ["de" "AHV-Nummer", "fr" "num\u{e9}ro AVS"]
    "tr-tckn" "government-id" ["tckn", "tc_kimlik_no"] ["tr" "TC kimlik no"]
    "ru-inn12" "government-id" ["inn", "\u{438}\u{43d}\u{43d}"] ["ru" "\u{418}\u{41d}\u{41d}"]
    "ru-snils" "government-id" ["snils"] ["ru" "\u{421}\u{41d}\u{418}\u{41b}\u{421}"]
    "ua-rntrc" "government-id" ["rntrc"] ["ru" "\u{420}\u{41d}\u{41e}\u{41a}\u{41f}\u{41f}"]
    "in-aadhaar" "government-id" ["aadhaar"] ["en" "Aadhaar"]
    "in-pan" "government-id" ["pan_number"] ["en" "PAN card"]
    "br-cpf" "government-id" ["cpf"] ["pt" "meu CPF \u{e9}"]
    "br-cnpj" "government-id" ["cnpj"] ["pt" "CNPJ"]
    "mx-curp" "government-id" ["curp"] ["es" "CURP"]
    "ar-cuit" "government-id" ["cuit", "cuil"] ["es" "mi CUIL"]
    "cl-rut" "government-id" ["rut"] ["es" "RUT"]
    "sg-nric-fin" "government-id" ["nric"] ["en" "NRIC"]
    "my-nric" "government-id" ["mykad"] ["en" "MyKad"]
    "th-pin" "government-id" ["citizen_id"] ["en" "Thai ID"]
    "id-nik" "government-id" ["nik", "no_ktp"] ["en" "NIK"]
    "kr-rrn" "government-id" ["rrn", "\u{c8fc}\u{bbfc}\u{b4f1}\u{b85d}\u{bc88}\u{d638}"] ["ko" "\u{c8fc}\u{bbfc}\u{b4f1}\u{b85d}\u{bc88}\u{d638}"]
    "kr-passport" "government-id" ["\u{c5ec}\u{ad8c}\u{bc88}\u{d638}"] ["ko" "\u{c5ec}\u{ad8c}\u{bc88}\u{d638}"]
    "jp-my-number" "government-id" ["my_number"] ["ja" "\u{30de}\u{30a4}\u{30ca}\u{30f3}\u{30d0}\u{30fc}", "ja" "\u{500b}\u{4eba}\u{756a}\u{53f7}"]
    "jp-passport" "government-id" ["passport_no"] ["ja" "\u{65c5}\u{5238}\u{756a}\u{53f7}"]
    "ca-sin" "government-id" ["sin"] ["en" "social insurance number", "fr" "num\u{e9}ro d'assurance sociale"]
    "au-tfn" "government-id" ["tfn"] ["en" "tax file number"]
    "au-medicare" "health" ["medicare_card"] ["en" "Medicare card"]
    "il-id" "government-id" ["teudat_zehut"] ["en" "\u{5ea}\u{5e2}\u{5d5}\u{5d3}\u{5ea} \u{5d6}\u{5d4}\u{5d5}\u{5ea}"]
    "za-id" "government-id" ["sa_id"] ["en" "South African ID"]
    "card-pan" "financial-account" ["card_number", "cardNumber"] ["en" "my card number is", "es" "tarjeta", "de" "Kartennummer", "zh" "\u{94f6}\u{884c}\u{5361}\u{5361}\u{53f7}"]
    "iban" "financial-account" ["iban"] ["de" "meine IBAN", "fr" "IBAN"]
    "email" "contact" ["email", "mail"] ["en" "write to", "vi" "email", "zh" "\u{90ae}\u{7bb1}"]
    "phone-e164" "contact" ["phone", "msisdn"] ["de" "Telefon", "fr" "t\u{e9}l\u{e9}phone", "vi" "\u{111}i\u{1ec7}n tho\u{1ea1}i", "ar" "\u{647}\u{627}\u{62a}\u{641}"]
    "phone-nanp" "contact" ["phone", "mobile_number"] ["en" "my phone number is", "en" "phone"]
    "phone-keyed" "contact" ["phone", "mobile_number", "tel"] ["de" "Telefon"]
    "phone-national" "contact" ["phone"] ["en" "Phone", "de" "Telefon", "fr" "T\u{e9}l\u{e9}phone", "es" "mi tel\u{e9}fono es", "zh" "\u{7535}\u{8bdd}", "ko" "\u{c804}\u{d654}\u{bc88}\u{d638}"]
    "dob-iso" "contact" ["dob", "birthDate"] ["en" "date of birth", "ru" "\u{434}\u{430}\u{442}\u{430} \u{440}\u{43e}\u{436}\u{434}\u{435}\u{43d}\u{438}\u{44f}", "zh" "\u{51fa}\u{751f}\u{65e5}\u{671f}"]
    "dob-compact" "contact" ["dob", "birthDate"] ["en" "date of birth"]
    "dob-us" "contact" ["dob", "birthdate"] ["en" "born"]
    "ipv4-datum" "network-id" ["client_ip", "last_login_ip"] ["en" "login IP", "zh" "\u{767b}\u{5f55}IP\u{5730}\u{5740}"]
    "ipv6-datum" "network-id" ["client_ip"] ["en" "client IP"]
    "mac-address" "device-id" ["mac", "bssid"] ["en" "MAC address"]
    "imei" "device-id" ["imei"] ["en" "IMEI"]
    "imsi-ims" "device-id" ["impi", "private_identity"] ["en" "private identity"]
    "imsi" "device-id" ["imsi"] ["en" "IMSI"]
    "iccid" "device-id" ["iccid"] ["en" "ICCID"]
    "uuid" "device-id" ["device_uuid"] ["en" "device UUID"]
    "ad-id-keyed" "ad-id" ["idfa", "gaid"] ["en" "IDFA"]
    "android-id-keyed" "device-id" ["android_id"] ["en" "Android ID"]
    "user-agent" "device-id" ["user_agent"] ["en" "User-Agent"]
    "latlon-pair" "geolocation" ["location", "coordinates"] ["en" "my location", "zh" "\u{4f4d}\u{7f6e}"]
    "lat-keyed" "geolocation" ["lat", "latitude"] ["en" "latitude"]
    "lon-keyed" "geolocation" ["lng", "longitude"] ["en" "longitude"]
    "jwt" "credential" ["access_token", "id_token"] ["en" "token"]
    "api-key-keyed" "credential" ["api_key", "clientSecret"] ["en" "API key"]
    "password-keyed" "credential" ["password", "passwd"] ["en" "password"]
    "session-cookie" "credential" ["cookie"] ["en" "Cookie"]
    "bearer-token" "credential" ["header"] ["en" "curl -H"]
    "user-id-keyed" "account-id" ["user_id", "uid", "customerId"] ["en" "user id"]
    "user-name-keyed" "account-id" ["nickname", "username", "full_name"] ["en" "name"]
    "locale-keyed" "residence" ["locale", "userLocale"] ["en" "locale"]
    "residence-keyed" "residence" ["country_of_residence", "nationality"] ["en" "nationality"]
    "tiktok-snowflake" "account-id" ["user_id", "author_id"] ["en" "TikTok user id"]
    "tiktok-sec-uid" "account-id" ["sec_uid"] ["en" "TikTok sec uid"]
    "lark-object-id" "account-id" ["open_id"] ["en" "Lark open id", "zh" "\u{98de}\u{4e66} open_id"]
    "icd10-cm" "health" ["diagnosis_code", "icd10"] ["en" "diagnosis", "de" "Diagnose"]
    "mrn-keyed" "health" ["mrn", "medical_record_number"] ["en" "MRN"]
    "mrz-td3" "government-id" ["mrz"] ["en" "passport MRZ", "fr" "passeport"]
    "mrz-td1" "government-id" ["mrz"] ["en" "ID card MRZ"]
    "hl7v2-header" "health" ["message"] ["en" "HL7"]
    "fhir-patient" "health" ["resource"] ["en" "resource"]
    "vcf-header" "genomic" ["file"] ["en" "file"]
    "mrz-td2" "government-id" ["mrz"] ["en" "identity card MRZ", "de" "Reisepass"]
    "us-aamva-header" "government-id" ["barcode"] ["en" "licence barcode"]
    "us-aamva-header-escaped" "government-id" ["barcode"] ["en" "licence barcode"]
    "us-aamva-element" "government-id" ["barcode"] ["en" "driver license"]
    "image-jpeg" "image" ["photo", "avatar", "id_front", "selfie"] ["en" "photo"]
    "image-png" "image" ["photo", "avatar", "id_front", "selfie"] ["en" "photo"]
    "image-heif" "image" ["photo", "avatar", "id_front", "selfie"] ["en" "photo"]
    "image-base64" "image" ["photo", "avatar", "selfie"] ["en" "photo"]
    "exif-gps" "geolocation" ["photo", "attachment"] ["en" "photo"]
    "exif-model" "device-id" ["camera_model"] ["en" "camera model"]
    "exif-serial" "device-id" ["body_serial_number", "camera_serial_number"] ["en" "camera serial number"]
    "biometric-iso19794" "biometric" ["fingerprint", "template"] ["en" "fingerprint"]
    "face-vector" "biometric" ["face_feature", "faceEmbedding", "face_template"] ["en" "face"]
    "feature-vector" "biometric" ["embedding"] ["en" "faces"]
    "dicom-file" "health" ["scan", "attachment"] ["en" "scan"]
    "alignment-file" "genomic" ["reads", "attachment"] ["en" "reads"]
    "vendor-token" "credential" ["slack_token", "api_key", "github_token"] ["en" "token"]
    "fastq-record" "genomic" ["reads"] ["en" "reads"]
    "token-keyed" "credential" ["access_token", "refresh_token"] ["en" "access token"]
    "snmp-community" "credential" ["snmp_community", "community_string"] ["en" "community string"]
    "phone-uri" "contact" ["contact", "callee"] ["en" "call me at", "de" "Telefon"]
    "national-id-keyed" "government-id" ["ssn", "national_id"] ["en" "national id"]
    "serial-keyed" "device-id" ["serial_number", "device_serial"] ["en" "serial number"]
    "host-name-keyed" "device-id" ["hostname", "computer_name"] ["en" "computer name"]
    "mac-bare" "device-id" ["mac", "bssid"] ["en" "MAC address"]
    "exif-block" "image" ["photo", "attachment"] ["en" "photo"]
    "snp-row" "genomic" ["genotype"] ["en" "genotypes"]
}
