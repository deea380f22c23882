"""The scanner, the regex crate's engines, Hyperscan and Vectorscan on the same texts, in one run.

    python3 tests/corpus/hyperscan_compare.py [MEASURE-SCAN]

Needs Debian 12 (apt-get download, dpkg, gcc), nothing installed. Runs `measure-scan engines`, then the program in
`hyperscan.c` beside this file with each library: the same patterns with their edges on the first MiB of each text, every match
counted in C, one thread, processor time; in one piece and in pieces of 1,400 octets, as the scanner gets them. Nothing is
validated or weighed there.
"""

import os
import subprocess
import sys
import tempfile
from glob import glob

HERE = os.path.dirname(os.path.abspath(__file__))
LIBRARIES = ["hyperscan", "vectorscan"]


def library(name, directory):
    """Compiles the program with one of the libraries, as Debian has it."""
    root = os.path.join(directory, name)
    os.makedirs(root)
    subprocess.run(["apt-get", "download", "-q", f"lib{name}-dev", f"lib{name}5"], cwd=root, check=True, capture_output=True)
    for package in glob(os.path.join(root, "*.deb")):
        subprocess.run(["dpkg", "-x", package, root], check=True)
    (shared,) = glob(os.path.join(root, "usr/lib/*/libhs.so.5"))
    program = os.path.join(root, "program")
    flags = ["-O2", "-Wall", "-Wextra", "-I", os.path.join(root, "usr/include/hs")]
    found = ["-Wl,-rpath," + os.path.dirname(shared), "-Wl,--allow-shlib-undefined"]
    subprocess.run(["gcc", *flags, os.path.join(HERE, "hyperscan.c"), "-o", program, shared, *found], check=True)
    return program


def main():
    scanner = sys.argv[1:] or ["cargo", "run", "-q", "--release", "--example", "measure-scan", "--"]
    with tempfile.TemporaryDirectory() as directory:
        programs = [library(name, directory) for name in LIBRARIES]
        texts = os.path.join(directory, "texts")
        os.makedirs(texts)
        run = subprocess.run([*scanner, "engines", texts], cwd=os.path.join(HERE, "../.."), stdout=subprocess.PIPE, check=True)
        built, head, *rows = run.stdout.decode().splitlines()
        print(built)
        paths = [os.path.join(texts, row[:22].strip() + ".txt") for row in rows]
        others = []
        for name, program in zip(LIBRARIES, programs):
            run = subprocess.run([program, os.path.join(texts, "patterns"), *paths], stdout=subprocess.PIPE, check=True)
            lines = [line.split("\t") for line in run.stdout.decode().splitlines()]
            print(name, *(" ".join(line) for line in lines if line[0] != "text"), sep="; ")
            others.append([line[2:] for line in lines if line[0] == "text"])
        print(head + "".join(f"  {name}: block  stream  matches  in-stream" for name in LIBRARIES) + "  full/hyperscan/vectorscan")
        for row, *both in zip(rows, *others):
            cells = "".join(f"{float(block):>17.1f}{float(stream):>8.1f}{whole:>9}{pieces:>11}" for block, stream, whole, pieces in both)
            times = "".join(f"{float(row[22:31]) / float(stream):>10.1f}" for _, stream, _, _ in both)
            print(row + cells + times)


main()
