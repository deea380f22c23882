"""Quality on text that the project did not make: personal data, invoices, shipments and logs by Faker, in thirty locales.

    python3 -m venv venv && venv/bin/pip install presidio-analyzer faker python-stdnum
    venv/bin/python tests/corpus/independent.py [SEED [ROUNDS]]

Faker's providers make the values (national numbers with their check digits, telephones as people write them, names and streets of
the locale; what python-stdnum refuses is made again, since some providers make numbers that cannot be) and all that is none (order numbers, articles, identifiers of parcels and vehicles, hashes, versions, times). The words
around them are this script's own: nothing of tests/corpus/*.rs is used. Borderpost scans the same texts as Presidio's pattern
recognisers and bare patterns do (presidio.py); `make-corpus scan` reads them from standard input. The exit code is that of a
comparison: 1 if another tool has a higher recall or precision in a class that it covers.
"""

import importlib
import ipaddress
import json
import logging
import os
import random
import subprocess
import sys
from collections import Counter

from faker import Faker

from presidio import compare, presidio, snort, sure

logging.disable(logging.CRITICAL)

# Locale, the method that makes its national number, the signature, and what people call it there.
NATIONAL = [
    ("en_US", "ssn", "us-ssn", ["SSN", "Social Security Number"]),
    ("en_CA", "ssn", "ca-sin", ["SIN", "Social Insurance Number"]),
    ("fr_FR", "ssn", "fr-nir", ["Numéro de sécurité sociale", "NIR"]),
    ("it_IT", "ssn", "it-codice-fiscale", ["Codice fiscale", "CF"]),
    ("es_ES", "nif", "es-dni", ["DNI", "NIF"]),
    ("es_ES", "nie", "es-nie", ["NIE"]),
    ("pl_PL", "pesel", "pl-pesel", ["PESEL"]),
    ("nl_NL", "ssn", "nl-bsn", ["BSN", "Burgerservicenummer"]),
    ("nl_BE", "ssn", "be-nn", ["Rijksregisternummer"]),
    ("pt_BR", "cpf", "br-cpf", ["CPF"]),
    ("zh_CN", "ssn", "cn-resident-id", ["身份证号码", "身份证"]),
    ("zh_TW", "ssn", "tw-id", ["身分證字號"]),
    ("ko_KR", "ssn", "kr-rrn", ["주민등록번호"]),
    ("tr_TR", "ssn", "tr-tckn", ["TC Kimlik No"]),
    ("sv_SE", "ssn", "se-personnummer", ["Personnummer"]),
    ("fi_FI", "ssn", "fi-hetu", ["Henkilötunnus"]),
    ("no_NO", "ssn", "no-fnr", ["Fødselsnummer"]),
    ("en_IN", "aadhaar_id", "in-aadhaar", ["Aadhaar", "Aadhaar number"]),
    ("th_TH", "ssn", "th-pin", ["เลขประจำตัวประชาชน"]),
    ("he_IL", "ssn", "il-id", ["תעודת זהות"]),
    ("hr_HR", "ssn", "hr-oib", ["OIB"]),
    ("ro_RO", "ssn", "ro-cnp", ["CNP"]),
    ("el_GR", "ssn", "gr-amka", ["ΑΜΚΑ"]),
    ("et_EE", "ssn", "ee-lt-code", ["Isikukood"]),
    ("cs_CZ", "birth_number", "cz-sk-rc", ["Rodné číslo"]),
    ("sk_SK", "birth_number", "cz-sk-rc", ["Rodné číslo"]),
    ("es_MX", "curp", "mx-curp", ["CURP"]),
    ("es_CL", "rut", "cl-rut", ["RUT"]),
    ("fr_CH", "ssn", "ch-ahv", ["Numéro AVS"]),
    ("de_AT", "ssn", "at-svnr", ["Sozialversicherungsnummer"]),
]

