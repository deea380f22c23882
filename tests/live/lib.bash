# What the scripts of this folder share: two network namespaces with a server's and a client's end, captures of what goes between
# them, and the check that a replay shows what was planted. Sourced, not run.
#
#   tests/live/SCRIPT [FOLDER]     as root; captures NAME.pcap, expectations NAME.expect and key logs NAME.keylog go to FOLDER
#
# BORDERPOST names the program (default: what cargo built last). Prints TAP. Installs what it needs with apt-get; no service is
# started outside the namespaces and none stays.
#
# A line of an expectation is four words parted by tabs. The first is the local network of the replay; then
#   signature field document     a finding (`-`: without a field)
#   flow key value               a flow event with this value (`app_proto`, `server_name`, `inspection`)
#   sealed status -              a flow of this inspection status; without such a line all octets have to be read
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
program=${BORDERPOST:-${CARGO_TARGET_DIR:-$here/target}/debug/borderpost}
number=0 failed=0

if [ "$(id -u)" != 0 ]; then echo "1..0 # SKIP needs root for network namespaces"; exit 0; fi
[ -x "$program" ] || { echo "Bail out! $program is not built"; exit 1; }
out=${1:-$(mktemp -d)}
mkdir -p "$out"; out=$(cd "$out" && pwd)
work=$(mktemp -d); chmod 755 "$work"
names=(bp-srv-$$ bp-cli-$$)
started=()
policy=
at_end() { :; } # What a script has to stop itself.

cleanup() {
    at_end
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null; done
    sleep 0.3
    # Whatever a server left behind in its namespace, and nothing else.
    for name in "${names[@]}"; do
        for pid in $(ip netns pids "$name" 2>/dev/null); do kill -9 "$pid" 2>/dev/null; done
    done
    wait 2>/dev/null
    for name in "${names[@]}"; do ip netns del "$name" 2>/dev/null; done
    [ -n "$policy" ] && rm -f "$policy"
    rm -rf "$work"
}
trap cleanup EXIT

need() { # package...
    local missing=()
    for package in "$@"; do dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package"); done
    [ ${#missing[@]} = 0 ] && return 0
    # Debian starts servers when they are installed: not here.
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        policy=/usr/sbin/policy-rc.d
        printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod 755 "$policy"
    fi
    apt-get update -qq >/dev/null 2>&1
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$work/apt.log" 2>&1 && return 0
    tail -3 "$work/apt.log" | sed 's/^/# /'
    return 1
}

skip() { number=$((number + 1)); echo "ok $number - $1 # SKIP $2"; }

on_server() { ip netns exec "${names[0]}" "$@"; }
on_client() { ip netns exec "${names[1]}" "$@"; }

start() { # command...: a server in the background
    ip netns exec "${names[0]}" "$@" >>"$work/servers.log" 2>&1 &
    started+=($!)
}

await() { # port [tries]
    for _ in $(seq 1 "${2:-150}"); do
        on_client bash -c "exec 3<>/dev/tcp/$server/$1" 2>/dev/null && return 0
        sleep 0.2
    done
    echo "# nothing listens on port $1"; tail -5 "$work/servers.log" | sed 's/^/# /'
    number=$((number + 1)); echo "not ok $number - a server on port $1"; failed=1
    return 1
}

record() { # name filter: begins a capture
    rm -f "$work/tcpdump.log" "$out/$1.keylog"
    ip netns exec "${names[0]}" tcpdump -q -U --immediate-mode -i veth0 -s 0 -w "$out/$1.pcap" "$2" >/dev/null 2>"$work/tcpdump.log" &
    recorder=$!
    for _ in $(seq 1 50); do grep -qs "listening on" "$work/tcpdump.log" && break; sleep 0.1; done
}

recorded() { # ends it
    sleep 0.7
    kill "$recorder" 2>/dev/null; wait "$recorder" 2>/dev/null
}

check() { # name: reads the expectation, replays, and looks for every line
    cat >"$out/$1.expect"
    python3 - "$program" "$out/$1" "$number" "$work/events" "$work/number" <<'PY'
import json, os, subprocess, sys
program, name, number, events, count = sys.argv[1:]
number, failed, replays = int(number), 0, {}

def replay(local):
    command = [program, "replay", "--json", "--quiet", "--home", "US", "--local", local, "--events", events]
    if os.path.exists(name + ".keylog"):
        command += ["--keylog", name + ".keylog"]
    run = subprocess.run(command + [name + ".pcap"], capture_output=True, text=True)
    summary = json.loads(run.stdout)
    unread = sum(place["opaque_bytes"] + place["missed_bytes"] for place in summary["egress"])
    seen = [json.loads(line) for line in open(events)]
    return seen, unread, {e["inspection"]["status"] for e in seen if e["event_type"] == "flow"}

lines = [line.rstrip("\n").split("\t") for line in open(name + ".expect") if line.strip()]
sealed = {line[0] for line in lines if line[1] == "sealed"}
for local in dict.fromkeys(line[0] for line in lines):
    replays[local] = replay(local)
    if local not in sealed:
        lines.append([local, "unread", "0", str(replays[local][1])])
for local, what, first, second in lines:
    seen, unread, reasons = replays[local]
    findings = {(e["finding"]["signature"], e["finding"].get("field") or "-", e["finding"]["document"]) for e in seen if e["event_type"] == "finding"}
    if what == "flow":
        ok = any(str(e.get(first)) == second for e in seen if e["event_type"] == "flow")
    elif what == "sealed":
        ok = first in reasons
    elif what == "unread":
        ok = unread == 0
    else:
        ok = (what, first, second) in findings
    number += 1
    failed |= not ok
    print("ok" if ok else "not ok", number, "-", os.path.basename(name) + ":", what, first, second, "from", local)
    if not ok:
        for finding in sorted(findings):
            print("#", *finding)
        for e in seen:
            if e["event_type"] == "flow":
                print("#", *[f"{k}={e[k]}" for k in ("src_port", "dest_port", "app_proto", "server_name", "inspection") if k in e])
open(count, "w").write(str(number))
sys.exit(failed)
PY
    [ $? = 0 ] || failed=1
    number=$(cat "$work/number")
}

finish() { echo "1..$number"; exit "$failed"; }

need iproute2 tcpdump python3 || { echo "Bail out! no packages"; exit 1; }
for name in "${names[@]}"; do ip netns add "$name" || exit 1; ip -n "$name" link set lo up; done
ip link add veth0 netns "${names[0]}" type veth peer name veth0 netns "${names[1]}"
ip -n "${names[0]}" addr add "$server/24" dev veth0; ip -n "${names[0]}" link set veth0 up
ip -n "${names[1]}" addr add "$client/24" dev veth0; ip -n "${names[1]}" link set veth0 up
