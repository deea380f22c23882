"""The scanner, the regex crate's engines and Hyperscan on the same texts, in one run.

    python3 -m venv venv && venv/bin/pip install hyperscan
    venv/bin/python tests/corpus/hyperscan_compare.py

Builds and runs `measure-scan engines`, then Hyperscan with the same patterns on the first MiB of each text: block mode, one thread,
processor time, nothing validated or weighed. Once with every match reported, where a call into Python for each is part of the
figure, and once with each pattern reported at most once a text, which spares nearly all calls.
"""

import os
import subprocess
import sys
import tempfile
import time
import tomllib
from glob import glob

import hyperscan

HERE = os.path.dirname(os.path.abspath(__file__))


def database(patterns, flags):
    made = hyperscan.Database()
    started = time.process_time()
    made.compile(expressions=patterns, ids=list(range(len(patterns))), elements=len(patterns), flags=[flags] * len(patterns))
    print(f"{len(patterns)} patterns, compiled in {time.process_time() - started:.1f} s, {made.size() / 1e6:.1f} MB")
    return made


def speed(made, text):
    count = 0

    def see(*_):
        nonlocal count
        count += 1

    started = time.process_time()
    made.scan(text, match_event_handler=see)
    return len(text) / (time.process_time() - started) / 1e6, count


def main():
    patterns = []
    for path in sorted(glob(os.path.join(HERE, "../../src/scan/signatures/*.toml"))):
        with open(path, "rb") as file:
            patterns += [s["pattern"].encode() for s in tomllib.load(file)["signature"]]
    every = database(patterns, 0)
    once = database(patterns, hyperscan.HS_FLAG_SINGLEMATCH)
    program = sys.argv[1:] or ["cargo", "run", "-q", "--release", "--example", "measure-scan", "--"]
    with tempfile.TemporaryDirectory() as texts:
        run = subprocess.run([*program, "engines", texts], cwd=os.path.join(HERE, "../.."), stdout=subprocess.PIPE, check=True)
        lines = run.stdout.decode().splitlines()
        print(f"{lines[0]}  hs-all   hs-once   matches  full/hs-once")
        for line in lines[1:]:
            with open(os.path.join(texts, line[:22].strip() + ".txt"), "rb") as file:
                text = file.read()[: 1 << 20]
            (slow, matches), (fast, _) = speed(every, text), speed(once, text)
            print(f"{line}{slow:8.1f}{fast:10.1f}{matches:10}{float(line[22:31]) / fast:14.2f}")


main()