# What people call the rest, by language; English where there is no other.
WORDS = {
    "phone": {"de": "Telefon", "fr": "Téléphone", "it": "Telefono", "es": "Teléfono", "pt": "Telefone", "nl": "Telefoon", "pl": "Telefon",
              "zh": "电话", "ko": "전화번호", "tr": "Telefon", "cs": "Telefon", "sk": "Telefon", "": "Phone"},
    "email": {"de": "E-Mail", "fr": "E-mail", "es": "Correo", "zh": "邮箱", "ko": "이메일", "": "Email"},
    "card": {"de": "Kreditkarte", "fr": "Carte bancaire", "it": "Carta di credito", "es": "Tarjeta", "pt": "Cartão", "zh": "银行卡", "": "Credit card"},
    "born": {"de": "Geburtsdatum", "fr": "Date de naissance", "it": "Data di nascita", "es": "Fecha de nacimiento", "pt": "Data de nascimento",
             "nl": "Geboortedatum", "pl": "Data urodzenia", "zh": "出生日期", "ko": "생년월일", "tr": "Doğum tarihi", "": "Date of birth"},
}
KEYS = {"phone": "phone_number", "email": "email_address", "card": "credit_card", "born": "birth_date", "iban": "iban", "ip": "ip_address",
        "mac": "mac_addr", "passport": "passport_number", "dea": "dea_number"}

# Who knows whether a value can be: modules of python-stdnum. Korean numbers issued since 2020 have no check digit.
CHECKED = {
    "us-ssn": "us.ssn", "ca-sin": "ca.sin", "fr-nir": "fr.nir", "it-codice-fiscale": "it.codicefiscale", "es-dni": "es.dni",
    "es-nie": "es.nie", "pl-pesel": "pl.pesel", "nl-bsn": "nl.bsn", "be-nn": "be.nn", "br-cpf": "br.cpf", "cn-resident-id": "cn.ric",
    "tr-tckn": "tr.tckimlik", "se-personnummer": "se.personnummer", "fi-hetu": "fi.hetu", "no-fnr": "no.fodselsnummer",
    "in-aadhaar": "in_.aadhaar", "th-pin": "th.pin", "il-id": "il.idnr", "hr-oib": "hr.oib", "ro-cnp": "ro.cnp", "gr-amka": "gr.amka",
    "ee-lt-code": "ee.ik", "cz-sk-rc": "cz.rc", "mx-curp": "mx.curp", "cl-rut": "cl.rut", "ch-ahv": "ch.ssn", "at-svnr": "at.vnr",
    "iban": "iban", "card-pan": "luhn", "us-aba-routing": "us.rtn",
}


def right(make, signature):
    """Values until one can be; none if a provider never makes one that can."""
    for _ in range(300):
        value = str(make())
        if signature in CHECKED and not importlib.import_module("stdnum." + CHECKED[signature]).is_valid(value):
            continue
        if signature == "ipv4-datum" and not ipaddress.ip_address(value).is_global:
            continue
        return value
    return None


class Text:
    """Text that grows, with its labels in octets."""

    def __init__(self):
        self.parts, self.labels, self.length = [], [], 0

    def add(self, text):
        self.parts.append(text)
        self.length += len(text.encode())
        return self

    def plant(self, value, kind, signature, counted=True):
        self.labels.append({"offset": self.length, "length": len(value.encode()), "class": kind, "signature": signature, "context": counted})
        return self.add(value)

    def sample(self, form):
        return {"form": form, "text": "".join(self.parts), "labels": self.labels}


def word(key, locale):
    words = WORDS[key]
    return words.get(locale[:2], words[""])


def values(f, locale, national):
    """Label for prose, key, value, class, signature, of one made-up person."""
    method, signature, names = national
    rows = [
        (random.choice(names), None, right(getattr(f, method), signature), "government-id", signature),
        (word("email", locale), KEYS["email"], f.email(), "contact", "email"),
        (word("phone", locale), KEYS["phone"], f.phone_number().split("x")[0].strip(), "contact", "phone-nanp" if locale == "en_US" else "phone-e164"),
        (word("card", locale), KEYS["card"], right(f.credit_card_number, "card-pan"), "financial-account", "card-pan"),
        (word("born", locale), KEYS["born"], f.date_of_birth(minimum_age=18, maximum_age=90).isoformat(), "contact", "dob-iso"),
        ("IBAN", KEYS["iban"], right(f.iban, "iban"), "financial-account", "iban"),
        ("Login IP", KEYS["ip"], right(random.choice([f.ipv4_public, lambda: f"2a{random.randint(0, 255):02x}:" + f.ipv6().partition(":")[2]]), "ipv4-datum"), "network-id", "ipv4-datum"),
        ("MAC address", KEYS["mac"], mac(f), "device-id", "mac-address"),
    ]
    if signature == "us-ssn":
        rows.append(("ABA routing number", "routing_number", right(f.aba, "us-aba-routing"), "financial-account", "us-aba-routing"))
    rows = [row for row in rows if row[2]]
    return random.sample(rows, random.randint(3, len(rows)))


