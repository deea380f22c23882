//! The speed of light as a witness: a reply cannot come from farther away than light travels in half its time. It vetoes, never
//! proves: whatever stands between may answer early, and paths are longer than lines.
//!
//! Bound: light in vacuum, as microwave links and satellites beat fibre (services reference, section 6). Outlines: Natural Earth,
//! 1:50m, thinned to 0.1 degrees (geoip/outlines). A country reaches as far as its nearest point; distances are taken too short
//! rather than too long by [`MARGIN_KM`] and half a percent, so that no country is ruled out by a rounded coast.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::{Countries, Country, Site};

const OUTLINES: &[u8] = include_bytes!("../../geoip/outlines.bin");

/// Kilometres that a round trip of a millisecond spans at most, one way: half of 299,792.458 km/s.
pub(super) const KM_PER_MS: f64 = 149.896_229;
/// Mean radius of the earth, IUGG. The ellipsoid differs from the sphere by up to half a percent.
const EARTH_KM: f64 = 6371.0088;
const ELLIPSOID: f64 = 0.995;
/// Generalised coasts (1:50m), thinning (11 km) and steps along a line (14 km).
const MARGIN_KM: f64 = 50.0;
/// Longest step along a line of an outline, degrees.
const STEP_DEGREES: f64 = 0.25;

/// How far each country is from one place, at least.
pub(super) struct Light {
    km: BTreeMap<Country, f64>,
}

impl Light {
    /// Measures all countries from a place. Takes a few milliseconds.
    pub(super) fn new(site: Site) -> Self {
        let mut nearest: BTreeMap<Country, (f64, bool)> = BTreeMap::new();
        let mut rest = OUTLINES;
        while let Some((country, ring, after)) = next_ring(rest) {
            rest = after;
            let (km, inside) = nearest.entry(country).or_insert((f64::MAX, false));
            for (from, to) in lines(ring) {
                *km = km.min(distance_to_line(site, from, to));
                // Even-odd rule: a hole is a second crossing.
                *inside ^= is_crossed(site, from, to);
            }
        }
        let bounded = |(km, inside): (f64, bool)| if inside { 0.0 } else { (km * ELLIPSOID - MARGIN_KM).max(0.0) };
        Self { km: nearest.into_iter().map(|(country, measured)| (country, bounded(measured))).collect() }
    }

    /// The least distance of a country in kilometres; `None` for one without an outline.
    pub(super) fn km(&self, country: Country) -> Option<f64> {
        self.km.get(&country).copied()
    }

    /// Every country that something can have answered from within `round_trip`. What has no outline could be anywhere.
    pub(super) fn feasible(&self, round_trip: Duration) -> Countries {
        let reach = reach_km(round_trip);
        let mut left = Countries::assigned();
        self.km.iter().filter(|(_, km)| **km > reach).for_each(|(country, _)| left.remove(*country));
        left
    }

    /// Whether nothing in a country can have answered within `round_trip`. What has no outline could be anywhere.
    pub(super) fn rules_out(&self, country: Country, round_trip: Duration) -> bool {
        self.km(country).is_some_and(|km| km > reach_km(round_trip))
    }
}

/// How far away whoever answered within `round_trip` can be, in kilometres.
pub(super) fn reach_km(round_trip: Duration) -> f64 {
    round_trip.as_secs_f64() * 1000.0 * KM_PER_MS
}

type Ring<'a> = &'a [[u8; 4]];

fn next_ring(octets: &[u8]) -> Option<(Country, Ring<'_>, &[u8])> {
    let (&[a, b, low, high], rest) = octets.split_first_chunk::<4>()?;
    let (points, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes([low, high])) * 4)?;
    Some((Country::new(a, b)?, points.as_chunks().0, rest))
}

