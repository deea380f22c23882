//! What a lookup costs: once per flow, so that a million new flows a second leave a microsecond for everything.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)] // A test may fail.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use borderpost::geo::{GeoSettings, Locator, Override};
use borderpost::model::Memo;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Addresses that look random and are the same every time (SplitMix64).
fn addresses(count: usize, v6: bool) -> Vec<IpAddr> {
    let mut state = 0x0006_c622_7265_206f_u64;
    let mut next = move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let v4 = |bits: u64| IpAddr::V4(Ipv4Addr::from_bits(bits as u32));
    // Global unicast space as far as it is delegated: 2000::/3, mostly 2001::/16 and 2400::/12 to 2a00::/12.
    let v6_of = |bits: u64| {
        let high = [0x2001, 0x2400, 0x2600, 0x2800, 0x2a00, 0x2c00][(bits % 6) as usize] + ((bits >> 8) as u16 & 0xf);
        IpAddr::V6(Ipv6Addr::from_bits(u128::from(high) << 112 | u128::from(bits) << 48))
    };
    (0..count).map(|_| if v6 { v6_of(next()) } else { v4(next()) }).collect()
}

fn lookups(c: &mut Criterion) {
    let plain = Locator::load(&GeoSettings::default()).unwrap_or_else(|problems| panic!("{problems:?}"));
    let overrides = (0..50_000u32).map(|i| Override {
        prefix: ipnet::IpNet::new(Ipv4Addr::from_bits(i.wrapping_mul(85_899) & !0xff).into(), 24).unwrap_or_default(),
        location: "CN".parse().ok(),
        control: None,
        label: String::new(),
    });
    let settings = GeoSettings { overrides: overrides.collect(), ..GeoSettings::default() };
    let mut group = c.benchmark_group("locate");
    group.throughput(Throughput::Elements(1));
    for (name, v6, server) in
        [("v4", false, None), ("v6", true, None), ("v4, named", false, Some("open.larksuite.com"))]
    {
        let addresses = addresses(10_000, v6);
        let mut turn = addresses.iter().cycle();
        group.bench_function(name, |b| b.iter(|| turn.next().map(|addr| black_box(plain.locate(*addr, server)))));
    }
    // As flows come: one in ten to a server that was not met before, the others back to one of three hundred.
    let mut memo = Memo::default();
    let known = &addresses(300, false);
    let new = addresses(100_000, false);
    let mut turn = (0usize..).map(|n| if n % 10 == 0 { new[n / 10 % new.len()] } else { known[n * 7 % known.len()] });
    group.bench_function("judge with evidence, as flows come", |b| {
        b.iter(|| turn.next().map(|addr| black_box(memo.recall(addr, || Arc::new(plain.judge(addr, None, None))))));
    });
    let mut turn = addresses(300, false).into_iter().cycle();
    group.bench_function("judge with evidence, a server met before", |b| {
        b.iter(|| turn.next().map(|addr| black_box(memo.recall(addr, || Arc::new(plain.judge(addr, None, None))))));
    });
    let hot = IpAddr::V4(Ipv4Addr::new(223, 5, 5, 5));
    group.bench_function("one address", |b| b.iter(|| black_box(plain.locate(black_box(hot), None))));
    group.bench_function("evidence", |b| b.iter(|| black_box(plain.evidence(black_box(hot), Some("open.feishu.cn")))));
    group.bench_function("is_local", |b| b.iter(|| black_box(plain.is_local(black_box(hot)))));
    let overridden = Locator::load(&settings).unwrap_or_else(|problems| panic!("{problems:?}"));
    let addresses = addresses(10_000, false);
    let mut turn = addresses.iter().cycle();
    group.bench_function("v4, 50,000 overrides", |b| {
        b.iter(|| turn.next().map(|addr| black_box(overridden.locate(*addr, None))));
    });
    group.finish();
    c.bench_function("load", |b| b.iter(|| Locator::load(&GeoSettings::default()).is_ok()));
    c.bench_function("load 50,000 overrides", |b| b.iter(|| Locator::load(&settings).is_ok()));
}

criterion_group!(benches, lookups);
criterion_main!(benches);
