//! Making a watch file from records. Values are tagged as they come and not kept.

use super::file::{FIELDS_MAX, Header, LABEL_OCTETS_MAX, LOG2_MAX, Primary, Row, Secondary, is_list_name, write};
use super::form::{Form, TOKEN_OCTETS_MIN};
use super::key::{RowTag, Tag, Tagger, WatchKey};
use super::{TEXT, TOKEN, family, head_of};
use crate::model::DataClass;
use crate::scan::Catalogue;
use crate::scan::pattern::{PATTERN_STATES_MAX, parse};
use crate::scan::table::Table;

/// Rows that a problem is shown for.
const ROWS_SHOWN: usize = 5;

/// What a list is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchSpec {
    /// Name of the list: small letters, digits and `-`.
    pub list: String,
    /// Counts up with each renewal; a sensor accepts two at a time.
    pub epoch: u32,
    /// Whether the rows are made up to be found.
    pub canary: bool,
    /// Columns that each find a row alone, with their type: a signature id or `token`.
    pub primaries: Vec<(String, String)>,
    /// Columns that make a row sure, with their type: a signature id or `text`.
    pub secondaries: Vec<(String, String)>,
    /// Column that names the row in alerts.
    pub label: Option<String>,
}

/// What became of the rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildCounts {
    /// Rows with at least one primary value.
    pub rows: u64,
    /// Primary values tagged.
    pub values: u64,
    /// Rows without any usable primary value: they are not in the list.
    pub empty_rows: u64,
    /// Primary values that no pattern of their type accepts, so that they will never be looked up.
    pub unfindable: u64,
    /// The first rows of those, from 1.
    pub unfindable_rows: Vec<u64>,
}

struct Column<F> {
    at: usize,
    field: F,
}

/// Takes rows in, gives a file out.
pub struct WatchBuilder {
    tagger: Tagger,
    header: Header,
    primaries: Vec<Column<Vec<Table>>>,
    secondaries: Vec<Column<()>>,
    label: Option<usize>,
    entries: Vec<(Tag, u32)>,
    rows: Vec<Row>,
    seen: u64,
    counts: BuildCounts,
}

