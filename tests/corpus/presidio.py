"""Borderpost, Microsoft Presidio's pattern recognisers, and bare patterns as Snort's sd_pattern has them, in one run on the same texts.

    python3 -m venv venv && venv/bin/pip install presidio-analyzer
    venv/bin/python tests/corpus/presidio.py [SEED [ROUNDS]]

The texts, their labels and Borderpost's findings (level medium and high) come from `cargo run --example make-corpus`. The exit
code says whether Borderpost is better: 1 if another tool has a higher recall or precision in a class that it covers.

A blank spaCy pipeline tokenises (no language model): names and places, which need one, are left out. Counted as in
tests/corpus/score.rs: a label is found if a result of its class overlaps it with a score of at least 0.4 (what a
context word lifts any of its patterns to), a result is right if it overlaps a label of its class. Recall is over the signatures that Presidio has a recogniser for.
"""

import json
import logging
import os
import re
import subprocess
import sys
from collections import defaultdict

import spacy
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import SpacyNlpEngine
from spacy.language import Language

logging.disable(logging.CRITICAL)

# Presidio's entity to our class and the signatures it stands for.
ENTITIES = {
    "US_SSN": ("government-id", ["us-ssn", "us-ssn-bare"]),
    "US_ITIN": ("government-id", ["us-itin"]),
    "US_PASSPORT": ("government-id", ["us-passport"]),
    "US_DRIVER_LICENSE": ("government-id", ["us-dl-number"]),
    "US_MBI": ("health", ["us-mbi"]),
    "US_NPI": ("health", ["us-npi"]),
    "ABA_ROUTING_NUMBER": ("financial-account", ["us-aba-routing"]),
    "UK_NHS": ("health", ["gb-nhs"]),
    "UK_NINO": ("government-id", ["gb-nino"]),
    "AU_TFN": ("government-id", ["au-tfn"]),
    "AU_MEDICARE": ("health", ["au-medicare"]),
    "IN_PAN": ("government-id", ["in-pan"]),
    "IN_AADHAAR": ("government-id", ["in-aadhaar"]),
    "SG_NRIC_FIN": ("government-id", ["sg-nric-fin"]),
    "ES_NIF": ("government-id", ["es-dni"]),
    "ES_NIE": ("government-id", ["es-nie"]),
    "IT_FISCAL_CODE": ("government-id", ["it-codice-fiscale"]),
    "PL_PESEL": ("government-id", ["pl-pesel"]),
    "FI_PERSONAL_IDENTITY_CODE": ("government-id", ["fi-hetu"]),
    "KR_RRN": ("government-id", ["kr-rrn"]),
    "TH_TNIN": ("government-id", ["th-pin"]),
    "CREDIT_CARD": ("financial-account", ["card-pan"]),
    "IBAN_CODE": ("financial-account", ["iban"]),
    "EMAIL_ADDRESS": ("contact", ["email"]),
    "PHONE_NUMBER": ("contact", ["phone-e164", "phone-nanp", "cn-mobile"]),
    "DATE_TIME": ("contact", ["dob-iso", "dob-us"]),
    "IP_ADDRESS": ("network-id", ["ipv4-datum", "ipv6-datum"]),
    "MAC_ADDRESS": ("device-id", ["mac-address"]),
    "MEDICAL_LICENSE": ("health", ["us-dea"]),
}

# Snort 3 sd_pattern's built-in kinds, as its user guide describes them: shape alone.
SNORT = {
    "credit_card": ("financial-account", ["card-pan"], r"\b\d{4}[- ]?\d{4}[- ]?\d{2}[- ]?\d{2}[- ]?\d{3,4}\b"),
    "us_social": ("government-id", ["us-ssn"], r"\b\d{3}-\d{2}-\d{4}\b"),
    "us_social_nodashes": ("government-id", ["us-ssn-bare"], r"\b\d{9}\b"),
    "email": ("contact", ["email"], r"\b[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)+\b"),
    "us_phone": ("contact", ["phone-nanp"], r"(?:\+?1[-. ]?)?\(?\d{3}\)?[-. ]?\d{3}[-. ]?\d{4}\b"),
}


@Language.component("lemmas")
def lemmas(document):
    """Every word is its own lemma: Presidio looks for its context words among lemmas."""
    for token in document:
        token.lemma_ = token.lower_
    return document


class Blank(SpacyNlpEngine):
    """Tokens only."""

    def __init__(self):
        super().__init__(models=[{"lang_code": "en", "model_name": "blank"}])
        self.nlp = {"en": spacy.blank("en")}
        self.nlp["en"].add_pipe("lemmas")

    def load(self):
        pass


