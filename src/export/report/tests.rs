//! Names come from the network: none may become markup, and the register stays within its bound.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::*;
use crate::model::{AppProto, Destination, Event, EventBody, FlowView, Initiator, Inspection, NameSource, Scope};

fn flow(from: u32, name: &str) -> Arc<FlowView> {
    let destination = Destination {
        location: Country::UNKNOWN,
        control: Country::UNKNOWN,
        claimed: None,
        asn: None,
        as_org: Some("<i>Org & Sons</i>".into()),
        operator: None,
        evidence: Vec::new(),
    };
    Arc::new(FlowView {
        flow_id: 0,
        community_id: "".into(),
        scope: Scope::Egress,
        proto: 6,
        src: (IpAddr::V4(Ipv4Addr::from_bits(from)), 1),
        dest: (IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 443),
        initiator: Some(Initiator::Local),
        capture: 0,
        vlan: 0,
        tunnel: None,
        app_proto: AppProto::Unknown,
        server_name: Some((name.into(), NameSource::TlsSni)),
        ja4: None,
        ech: false,
        packets_out: 1,
        bytes_out: 100,
        packets_in: 0,
        bytes_in: 0,
        first: Timestamp::from_nanos(0),
        last: Timestamp::from_nanos(0),
        destination: Arc::new(destination),
        inspection: Inspection::default(),
        verdict: Verdict::Allowed,
        persons: 0,
    })
}

fn render(register: &Register) -> String {
    let counts = Counts::default();
    let nothing = ReportInput {
        captures: &[],
        counts: &counts,
        register,
        policies: &[],
        notices: &["a <b>notice</b>".to_owned()],
        attribution: &[],
    };
    render_report(&nothing)
}

#[test]
fn hostile_names_stay_text() {
    let mut register = Register::default();
    let hostile = "\"><script>alert('x')</script>\u{202e}\u{0}&amp;";
    register.note(&Event { time: Timestamp::from_nanos(0), flow: Some(flow(1, hostile)), body: EventBody::Flow });
    let html = render(&register);
    assert!(!html.contains("<script") && !html.contains("<i>") && !html.contains("<b>notice"), "{html}");
    assert!(
        html.contains("&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;U+202E\u{fffd}&amp;amp;"),
        "{html}"
    );
}

#[test]
fn past_the_bound_transfers_are_summed() {
    let mut register = Register::default();
    for from in 0..10_007 {
        let flow = flow(from, "example.net");
        register.note(&Event { time: Timestamp::from_nanos(0), flow: Some(flow), body: EventBody::Flow });
    }
    assert_eq!(register.rows.len(), 10_000);
    assert!(render(&register).contains("Past the bound of this register: 7 flows with 700 B"));
}
