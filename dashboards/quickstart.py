#!/usr/bin/env python3
"""Follows docs/quickstart.md: runs its console blocks in one shell, and compares what they print with what the page shows.

    python3 dashboards/quickstart.py target/release/borderpost            compares (figures may differ)
    python3 dashboards/quickstart.py target/release/borderpost --write    puts what was printed into the page

The page's blocks in other languages, and those after `<!-- not run -->`, are not run: the build, which made the program that is given
here, and what is no Debian package. As root it runs in a network namespace of its own, so that the page's ports are free.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/quickstart.md"
BLOCK = re.compile(r"(?<!<!-- not run -->\n)```console\n(.*?)```", re.S)


def commands(block):
    """Commands of a block with the output the page shows for each; a command goes on after a backslash."""
    found = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append([line[2:], []])
        elif found and found[-1][0].endswith("\\"):
            found[-1][0] += "\n" + line
        elif found:
            found[-1][1].append(line)
    return found


def run(all_commands, borderpost):
    """What each command printed."""
    script = "set -em\n"
    for number, (command, _) in enumerate(all_commands):
        script += f"printf '\\n@@{number}\\n'\n{command}\n"
    alone = ["unshare", "--net", "bash", "-c", "ip link set lo up && exec bash -s"] if os.geteuid() == 0 else ["bash", "-s"]
    environment = {**os.environ, "PATH": f"{borderpost.parent}:{os.environ['PATH']}"}
    shell = subprocess.Popen(alone, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment,
                             start_new_session=True)
    try:
        said, _ = shell.communicate(script, timeout=180)
    except subprocess.TimeoutExpired:
        sys.exit("docs/quickstart.md does not come to its end")
    finally:
        # Whoever it left running belongs to its session.
        subprocess.run(["pkill", "-KILL", "-s", str(shell.pid)], check=False)
    printed = re.split(r"\n@@\d+\n", "\n" + said)[1:]
    if len(printed) != len(all_commands) or shell.returncode:
        sys.exit(f"exit code {shell.returncode} after {len(printed)} of {len(all_commands)} commands:\n{said}")
    return [text.strip("\n").splitlines() for text in printed]


def main():
    borderpost = Path(sys.argv[1]).resolve()
    page = PAGE.read_text()
    blocks = [match[1] for match in BLOCK.finditer(page)]
    all_commands = [command for block in blocks for command in commands(block)]
    printed = run(all_commands, borderpost)
    if "--write" in sys.argv:
        outputs = iter(printed)

        def written(match):
            lines = [f"$ {command}\n" + "".join(f"{line}\n" for line in next(outputs)) for command, _ in commands(match[1])]
            return "```console\n" + "".join(lines) + "```"
        PAGE.write_text(BLOCK.sub(written, page))
        return
    figures = re.compile(r"\d+")
    for (command, shown), lines in zip(all_commands, printed):
        if [figures.sub("#", line) for line in shown] != [figures.sub("#", line) for line in lines]:
            sys.exit(f"$ {command}\nthe page shows:\n" + "\n".join(shown) + "\nit printed:\n" + "\n".join(lines))
    print(f"docs/quickstart.md: {len(all_commands)} commands print what the page shows")


if __name__ == "__main__":
    main()