/// The lines of a ring, longitude and latitude in degrees; the last point leads back to the first.
fn lines(ring: Ring<'_>) -> impl Iterator<Item = ((f64, f64), (f64, f64))> + '_ {
    let degrees = |&[a, b, c, d]: &[u8; 4]| {
        (f64::from(i16::from_le_bytes([a, b])) / 100.0, f64::from(i16::from_le_bytes([c, d])) / 100.0)
    };
    let next = ring.iter().cycle().skip(1);
    ring.iter().zip(next).map(move |(from, to)| (degrees(from), degrees(to)))
}

/// Outlines run straight on the map, not on the globe: a border along a parallel is one. A line that seems to go around the globe
/// crosses the antimeridian.
fn distance_to_line(site: Site, (x0, y0): (f64, f64), (x1, y1): (f64, f64)) -> f64 {
    let dx = around(x1 - x0);
    let steps = (dx.abs().max((y1 - y0).abs()) / STEP_DEGREES).ceil().max(1.0);
    let mut nearest = f64::MAX;
    let mut step = 0.0;
    while step <= steps {
        let along = step / steps;
        nearest = nearest.min(distance_km(site, x0 + dx * along, y0 + (y1 - y0) * along));
        step += 1.0;
    }
    nearest
}

/// A difference of longitudes the short way, -180 to 180.
fn around(degrees: f64) -> f64 {
    degrees - 360.0 * (degrees / 360.0).round()
}

/// Great circle, haversine formula.
fn distance_km(site: Site, longitude: f64, latitude: f64) -> f64 {
    let (from, to) = (site.latitude.to_radians(), latitude.to_radians());
    let (dy, dx) = (to - from, (longitude - site.longitude).to_radians());
    let half = (dy / 2.0).sin().powi(2) + from.cos() * to.cos() * (dx / 2.0).sin().powi(2);
    2.0 * EARTH_KM * half.sqrt().min(1.0).asin()
}

/// Whether the way from the site due north, to a pole that is in no country, crosses a line.
fn is_crossed(site: Site, (x0, y0): (f64, f64), (x1, y1): (f64, f64)) -> bool {
    let (west, east) = (around(x0 - site.longitude), around(x1 - site.longitude));
    // Ends on both sides of the meridian, and not of the antimeridian.
    (west > 0.0) != (east > 0.0)
        && (east - west).abs() < 180.0
        && y0 + (y1 - y0) * (-west / (east - west)) > site.latitude
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASHBURN: Site = Site { latitude: 39.04, longitude: -77.49 };
    const SINGAPORE: Site = Site { latitude: 1.35, longitude: 103.82 };
    const FRANKFURT: Site = Site { latitude: 50.11, longitude: 8.68 };
    const ANADYR: Site = Site { latitude: 64.73, longitude: 177.51 };
    const CHUKOTKA_EAST: Site = Site { latitude: 66.5, longitude: -172.0 };
    const SUVA: Site = Site { latitude: -18.14, longitude: 178.44 };

    fn country(code: &str) -> Country {
        code.parse().unwrap()
    }

    fn ms(ms: f64) -> Duration {
        Duration::from_secs_f64(ms / 1000.0)
    }

    /// Cities in the reference are farther than the nearest point of their countries.
    #[test]
    fn distances_are_those_of_the_map() {
        for (site, code, least, most) in [
            (ASHBURN, "US", 0.0, 0.0),
            (ASHBURN, "CN", 9_000.0, 11_124.0),
            (ASHBURN, "RU", 4_500.0, 7_830.0),
            (ASHBURN, "CU", 1_550.0, 1_830.0),
            (ASHBURN, "CA", 200.0, 536.0),
            (ASHBURN, "GB", 5_000.0, 5_917.0),
            (ASHBURN, "SG", 15_300.0, 15_522.0),
            (SINGAPORE, "SG", 0.0, 0.0),
            (SINGAPORE, "MY", 0.0, 18.0),
            (SINGAPORE, "CN", 1_700.0, 2_586.0),
            (FRANKFURT, "CH", 150.0, 305.0),
            (FRANKFURT, "DE", 0.0, 0.0),
            (ANADYR, "RU", 0.0, 0.0),
            (CHUKOTKA_EAST, "RU", 0.0, 0.0),
            (CHUKOTKA_EAST, "US", 50.0, 300.0),
            (CHUKOTKA_EAST, "CN", 2_500.0, 4_000.0),
            (SUVA, "FJ", 0.0, 0.0),
            (SUVA, "NZ", 1_200.0, 2_200.0),
        ] {
            let km = Light::new(site).km(country(code)).unwrap();
            assert!((least..=most).contains(&km), "{code} from {site:?}: {km} km");
        }
    }

    /// The row has Canada among what 2 ms leave; by the constants of the services reference its nearest point needs 2.5, Toronto 3.6.
    #[test]
    fn row_12_of_the_transfer_reference() {
        let light = Light::new(ASHBURN);
        for (code, ruled_out) in [("CN", true), ("RU", true), ("IR", true), ("KP", true), ("US", false), ("ZZ", false)]
        {
            assert_eq!(light.rules_out(country(code), ms(2.0)), ruled_out, "{code}");
        }
        assert!(!light.rules_out(country("CA"), ms(3.6)) && light.rules_out(country("CN"), ms(3.6)));
    }

    #[test]
    fn what_the_reference_calls_possible_is() {
        let light = Light::new(ASHBURN);
        assert!(light.rules_out(country("CN"), ms(3.0)));
        assert!(!light.rules_out(country("CN"), ms(74.2)));
        assert!(!light.rules_out(country("US"), ms(190.0)), "far is suspicious, no proof");
        let here = Light::new(SINGAPORE);
        let left: Vec<_> =
            ["SG", "MY", "ID", "TH", "CN"].iter().filter(|c| !here.rules_out(country(c), ms(0.4))).collect();
        assert_eq!(left, [&"SG", &"MY", &"ID"]);
    }

    #[test]
    fn every_outline_is_of_a_country_and_whole() {
        let mut rest = OUTLINES;
        let mut points = 0;
        while let Some((_, ring, after)) = next_ring(rest) {
            points += ring.len();
            rest = after;
        }
        assert!(rest.is_empty() && points > 10_000);
        let light = Light::new(ASHBURN);
        let missing: Vec<&str> = crate::model::ISO_3166_ALPHA_2
            .split_ascii_whitespace()
            .filter(|code| light.km(country(code)).is_none())
            .collect();
        // Parts of others on the map of Natural Earth, or too small for it: never ruled out.
        assert_eq!(missing, ["BQ", "BV", "CC", "CX", "GF", "GI", "GP", "MQ", "RE", "SJ", "TK", "TV", "UM", "YT"]);
    }
}
