"""Captures to send, always the same: workloads.py DIRECTORY

small: UDP datagrams of 18 octets (frames of 60), a thousand flows
flows: the same, every packet a flow of its own (60,000 of them)
tls:   segments of 1,400 octets within TLS sessions
json:  HTTP posts of JSON without user data, the dearest to read
"""
import random, struct, sys

out = sys.argv[1]
random.seed(1)


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def frame(src, dst, proto, segment):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(segment), 0, 0x4000, 64, proto, 0, src, dst)
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    # To everybody, so that a host without the address takes it.
    return b"\xff" * 6 + b"\x02\0\0\0\0\1" + b"\x08\0" + head + segment


def udp(src, dst, sport, dport, payload):
    return frame(src, dst, 17, struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload)


def tcp(src, dst, sport, dport, seq, ack, flags, payload=b""):
    segment = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 65535, 0, 0) + payload
    pseudo = src + dst + struct.pack("!BBH", 0, 6, len(segment))
    padded = pseudo + segment + b"\0" * (len(segment) % 2)
    return frame(src, dst, 6, segment[:16] + struct.pack("!H", checksum(padded)) + segment[18:])


def write(name, frames):
    with open(f"{out}/{name}.pcap", "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number, octets in enumerate(frames):
            file.write(struct.pack("<IIII", 1772460000, number, len(octets), len(octets)) + octets)


def local(n):
    return bytes([10, 0, n >> 8 & 255, n & 255])


def remote(n):
    return bytes([101, 126, n >> 8 & 255, n & 255])


def session(n, first, messages):
    src, dst, sport, seq, answer = local(n), remote(n), 20000 + n, 1000, 5000
    yield tcp(src, dst, sport, first, seq, 0, 2)
    yield tcp(dst, src, first, sport, answer, seq + 1, 18)
    seq, answer = seq + 1, answer + 1
    for message in messages:
        for at in range(0, len(message), 1400):
            piece = message[at : at + 1400]
            yield tcp(src, dst, sport, first, seq, answer, 24, piece)
            seq += len(piece)
        yield tcp(dst, src, first, sport, answer, seq, 16)
    yield tcp(src, dst, sport, first, seq, answer, 17)
    yield tcp(dst, src, first, sport, answer, seq + 1, 17)
    yield tcp(src, dst, sport, first, seq + 1, answer + 1, 16)


def hello(name):
    server = struct.pack("!HHHBH", 0, len(name) + 5, len(name) + 3, 0, len(name)) + name
    body = b"\3\3" + random.randbytes(32) + b"\0" + b"\0\2\x13\1" + b"\1\0" + struct.pack("!H", len(server)) + server
    handshake = b"\1" + struct.pack("!I", len(body))[1:] + body
    return b"\x16\3\1" + struct.pack("!H", len(handshake)) + handshake


def application(size):
    return b"\x17\3\3" + struct.pack("!H", size) + random.randbytes(size)


def post(size):
    items = []
    while sum(map(len, items)) < size:
        items.append(
            '{"order":%d,"price":%d.%02d,"sku":"A%07d","at":"2026-03-02T14:%02d:%02dZ","note":"left at the door"}'
            % tuple(random.randrange(n) for n in (1000000, 900, 100, 10000000, 60, 60))
        )
    body = ('{"items":[%s]}' % ",".join(items)).encode()
    return b"POST /api HTTP/1.1\r\nHost: api.example.com\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def mixed(sessions):
    """Sessions side by side, a packet of each in turn."""
    sessions = list(sessions)
    while sessions:
        alive = []
        for each in sessions:
            octets = next(each, None)
            if octets is not None:
                yield octets
                alive.append(each)
        sessions = alive


write("small", (udp(local(n % 1000), remote(n % 1000), 20000, 40000, bytes(18)) for n in range(50000)))
write("flows", (udp(local(n), remote(n * 7), 1024 + n, 40000, bytes(18)) for n in range(60000)))
write("tls", mixed(session(n, 443, [hello(b"api.example.com")] + [application(16000)] * 20) for n in range(100)))
write("json", mixed(session(n, 80, [post(60000)] * 4) for n in range(50)))
