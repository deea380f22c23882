//! TLS as an onlooker sees it: a ClientHello with a name, a ServerHello, and records nobody can read.

/// A TLS 1.3 ClientHello record for `server_name` (RFC 8446, section 4.1.2).
pub fn client_hello(server_name: &str, seed: u64) -> Vec<u8> {
    let name = server_name.as_bytes();
    let mut sni = Vec::new();
    sni.extend((name.len() as u16 + 3).to_be_bytes());
    sni.push(0);
    sni.extend((name.len() as u16).to_be_bytes());
    sni.extend(name);
    let alpn = b"\0\x0c\x02h2\x08http/1.1";
    let mut share = vec![0, 36, 0, 29, 0, 32];
    share.extend(noise(32, seed ^ 7));
    let mut extensions = Vec::new();
    for (kind, body) in [
        (0u16, sni.as_slice()),
        (10, b"\0\x04\0\x1d\0\x17"),
        (13, b"\0\x06\x04\x03\x08\x04\x04\x01"),
        (16, alpn),
        (43, b"\x04\x03\x04\x03\x03"),
        (51, &share),
    ] {
        extensions.extend(kind.to_be_bytes());
        extensions.extend((body.len() as u16).to_be_bytes());
        extensions.extend(body);
    }
    let mut hello = vec![3, 3];
    hello.extend(noise(32, seed));
    hello.push(32);
    hello.extend(noise(32, seed ^ 1));
    hello.extend(b"\0\x06\x13\x01\x13\x02\x13\x03\x01\0");
    hello.extend((extensions.len() as u16).to_be_bytes());
    hello.extend(extensions);
    handshake(1, &hello)
}

/// A ServerHello record that selects TLS 1.3.
pub fn server_hello(seed: u64) -> Vec<u8> {
    let mut hello = vec![3, 3];
    hello.extend(noise(32, seed));
    hello.push(32);
    hello.extend(noise(32, seed ^ 1));
    hello.extend(b"\x13\x01\0\0\x06\0\x2b\0\x02\x03\x04");
    handshake(2, &hello)
}

fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![0x16, 3, 1];
    out.extend((body.len() as u16 + 4).to_be_bytes());
    out.push(kind);
    out.extend(&(body.len() as u32).to_be_bytes()[1..]);
    out.extend(body);
    out
}

/// An application data record with `len` octets of noise.
pub fn application_data(len: usize, seed: u64) -> Vec<u8> {
    let mut out = vec![0x17, 3, 3];
    out.extend((len as u16).to_be_bytes());
    out.extend(noise(len, seed));
    out
}

/// Octets that look random and are the same each time (splitmix64).
pub fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut out = Vec::with_capacity(len + 8);
    while out.len() < len {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        out.extend((z ^ (z >> 31)).to_le_bytes());
    }
    out.truncate(len);
    out
}
