//! Lists of areas: positions that lie in a listed area are found, as the lists of government locations of 28 CFR 202.1401 ask.
//!
//! ```text
//! # One area a row: what it is called, then the corners of its outline in degrees, latitude first.
//! area,latitude,longitude,latitude,longitude,latitude,longitude
//! 17,38.8730,-77.0600,38.8730,-77.0510,38.8680,-77.0510,38.8680,-77.0600
//! ```
//!
//! A written position is a cell: `38.87` is all that rounds to it, 0.005 degrees either way (some 550 m). It lies in an area if the cell
//! meets the area. Pairs are read with the latitude first and, since GeoJSON writes it so (RFC 7946, section 3.1.1), last.

use hashbrown::HashMap;

use crate::model::Problem;

/// Areas of one list.
const AREAS_MAX: usize = 100_000;

/// Corners of one area.
const CORNERS_MAX: usize = 1000;

/// Degrees that an area may span either way: what is larger is a country, or a corner with its numbers swapped.
const SPAN_MAX: f64 = 5.0;

/// Octets of a list's file.
pub const AREA_FILE_OCTETS_MAX: u64 = 64 << 20;

/// Octets of what an area is called.
const NAME_OCTETS_MAX: usize = 64;

/// A point: latitude and longitude in degrees.
type Point = (f64, f64);

/// A number of degrees as written: everything that rounds to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Degrees {
    from: f64,
    to: f64,
}

impl Degrees {
    /// Reads a decimal number of degrees.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?.trim();
        let value: f64 = text.parse().ok().filter(|value: &f64| value.abs() <= 180.0)?;
        let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        let half = 0.5 * 10f64.powi(-i32::try_from(decimals).ok()?);
        Some(Self { from: value - half, to: value + half })
    }

    /// Reads a pair of numbers, in the order written.
    pub(super) fn read_pair(text: &[u8]) -> Option<(Self, Self)> {
        let is_number = |b: &u8| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.');
        let mut numbers = text.split(|b| !is_number(b)).filter(|number| !number.is_empty());
        Some((Self::read(numbers.next()?)?, Self::read(numbers.next()?)?))
    }

    const fn meets(self, from: f64, to: f64) -> bool {
        self.from <= to && from <= self.to
    }
}

struct Area {
    name: Box<str>,
    corners: Box<[Point]>,
    /// The least and the greatest latitude and longitude.
    bounds: (Point, Point),
}

impl Area {
    fn meets(&self, latitude: Degrees, longitude: Degrees) -> bool {
        let ((south, west), (north, east)) = self.bounds;
        if !latitude.meets(south, north) || !longitude.meets(west, east) {
            return false;
        }
        let within = |&(lat, lon): &Point| latitude.meets(lat, lat) && longitude.meets(lon, lon);
        self.corners.iter().any(within)
            || self.holds((latitude.from, longitude.from))
            || self.edges().any(|edge| crosses(edge, latitude, longitude))
    }

    fn edges(&self) -> impl Iterator<Item = (Point, Point)> {
        self.corners.iter().copied().zip(self.corners.iter().copied().cycle().skip(1))
    }

    /// Whether a point lies within the outline, by the even-odd rule.
    fn holds(&self, (lat, lon): Point) -> bool {
        let passed = self.edges().filter(|&((lat_a, lon_a), (lat_b, lon_b))| {
            (lat_a > lat) != (lat_b > lat) && lon < (lon_b - lon_a) * (lat - lat_a) / (lat_b - lat_a) + lon_a
        });
        passed.count() % 2 == 1
    }
}

/// Whether an edge passes through a cell: clipped to it, something is left (Liang and Barsky, 1984).
fn crosses(((lat_a, lon_a), (lat_b, lon_b)): (Point, Point), latitude: Degrees, longitude: Degrees) -> bool {
    let (mut enters, mut leaves) = (0f64, 1f64);
    for (a, b, cell) in [(lat_a, lat_b, latitude), (lon_a, lon_b, longitude)] {
        let way = b - a;
        if way == 0.0 {
            if !cell.meets(a, a) {
                return false;
            }
            continue;
        }
        let (one, other) = ((cell.from - a) / way, (cell.to - a) / way);
        enters = enters.max(one.min(other));
        leaves = leaves.min(one.max(other));
    }
    enters <= leaves
}