def presidio():
    registry = RecognizerRegistry(supported_languages=["en"])
    registry.load_predefined_recognizers(languages=["en"])
    names = {r.name for r in registry.recognizers}
    # Recognisers of single countries, most of which the default set leaves out or has for one language only.
    import presidio_analyzer.predefined_recognizers as predefined

    for name in dir(predefined):
        kind = getattr(predefined, name)
        if not isinstance(kind, type) or not name.endswith("Recognizer") or name in names:
            continue
        try:
            recogniser = kind(supported_language="en")
        except Exception:  # needs a service, a model or other arguments
            continue
        if hasattr(recogniser, "patterns") and set(recogniser.supported_entities) & set(ENTITIES):
            registry.add_recognizer(recogniser)
    for recogniser in list(registry.recognizers):
        if "Spacy" in recogniser.name:
            registry.remove_recognizer(recogniser.name)
    engine = AnalyzerEngine(registry=registry, nlp_engine=Blank(), supported_languages=["en"])
    have = {e for r in registry.recognizers for e in r.supported_entities} & set(ENTITIES)

    def run(sample):
        text = sample["text"]
        for result in engine.analyze(text=text, language="en", entities=sorted(have), score_threshold=0.4):
            yield ENTITIES[result.entity_type][0], result.start, result.end, result.entity_type

    return run, {s for e in have for s in ENTITIES[e][1]}


def snort():
    patterns = [(c, re.compile(p), n) for n, (c, _, p) in SNORT.items()]

    def run(sample):
        text = sample["text"]
        for kind, pattern, name in patterns:
            for match in pattern.finditer(text):
                yield kind, match.start(), match.end(), name

    return run, {s for _, signatures, _ in SNORT.values() for s in signatures}


def sure(sample):
    """What Borderpost found at level medium and high."""
    return [f for f in sample["found"] if f["level"] != "low"]


def borderpost(covered):
    """What was found when the corpus was written; recall is over the signatures that the other tool has."""

    def run(sample):
        octets = sample["text"].encode()
        for f in sure(sample):
            start, end = f["offset"], f["offset"] + f["length"]
            yield f["class"], len(octets[:start].decode(errors="ignore")), len(octets[:end].decode(errors="ignore")), f["signature"]

    return run, covered


def measure(name, run, covered, samples):
    planted, found, right, wrong = (defaultdict(int) for _ in range(4))
    by_signature = defaultdict(lambda: [0, 0])
    for sample in samples:
        text = sample["text"]
        # Labels count octets, Python characters.
        octets = text.encode()
        labels = [
            (l["class"], len(octets[: l["offset"]].decode()), len(octets[: l["offset"] + l["length"]].decode()), l)
            for l in sample["labels"]
        ]
        results = list(run(sample))
        over = lambda r, l: r[0] == l[0] and r[1] < l[2] and l[1] < r[2]
        for label in labels:
            if label[3]["context"] and label[3]["signature"] in covered:
                hit = any(over(r, label) for r in results)
                planted[label[0]] += 1
                found[label[0]] += hit
                by_signature[label[3]["signature"]][0] += 1
                by_signature[label[3]["signature"]][1] += hit
        for result in results:
            good = any(over(result, label) for label in labels)
            (right if good else wrong)[result[0]] += 1
    print(f"\n{name}\n{'class':20}{'planted':>8}{'recall':>8}{'findings':>10}{'precision':>11}")
    total = lambda d: sum(d.values())
    rows = [(c, planted[c], found[c], right[c], wrong[c]) for c in sorted(set(planted) | set(right) | set(wrong))]
    rows.append(("all", total(planted), total(found), total(right), total(wrong)))
    for kind, p, f, r, w in rows:
        print(f"{kind:20}{p:>8}{f / max(p, 1):>8.3f}{r + w:>10}{r / max(r + w, 1):>11.3f}")
    print("  recall by signature:", ", ".join(f"{s} {b}/{a}" for s, (a, b) in sorted(by_signature.items())))
    return {c: (f / p, r / max(r + w, 1)) for c, p, f, r, w in rows if p}


def compare(name, run, covered, samples):
    """Measures another tool and Borderpost on what it covers; returns the classes in which it is better."""
    other = measure(name, run, covered, samples)
    own = measure(f"Borderpost, on what {name.split(',')[0]} covers", *borderpost(covered), samples)
    return [f"{c}: {name} {other[c]}, Borderpost {own[c]}" for c in other if own[c][0] < other[c][0] or own[c][1] < other[c][1]]


if __name__ == "__main__":
    command = ["cargo", "run", "-q", "--example", "make-corpus", "--", *(sys.argv[1:] or ["1", "2"])]
    root = os.path.join(os.path.dirname(__file__), "../..")
    lines = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, check=True).stdout.splitlines()
    corpus = [json.loads(line) for line in lines]
    worse = compare("Presidio, pattern recognisers", *presidio(), corpus)
    worse += compare("bare patterns (Snort sd_pattern)", *snort(), corpus)
    print("\nBorderpost is worse in:", *(worse or ["nothing"]), sep="\n  ")
    sys.exit(bool(worse))
