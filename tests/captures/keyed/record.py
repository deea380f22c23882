#!/usr/bin/env python3
"""Records tls.pcap and tls.pcap.keylog: real sessions of OpenSSL with their keys, made for this test alone.

Needs root (an address on the loopback interface, tcpdump), tcpdump and openssl. The client is 10.9.0.1, the server 203.0.113.5.
Each session posts a different synthetic social security number. Run it in a scratch directory and copy the two files.
"""

import os
import socket
import ssl
import subprocess
import threading
import time

CLIENT, SERVER = "10.9.0.1", "203.0.113.5"
NO_ENCRYPT_THEN_MAC = 1 << 19
KEYLOG = "tls.pcap.keylog"

# Name, cipher (TLS 1.2) or None (TLS 1.3), options.
SESSIONS = [
    ("cbc-sha256-etm", "ECDHE-ECDSA-AES128-SHA256", 0),
    ("cbc-sha256", "ECDHE-ECDSA-AES128-SHA256", NO_ENCRYPT_THEN_MAC),
    ("cbc-sha384", "ECDHE-ECDSA-AES256-SHA384", NO_ENCRYPT_THEN_MAC),
    ("cbc-sha1", "ECDHE-ECDSA-AES128-SHA", NO_ENCRYPT_THEN_MAC),
    ("cbc-sha1-256-etm", "ECDHE-ECDSA-AES256-SHA", 0),
    ("gcm-128", "ECDHE-ECDSA-AES128-GCM-SHA256", 0),
    ("gcm-256", "ECDHE-ECDSA-AES256-GCM-SHA384", 0),
    ("chacha", "ECDHE-ECDSA-CHACHA20-POLY1305", 0),
    ("tls13", None, 0),
]


def request(number, name, ssn):
    body = '{"name": "Alex Sample", "ssn": "%s", "session": "%s"}' % (ssn, name)
    return (
        f"POST /intake/{number} HTTP/1.1\r\nHost: {name}.example.com\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def serve(context, listener):
    connection, _ = listener.accept()
    with context.wrap_socket(connection, server_side=True) as tls:
        received = b""
        while b'"}' not in received:
            received += tls.recv(65536)
        tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        tls.recv(1)


def session(number, name, cipher, options):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain("cert.pem", "key.pem")
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client.keylog_filename = KEYLOG
    for context in (server, client):
        context.options |= options
        if cipher:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(cipher + ":@SECLEVEL=0")
        else:
            context.minimum_version = ssl.TLSVersion.TLSv1_3
    with socket.create_server((SERVER, 8443)) as listener:
        thread = threading.Thread(target=serve, args=(server, listener))
        thread.start()
        raw = socket.create_connection((SERVER, 8443), source_address=(CLIENT, 0))
        with client.wrap_socket(raw, server_hostname=f"{name}.example.com") as tls:
            tls.sendall(request(number, name, f"899-45-67{number:02}"))
            tls.recv(65536)
        thread.join()


def updated_session(number):
    """TLS 1.3 with ChaCha20-Poly1305 and a KeyUpdate (the command K of s_client, which also asks the server for one)."""
    server = subprocess.Popen(
        ["openssl", "s_server", "-accept", f"{SERVER}:8443", "-cert", "cert.pem", "-key", "key.pem", "-quiet", "-naccept", "1",
         "-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"],
        stdin=subprocess.PIPE,
    )
    time.sleep(0.5)
    client = subprocess.Popen(
        ["openssl", "s_client", "-connect", f"{SERVER}:8443", "-bind", f"{CLIENT}:0", "-servername", "update.example.com",
         "-keylogfile", KEYLOG, "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(0.5)
    for part in (b"K\n", request(number, "update", f"899-45-67{number:02}"), b"K\n", b"after the second update\n"):
        client.stdin.write(part)
        client.stdin.flush()
        time.sleep(0.3)
    server.stdin.write(b"HTTP/1.1 204 No Content\r\n\r\n")
    server.stdin.flush()
    time.sleep(0.3)
    client.stdin.write(b"Q\n")
    client.stdin.close()
    client.wait()
    server.terminate()
    server.wait()


def main():
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=t", "-days",
         "9999", "-keyout", "key.pem", "-out", "cert.pem"],
        check=True, stderr=subprocess.DEVNULL,
    )
    for address in (CLIENT, SERVER):
        subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=False)
    if os.path.exists(KEYLOG):
        os.remove(KEYLOG)
    dump = subprocess.Popen(["tcpdump", "-i", "lo", "-U", "-w", "tls.pcap", "-Z", "root", "tcp port 8443"])
    time.sleep(1)
    try:
        for number, (name, cipher, options) in enumerate(SESSIONS, start=11):
            session(number, name, cipher, options)
        updated_session(11 + len(SESSIONS))
    finally:
        time.sleep(1)
        dump.terminate()
        dump.wait()
        for address in (CLIENT, SERVER):
            subprocess.run(["ip", "address", "del", f"{address}/32", "dev", "lo"], check=False)


main()