/// The areas of one list, found by the square degrees they lie in.
pub(super) struct Areas {
    areas: Vec<Area>,
    by_degree: HashMap<(i16, i16), Vec<u32>>,
}

/// Whole degrees from one to another.
fn whole(from: f64, to: f64) -> std::ops::RangeInclusive<i16> {
    from.floor() as i16..=to.floor() as i16
}

impl Areas {
    /// Reads a list.
    ///
    /// # Errors
    /// Every row that is no area, with its line.
    pub(super) fn read(file: &str, octets: &[u8]) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut list = Self { areas: Vec::new(), by_degree: HashMap::new() };
        let mut rows = csv::ReaderBuilder::new()
            .comment(Some(b'#'))
            .has_headers(false)
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(octets);
        for (at, row) in rows.records().enumerate() {
            let row = match row {
                Ok(row) => row,
                Err(error) => {
                    problems.push(Problem::file(file, error.to_string()));
                    break;
                }
            };
            let line = row.position().map_or(0, csv::Position::line) as usize;
            let is_header = at == 0 && row.iter().skip(1).all(|cell| cell.parse::<f64>().is_err());
            if is_header {
                continue;
            }
            if list.areas.len() >= AREAS_MAX {
                problems.push(Problem::line(file, line, format!("more than {AREAS_MAX} areas")));
                break;
            }
            match area(&row) {
                Ok(area) => list.add(area),
                Err(what) => problems.push(Problem::line(file, line, what)),
            }
        }
        if problems.is_empty() && list.areas.is_empty() {
            problems.push(Problem::file(file, "it lists no area"));
        }
        if problems.is_empty() { Ok(list) } else { Err(problems) }
    }

    fn add(&mut self, area: Area) {
        let number = u32::try_from(self.areas.len()).unwrap_or(u32::MAX);
        let ((south, west), (north, east)) = area.bounds;
        for latitude in whole(south, north) {
            for longitude in whole(west, east) {
                self.by_degree.entry((latitude, longitude)).or_default().push(number);
            }
        }
        self.areas.push(area);
    }

    /// What the first area that a position lies in is called.
    pub(super) fn holding(&self, latitude: Degrees, longitude: Degrees) -> Option<&str> {
        let degrees = whole(latitude.from, latitude.to)
            .flat_map(|lat| whole(longitude.from, longitude.to).map(move |lon| (lat, lon)));
        let near = degrees.filter_map(|degree| self.by_degree.get(&degree)).flatten();
        let areas = near.filter_map(|&number| Some((number, self.areas.get(number as usize)?)));
        let holding = areas.filter(|(_, area)| area.meets(latitude, longitude));
        holding.min_by_key(|(number, _)| *number).map(|(_, area)| &*area.name)
    }

    pub(super) fn count(&self) -> usize {
        self.areas.len()
    }

    pub(super) fn held_bytes(&self) -> usize {
        let of = |area: &Area| size_of::<Area>() + area.name.len() + size_of_val(&*area.corners);
        let places: usize = self.by_degree.values().map(|numbers| numbers.capacity() * 4 + 32).sum();
        self.areas.iter().map(of).sum::<usize>() + places
    }
}

