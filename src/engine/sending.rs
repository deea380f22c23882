//! Tells what egress flows send and how much of it nobody could read, for the rules of policy that suspect by volume and shape. Told
//! in steps: at the end of a flow, when a UTC day of packet time ends, and whenever enough octets came together.

use super::judge::Judge;
use super::live::{Live, ends, local_addr, view};
use super::tally::{LaneEvent, Sent};
use crate::flow::FlowRecord;
use crate::model::{Direction, Scope, Timestamp};
use crate::policy::Sending;

/// Octets after which a flow that goes on is told of, at least and at most; between them an eighth of what the most impatient rule
/// waits for.
const STEP_BYTES: std::ops::RangeInclusive<u64> = (64 << 10)..=(1 << 20);
const NANOS_PER_DAY: u64 = 86_400 * 1_000_000_000;

/// What of a flow was told already.
#[derive(Default)]
pub(super) struct Told {
    day: u64,
    unread: u64,
    bytes_out: u64,
    bytes_in: u64,
}

const fn day(time: Timestamp) -> u64 {
    time.nanos() / NANOS_PER_DAY
}

impl Judge {
    /// Looks whether there is something to tell, after an outbound packet of `bytes` octets was counted.
    pub(super) fn note_sent(&mut self, flow: &FlowRecord, out: Direction, live: &mut Live, bytes: u64) {
        let Some(least) = self.rules.policy.least_suspected() else { return };
        let step = (least / 8).clamp(*STEP_BYTES.start(), *STEP_BYTES.end());
        let sent = flow.bytes[out.index()];
        let today = day(flow.last);
        let told = live.told.get_or_insert_with(|| Box::new(Told { day: today, ..Told::default() }));
        if told.day != today {
            // What came before this packet was sent on the day that ended.
            self.tell_sent(flow, out, live, sent.saturating_sub(bytes));
            live.told.get_or_insert_default().day = today;
        } else if sent.saturating_sub(told.bytes_out) >= step {
            self.tell_sent(flow, out, live, sent);
        }
    }

    /// Tells what a flow sent since the last time, up to `sent` octets.
    pub(super) fn tell_sent(&mut self, flow: &FlowRecord, out: Direction, live: &mut Live, sent: u64) {
        if self.rules.policy.least_suspected().is_none() || sent == 0 {
            return;
        }
        self.judge_as_a_whole(flow, out, live);
        let Some(judged) = live.judged.as_deref() else { return };
        let to = judged.to();
        let rules = self.rules.policy.suspecting(&Sending {
            time: flow.last,
            location: to.location,
            control: to.control,
            service_class: judged.place.service_class.as_deref(),
            ends: ends(flow, out, &judged.place),
        });
        let unread = live.unread.by_reason(sent).iter().map(|(_, octets)| octets).sum::<u64>();
        let received = flow.bytes[out.reverse().index()];
        let today = day(flow.last);
        let told = live.told.get_or_insert_with(|| Box::new(Told { day: today, ..Told::default() }));
        // Octets that were thought lost may turn out to be readable: what was told stays told.
        let upto = Told {
            day: told.day,
            unread: unread.max(told.unread),
            bytes_out: sent.max(told.bytes_out),
            bytes_in: received,
        };
        let before = std::mem::replace(&mut **told, upto);
        let fresh = Sent {
            rules,
            day: u16::try_from(before.day).unwrap_or(u16::MAX),
            time: self.now(),
            sender: local_addr(flow, out),
            to,
            unread: unread.saturating_sub(before.unread),
            bytes_out: sent.saturating_sub(before.bytes_out),
            bytes_in: received.saturating_sub(before.bytes_in),
            view: None,
        };
        if fresh.rules.is_empty() || fresh.bytes_out == 0 {
            return;
        }
        let view = view(flow, Scope::Egress, out, live, &self.now());
        self.say(LaneEvent::Sent(Box::new(Sent { view: Some(view.into()), ..fresh })));
    }
}
