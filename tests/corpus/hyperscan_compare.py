"""The built-in patterns in Hyperscan, on the texts of `measure-scan texts DIRECTORY` (which prints the scanner's own speed).

    python3 -m venv venv && venv/bin/pip install hyperscan
    mkdir texts && cargo run --release --example measure-scan texts texts
    venv/bin/python tests/corpus/hyperscan_compare.py texts

Block mode, every match reported, one thread, processor time; nothing is validated or weighed.
"""

import glob
import os
import sys
import time
import tomllib

import hyperscan

patterns = []
for path in sorted(glob.glob(os.path.join(os.path.dirname(__file__), "../../src/scan/signatures/*.toml"))):
    with open(path, "rb") as file:
        patterns += [s["pattern"].encode() for s in tomllib.load(file)["signature"]]
database = hyperscan.Database()
started = time.process_time()
database.compile(expressions=patterns, ids=list(range(len(patterns))), elements=len(patterns), flags=0)
print(f"{len(patterns)} patterns, compiled in {time.process_time() - started:.1f} s, {database.size() / 1e6:.1f} MB")
for path in sorted(glob.glob(os.path.join(sys.argv[1], "*.txt"))):
    with open(path, "rb") as file:
        text = file.read()[: 1 << 20]
    # The cost of a call into Python for each match is measured apart and named, not subtracted.
    count = 0

    def see(*_):
        global count
        count += 1

    started = time.process_time()
    database.scan(text, match_event_handler=see)
    spent = time.process_time() - started
    print(f"{os.path.basename(path)[:-4]:22}{len(text) / spent / 1e6:9.1f} MB/s {count:9} matches")