/// A row of the file.
fn area(row: &csv::StringRecord) -> Result<Area, String> {
    let name = row.get(0).unwrap_or_default();
    if name.is_empty() || name.len() > NAME_OCTETS_MAX || name.chars().any(char::is_control) {
        return Err(format!("an area is called something, in at most {NAME_OCTETS_MAX} octets"));
    }
    // A cell is a number, or a point: `38.8730, -77.0600`.
    let cells = row.iter().skip(1).flat_map(|cell| cell.split([',', ';', ' '])).filter(|cell| !cell.is_empty());
    let mut numbers = Vec::new();
    for cell in cells {
        let number = cell.parse::<f64>().ok().filter(|number| number.is_finite());
        numbers.push(number.ok_or("a corner is a latitude and a longitude in decimal degrees")?);
    }
    let (pairs, rest) = numbers.as_chunks::<2>();
    if !rest.is_empty() {
        return Err("the last corner has no longitude".to_owned());
    }
    if !(3..=CORNERS_MAX).contains(&pairs.len()) {
        return Err(format!("an area has 3 to {CORNERS_MAX} corners, not {}", pairs.len()));
    }
    let corners: Box<[Point]> = pairs.iter().map(|&[latitude, longitude]| (latitude, longitude)).collect();
    if corners.iter().any(|(latitude, longitude)| latitude.abs() > 90.0 || longitude.abs() > 180.0) {
        return Err("a latitude is at most 90 degrees, a longitude 180: latitude comes first".to_owned());
    }
    let least = |of: fn(&Point) -> f64| corners.iter().map(of).fold(f64::INFINITY, f64::min);
    let greatest = |of: fn(&Point) -> f64| corners.iter().map(of).fold(f64::NEG_INFINITY, f64::max);
    let bounds = ((least(|p| p.0), least(|p| p.1)), (greatest(|p| p.0), greatest(|p| p.1)));
    let ((south, west), (north, east)) = bounds;
    if north - south > SPAN_MAX || east - west > SPAN_MAX {
        return Err(format!("it spans more than {SPAN_MAX} degrees: an area across the date line is two"));
    }
    Ok(Area { name: name.into(), corners, bounds })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn degrees(text: &str) -> Degrees {
        Degrees::read(text.as_bytes()).unwrap()
    }

    const LIST: &str = "# made up\narea,latitude,longitude\n\
        square,38.8730,-77.0600,38.8730,-77.0510,38.8680,-77.0510,38.8680,-77.0600\n\
        \"hook\",\"10.0, 20.0\",\"10.0, 20.3\",\"10.1, 20.3\",\"10.1, 20.1\",\"10.3, 20.1\",\"10.3, 20.0\"\n";

    #[test]
    fn a_position_is_a_cell_that_meets_an_area() {
        let areas = Areas::read("list.csv", LIST.as_bytes()).map_err(|p| format!("{p:?}")).unwrap();
        assert_eq!(areas.count(), 2);
        for (latitude, longitude, expected) in [
            ("38.8700", "-77.0550", Some("square")),
            ("38.87", "-77.06", Some("square")),
            ("38.8740", "-77.0550", None),
            ("38.87", "-77.07", None),
            // Rounded, it may be inside; written to more places, it is not.
            ("38.88", "-77.055", None),
            ("38.875", "-77.055", None),
            ("38.8732", "-77.0550", None),
            ("38.873", "-77.0550", Some("square")),
            ("10.05", "20.25", Some("hook")),
            ("10.25", "20.05", Some("hook")),
            ("10.1500", "20.1500", None),
            ("10.1", "20.1", Some("hook")),
            ("10", "20", Some("hook")),
            ("-38.87", "-77.06", None),
        ] {
            assert_eq!(areas.holding(degrees(latitude), degrees(longitude)), expected, "{latitude} {longitude}");
        }
    }

    #[test]
    fn a_cell_as_large_as_the_area_or_larger_holds_it() {
        let areas =
            Areas::read("l", b"a,50.001,8.001,50.001,8.002,50.002,8.002,50.002,8.001").unwrap_or_else(|_| panic!());
        assert_eq!(areas.holding(degrees("50.0"), degrees("8.0")), Some("a"));
        assert_eq!(areas.holding(degrees("50.0015"), degrees("8.0015")), Some("a"));
        // An edge passes through, no corner is inside and the cell's corners are outside.
        let areas = Areas::read("l", b"a,50,8,51,9,51,9.01").unwrap_or_else(|_| panic!());
        assert_eq!(areas.holding(degrees("50.5"), degrees("8.5")), Some("a"));
    }

    #[test]
    fn what_is_no_area_is_told_with_its_line() {
        let text = "area,lat,lon\n1,1,2,3,4\n2,1,2,3,4,5\n,1,2,3,4,5,6\n4,91,2,3,4,5,6\n5,1,2,9,4,5,6\n6,1,2,x,4,5,6\n7,1,2,1.1,2,1,2.1\n";
        let problems = Areas::read("list.csv", text.as_bytes()).err().unwrap();
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(lines.len(), 6, "{lines:#?}");
        for (line, problem) in (2..8).zip(&lines) {
            assert!(problem.contains(&format!("list.csv:{line}")), "{problem}");
        }
        assert!(Areas::read("l", b"# nothing\n").is_err());
        assert!(Areas::read("l", b"a,1,2,NaN,4,5,6").is_err());
    }

    #[test]
    fn pairs_are_read_as_written() {
        let pair = Degrees::read_pair(b"38.8700\", \"-77.0550").unwrap();
        assert_eq!(pair, (degrees("38.8700"), degrees("-77.0550")));
        assert_eq!(Degrees::read_pair(b"38.8700"), None);
    }
}
