//! Positions of a document, looked up in lists of areas. A latitude and a longitude that stand under keys of their own are one position
//! if they are in one record, or near each other where there are no records.

use super::WatchSet;
use super::area::Degrees;
use crate::model::{Confidence, DataClass, Finding, WatchHit};
use crate::scan::Catalogue;
use crate::scan::document::DocumentScan;
use crate::scan::value::{Digester, masked};

/// Octets between a latitude and a longitude outside records.
const APART_MAX: u64 = 200;

/// Positions of one block.
const POSITIONS_MAX: usize = 4096;

/// Score of a position that scores less as such: medium.
const ALONE: i16 = 60;

/// Name of what digests of positions are digests of.
const KIND: &str = "position";

/// What a signature finds of a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Axis {
    Latitude,
    Longitude,
    Pair,
}

impl Axis {
    pub(super) fn of(signature: &str) -> Option<Self> {
        Some(match signature {
            "lat-keyed" => Self::Latitude,
            "lon-keyed" => Self::Longitude,
            "latlon-pair" => Self::Pair,
            _ => return None,
        })
    }
}

/// A latitude or longitude that waits for the other.
pub(in crate::scan) struct Half {
    axis: Axis,
    degrees: Degrees,
    end: u64,
    record: Option<u32>,
}

/// Part of a position, or a whole one, in the block at hand.
struct Part {
    start: u64,
    end: u64,
    signature: u16,
    axis: Axis,
}

#[derive(Default)]
pub(super) struct Positions(Vec<Part>);

impl Positions {
    /// Takes note of what a pattern accepted: positions within the document's collected text.
    pub(super) fn candidate(&mut self, set: &WatchSet, signature: u16, start: u64, end: u64) {
        if let Some(Some(axis)) = set.axes.get(usize::from(signature)).copied()
            && self.0.len() < POSITIONS_MAX
        {
            self.0.push(Part { start, end, signature, axis });
        }
    }

    /// Looks a block's positions up, once its ordinary findings are settled. Returns the number found.
    pub(super) fn give_out(
        &mut self,
        set: &WatchSet,
        catalogue: &Catalogue,
        digester: &Digester,
        document: &mut DocumentScan,
        found: &mut dyn FnMut(Finding),
    ) -> u64 {
        self.0.sort_by_key(|part| (part.start, part.end, part.signature));
        self.0.dedup_by_key(|part| (part.start, part.end, part.signature));
        let mut count = 0;
        for part in self.0.drain(..) {
            let place = (part.start - document.base) as usize..(part.end - document.base) as usize;
            let value = document.text.get(place).unwrap_or_default();
            let positions = match part.axis {
                Axis::Pair => match Degrees::read_pair(value) {
                    Some((one, other)) => [Some((one, other)), Some((other, one))],
                    None => continue,
                },
                axis => {
                    let Some(degrees) = Degrees::read(value) else { continue };
                    let record = document.record_at(part.start);
                    let half = Half { axis, degrees, end: part.end, record };
                    match document.half.take().filter(|other| belong_together(other, &half, part.start)) {
                        Some(other) if axis == Axis::Longitude => [Some((other.degrees, degrees)), None],
                        Some(other) => [Some((degrees, other.degrees)), None],
                        None => {
                            document.half = Some(half);
                            continue;
                        }
                    }
                }
            };
            let Some((signature, _)) = catalogue.at(part.signature) else { continue };
            for list in &set.areas {
                let area = positions.iter().flatten().find_map(|(lat, lon)| list.areas.holding(*lat, *lon));
                let Some(area) = area else { continue };
                let same = document.pending.iter().filter(|p| p.start < part.end && p.end > part.start);
                let score = same.map(|p| p.score).max().unwrap_or(0).max(ALONE);
                let (offset, length) = document.source(part.start, part.end);
                let digest = digester.digest_normal(KIND, value);
                count += 1;
                found(Finding {
                    signature: list.signature.clone(),
                    class: DataClass::Geolocation,
                    confidence: Confidence(score.clamp(0, 100) as u8),
                    offset,
                    length,
                    masked: masked(value, signature.class),
                    watch: Some(WatchHit {
                        list: list.name.clone(),
                        label: Some(area.into()),
                        tag: digest.chars().take(8).collect(),
                    }),
                    digest,
                    field: document.field(part.start).map(|field| field.path.to_string()),
                    document: document.path.clone(),
                    test_value: false,
                    record: document.record_at(part.start),
                    subject: None,
                });
            }
        }
        count
    }
}

fn belong_together(one: &Half, other: &Half, start: u64) -> bool {
    let near = one.record.is_some() || start.saturating_sub(one.end) <= APART_MAX;
    one.axis != other.axis && one.record == other.record && near
}