def mac(f):
    plain = f.mac_address()
    if int(plain[:2], 16) & 1:
        plain = f"{int(plain[:2], 16) & 0xfe:02x}{plain[2:]}"
    digits = plain.replace(":", "")
    return random.choice([plain, plain.upper(), plain.replace(":", "-"), ".".join(digits[i : i + 4] for i in (0, 4, 8))])


def person(f, locale, national, form):
    text = Text()
    name = f.name()
    rows = values(f, locale, national)
    if form == "json":
        text.add('{"id": %d, "name": "' % random.randint(1, 99999)).plant(name, "account-id", "name", False).add('"')
        for label, key, value, kind, signature in rows:
            text.add(f', "{key or label}": "').plant(value, kind, signature).add('"')
        text.add(f', "company": {json.dumps(f.company(), ensure_ascii=False)}, "created": "{f.iso8601()}", "sha1": "{f.sha1()}"}}\n')
    elif form == "letter":
        text.add(f"{f.catch_phrase() if hasattr(f, 'catch_phrase') else f.sentence()}\n\n").plant(name, "account-id", "name", False).add("\n")
        text.plant(f.street_address().replace("\n", " "), "contact", "street", False).add("\n\n" + f.paragraph() + "\n\n")
        for label, _, value, kind, signature in rows:
            text.add(f"{label}: ").plant(value, kind, signature).add("\n")
        text.add("\n" + f.paragraph() + "\n")
    elif form == "log":
        for label, key, value, kind, signature in rows:
            text.add(f"{f.iso8601()} DEBUG profile.update {(key or label).replace(' ', '_')}=").plant(value, kind, signature)
            text.add(f" took={random.randint(1, 900)}ms trace={f.md5()[:16]}\n")
    else:
        for label, _, value, kind, signature in rows:
            text.add(f.sentence() + f" {label} ").plant(value, kind, signature).add(". " + f.sentence() + "\n")
    return text.sample(form)