impl WatchBuilder {
    /// A list that begins. `columns` are the names of the columns of the rows to come.
    ///
    /// # Errors
    /// Everything that is wrong with the specification, one sentence each.
    pub fn new(catalogue: &Catalogue, key: &WatchKey, spec: &WatchSpec, columns: &[&str]) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        if !is_list_name(&spec.list) {
            problems.push(format!("{:?} cannot name a list: small letters, digits and `-`, at most 48", spec.list));
        }
        if spec.primaries.is_empty() {
            problems.push("a list needs at least one primary column".to_owned());
        }
        if spec.primaries.len() > FIELDS_MAX || spec.secondaries.len() > FIELDS_MAX {
            problems.push(format!("a list has at most {FIELDS_MAX} primary and {FIELDS_MAX} secondary columns"));
        }
        let mut column = |name: &str| {
            let at = columns.iter().position(|column| *column == name);
            if at.is_none() {
                problems.push(format!("there is no column {name:?}; there are {}", columns.join(", ")));
            }
            at.unwrap_or(0)
        };
        let label = spec.label.as_deref().map(&mut column);
        let at: Vec<usize> = spec.primaries.iter().map(|(name, _)| column(name)).collect();
        let secondaries: Vec<_> =
            spec.secondaries.iter().map(|(name, _)| Column { at: column(name), field: () }).collect();
        let mut primaries = Vec::new();
        let mut header = Header {
            epoch: spec.epoch,
            canary: spec.canary,
            name: spec.list.clone(),
            primaries: Vec::new(),
            secondaries: Vec::new(),
            entries_log2: 0,
            rows_log2: 0,
            label_octets: 0,
        };
        for (at, (name, kind)) in at.into_iter().zip(&spec.primaries) {
            match primary(catalogue, kind) {
                Ok((primary, patterns)) => {
                    header.primaries.push(primary);
                    primaries.push(Column { at, field: patterns });
                }
                Err(message) => problems.push(format!("primary column {name:?}: {message}")),
            }
        }
        for (name, kind) in &spec.secondaries {
            let form = match catalogue.get(kind) {
                Some(signature) => Form::of(signature),
                None if kind == TEXT => Form::Text,
                None => {
                    problems.push(format!("secondary column {name:?}: there is no type {kind:?}; `text` is one"));
                    continue;
                }
            };
            if name.len() > 255 {
                problems.push("the name of a secondary column has more than 255 octets".to_owned());
            }
            header.secondaries.push(Secondary { field: name.clone(), kind: kind.clone(), form });
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            tagger: Tagger::new(key),
            header,
            primaries,
            secondaries,
            label,
            entries: Vec::new(),
            rows: Vec::new(),
            seen: 0,
            counts: BuildCounts::default(),
        })
    }

    /// Takes a row: `value` gives the value of a column by its number.
    ///
    /// # Errors
    /// The list is full.
    pub fn row<'v>(&mut self, value: impl Fn(usize) -> &'v [u8]) -> Result<(), String> {
        self.seen += 1;
        if self.rows.len() >= 1 << LOG2_MAX || self.entries.len() + 2 * FIELDS_MAX >= 1 << LOG2_MAX {
            return Err(format!("a list has at most {} rows and primary values", 1u64 << LOG2_MAX));
        }
        let row = self.rows.len() as u32;
        let before = self.entries.len();
        for (column, primary) in self.primaries.iter().zip(&self.header.primaries) {
            let value = value(column.at).trim_ascii();
            if value.is_empty() {
                continue;
            }
            let forms = primary.form.listed(value);
            let is_findable = !forms.is_empty() && findable(primary, &column.field, value);
            if !is_findable {
                self.counts.unfindable += 1;
                if self.counts.unfindable_rows.len() < ROWS_SHOWN {
                    self.counts.unfindable_rows.push(self.seen);
                }
            }
            self.counts.values += u64::from(!forms.is_empty());
            self.entries.extend(forms.iter().map(|form| (self.tagger.tag(&primary.kind, form), row)));
        }
        if self.entries.len() == before {
            self.counts.empty_rows += 1;
            return Ok(());
        }
        let secondaries: Vec<Option<RowTag>> = self
            .secondaries
            .iter()
            .zip(&self.header.secondaries)
            .map(|(column, secondary)| {
                let normal = secondary.form.write(value(column.at).trim_ascii())?;
                Some(self.tagger.row_tag(u64::from(row) + 1, &secondary.field, &normal))
            })
            .collect();
        let mut label = self.label.map(|at| String::from_utf8_lossy(value(at)).into_owned()).unwrap_or_default();
        label.truncate((0..=LABEL_OCTETS_MAX).rev().find(|&end| label.is_char_boundary(end)).unwrap_or(0));
        self.rows.push(Row { secondaries, label });
        self.counts.rows += 1;
        Ok(())
    }

    /// The file, and what became of the rows.
    pub fn finish(self) -> (Vec<u8>, BuildCounts) {
        (write(&self.tagger, self.header, self.entries, &self.rows), self.counts)
    }
}

/// A primary type, and the patterns that find its values.
fn primary(catalogue: &Catalogue, kind: &str) -> Result<(Primary, Vec<Table>), String> {
    if kind == TOKEN {
        return Ok((Primary { kind: TOKEN.to_owned(), form: Form::Token }, Vec::new()));
    }
    if kind == TEXT {
        return Err("`text` is only a secondary type: names alone tell nobody apart".to_owned());
    }
    let head = head_of(kind);
    let Some(signature) = catalogue.get(head) else {
        return Err(format!("there is no type {kind:?}: see borderpost signatures list, or `token`"));
    };
    if signature.container || signature.class == DataClass::Image {
        return Err(format!("{kind} frames other data and cannot be listed"));
    }
    let patterns = family(head)
        .filter_map(|id| catalogue.get(id))
        .map(|signature| Table::new(&[parse(&signature.pattern)?], false, PATTERN_STATES_MAX))
        .collect::<Result<_, _>>()?;
    Ok((Primary { kind: head.to_owned(), form: Form::of(signature) }, patterns))
}

/// Whether a pattern of the type accepts the value as it is written here.
fn findable(primary: &Primary, patterns: &[Table], value: &[u8]) -> bool {
    if primary.form == Form::Token {
        return value.len() >= TOKEN_OCTETS_MIN;
    }
    let value = match primary.form {
        Form::Licence => value.iter().position(|b| *b == b':').and_then(|at| value.get(at + 1..)).unwrap_or(value),
        _ => value,
    };
    patterns.iter().any(|pattern| pattern.is_match(value))
}