def luhn(body):
    digits = [int(c) for c in reversed(body)]
    total = sum(d if i % 2 else d * 2 // 10 + d * 2 % 10 for i, d in enumerate(digits))
    return body + str(-total % 10)


def nothing(f, locale):
    """Documents of commerce and machines without user data."""
    number = lambda n: "".join(random.choice("0123456789") for _ in range(n))
    facts = [
        lambda: f"Order number {number(9)}", lambda: f"Order {number(3)}-{number(7)}-{number(7)}", lambda: f"Invoice no. {f.bothify('??-########').upper()}",
        lambda: f"Article {luhn(number(15))}", lambda: f"EAN {f.ean13()}", lambda: f"ISBN {f.isbn13()}", lambda: f"ISBN-10 {f.isbn10()}",
        lambda: f"Tracking {f.bothify('1Z###?##########').upper()}", lambda: f"Parcel {number(12)}", lambda: f"Parcel JJD{number(18)}",
        lambda: f"VIN {f.vin() if hasattr(f, 'vin') else number(17)}", lambda: f"commit {f.sha1()}", lambda: f"md5 {f.md5()}", lambda: f"sha256 {f.sha256()}",
        lambda: f"uuid {f.uuid4()}", lambda: f"{f.iso8601()} job {number(10)} finished", lambda: f"epoch {int(f.unix_time())}", lambda: f"took {number(8)} ns",
        lambda: f"version {random.randint(1, 20)}.{random.randint(0, 30)}.{random.randint(0, 99)}.{random.randint(0, 255)}", lambda: f"file {f.file_path()}",
        lambda: f"Model {f.bothify('??-####-??').upper()}", lambda: f"Serial {f.bothify('?#?#########').upper()}", lambda: f"Total {f.pricetag() if hasattr(f, 'pricetag') else number(5)}",
        lambda: f"Lot {f.bothify('?########').upper()}", lambda: f"Batch {number(11)}", lambda: f"Page {random.randint(1, 99)} of {number(3)}", lambda: f"ref {number(3)} {number(3)} {number(3)}",
        lambda: f"meter {number(10)}", lambda: f"ticket #{number(7)}", lambda: f"Cert {f.bothify('##:'*15)}##", lambda: f"DOI {f.doi()}", lambda: f"color {f.hex_color()}",
        lambda: f"date {f.date()}", lambda: f"period {f.date()} - {f.date()}", lambda: f"number {number(9)}", lambda: f"number {number(11)}", lambda: f"{number(4)} {number(4)} {number(4)} units",
        lambda: f"flight {f.bothify('??####').upper()}", lambda: f"plate {f.license_plate() if hasattr(f, 'license_plate') else 'X'}", lambda: f"gtin {number(14)}", lambda: f"id={number(16)}",
        lambda: f"GB{number(2)}TEST{number(14)} is no account", lambda: f"node {':'.join(f.hexify('^^') for _ in range(8))}", lambda: f"oid 1.3.6.1.{random.randint(1, 9)}.{random.randint(1, 99)}",
        lambda: f"broadcast {random.choice(['ff:ff:ff:ff:ff:ff', '00-00-00-00-00-00', '01:00:5e:00:00:fb', '33:33:00:00:00:01'])}", lambda: f"listen 127.0.0.1:{random.randint(1024, 9999)} 0.0.0.0/0 10.{random.randint(0, 255)}.0.1",
        lambda: f"@{f.user_name()} {f.domain_word()}@{random.randint(1, 9)}.{random.randint(0, 9)}.0", lambda: f"img_{number(8)}_{number(6)}.jpg", lambda: f"{f.sentence()}",
    ]
    text = Text()
    form = random.choice(["lines", "json", "prose"])
    chosen = random.sample(facts, 8)
    if form == "json":
        text.add("{" + ", ".join(f'"{k.strip()}": "{v}"' for k, _, v in (c().partition(" ") for c in chosen)) + "}\n")
    else:
        for c in chosen:
            text.add((f.sentence() + " " if form == "prose" else "") + c() + "\n")
    return text.sample("none-" + form)


def corpus(seed, rounds):
    random.seed(seed)
    Faker.seed(seed)
    for _ in range(rounds):
        for locale, *national in NATIONAL:
            f = Faker(locale)
            for form in ("json", "letter", "log", "prose"):
                yield person(f, locale, national, form)
            for _ in range(4):
                yield nothing(f, locale)


if __name__ == "__main__":
    seed, rounds = (int(sys.argv[1]) if len(sys.argv) > 1 else 1), (int(sys.argv[2]) if len(sys.argv) > 2 else 4)
    samples = list(corpus(seed, rounds))
    command = json.loads(os.environ.get("MAKE_CORPUS", "null")) or ["cargo", "run", "-q", "--release", "--example", "make-corpus", "--"]
    root = os.path.join(os.path.dirname(__file__), "../..")
    lines = "".join(json.dumps(s) + "\n" for s in samples)
    out = subprocess.run([*command, "scan"], cwd=root, input=lines.encode(), stdout=subprocess.PIPE, check=True).stdout
    samples = [json.loads(line) for line in out.splitlines()]
    print(f"{len(samples)} texts, {sum(len(s['labels']) for s in samples)} values, seed {seed}")
    if os.environ.get("VERBOSE"):
        over = lambda f, l: f["class"] == l["class"] and f["offset"] < l["offset"] + l["length"] and l["offset"] < f["offset"] + f["length"]
        missed, wrong = Counter(), Counter()
        for s in samples:
            octets = s["text"].encode()
            show = lambda x: octets[max(x["offset"] - 40, 0) : x["offset"] + x["length"] + 15].decode(errors="replace")
            for l in s["labels"]:
                if l["context"] and not any(over(f, l) for f in sure(s)):
                    missed[l["signature"]] += 1
                    print("MISSED", l["signature"], s["form"], repr(show(l)))
            for f in sure(s):
                if not any(over(f, l) for l in s["labels"]):
                    wrong[f["signature"]] += 1
                    print("WRONG", f["signature"], s["form"], repr(show(f)))
        print("missed", missed.most_common(), "wrong", wrong.most_common(), sep="\n")
    if os.environ.get("ALONE"):
        sys.exit()
    worse = compare("Presidio, pattern recognisers", *presidio(), samples)
    worse += compare("bare patterns (Snort sd_pattern)", *snort(), samples)
    print("\nBorderpost is worse in:", *(worse or ["nothing"]), sep="\n  ")
    sys.exit(bool(worse))
