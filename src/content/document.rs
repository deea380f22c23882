//! One document at any depth: it is told what was announced, looks at its first octets, and hands over to a reader.

use std::sync::Arc;

use crate::model::{Coding, DocumentKind, DocumentStart, UninspectedReason};

use super::budget::Cx;
use super::media_type;
use super::probe::{self, Found, PROBE_LEN};
use super::record::Record;

/// Reads the octets of one document. Calls come in stream order; `end` once, last.
pub(super) trait Reader: Send {
    /// The next octets.
    fn octets(&mut self, octets: &[u8], cx: &mut Cx<'_>);
    /// Octets are missing here.
    fn gap(&mut self, len: u64, cx: &mut Cx<'_>);
    /// What follows is a value of this field, or structure; only readers of records care.
    fn begin_field(&mut self, _field: Option<&str>, _cx: &mut Cx<'_>) {}
    /// Nothing more comes: give out what is held.
    fn end(&mut self, cx: &mut Cx<'_>);
    /// Octets of memory allocated.
    fn held_bytes(&self) -> usize;
}

/// A coding around a document, whoever announced or found it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Layer {
    /// An HTTP content coding.
    Content(Coding),
    /// MIME transfer coding, RFC 2045, section 6.8; also base64url and without padding.
    Base64,
    /// MIME transfer coding, RFC 2045, section 6.7.
    QuotedPrintable,
    /// Characters that are not UTF-8.
    Charset(&'static encoding_rs::Encoding),
}

/// What is known about a document before its first octet.
#[derive(Default)]
pub(super) struct Hint {
    /// What the protocol found it in; `None` inside another document.
    pub(super) kind: Option<DocumentKind>,
    /// Media type as announced; empty if none.
    pub(super) media_type: String,
    /// Codings around it, outermost last.
    pub(super) layers: Vec<Layer>,
    /// Field that the whole document is the value of.
    pub(super) field: Option<Arc<str>>,
    /// Whether the character set has been seen to already.
    pub(super) utf8: bool,
}

impl Hint {
    pub(super) fn of_start(start: &DocumentStart) -> Self {
        Self {
            kind: Some(start.kind),
            media_type: start.media_type.clone(),
            layers: start.codings.iter().map(|&coding| Layer::Content(coding)).collect(),
            // The topic of a message says what its payload is; the name of a file does not.
            field: if matches!(start.kind, DocumentKind::Message | DocumentKind::KafkaRecords) {
                start.name.clone()
            } else {
                None
            },
            utf8: false,
        }
    }

    /// A document that is the value of `field`.
    pub(super) fn of_field(field: Option<&str>) -> Self {
        Self { field: field.map(Arc::from), ..Self::default() }
    }

    /// Media type without parameters.
    pub(super) fn essence(&self) -> String {
        media_type::essence(&self.media_type)
    }
}

enum State {
    /// The first octets are collected until there are enough to tell what this is.
    Probe { hint: Box<Hint>, head: Vec<u8> },
    /// A reader reads; `entered` if it was announced to the sink as a document of its own.
    Read { reader: Box<dyn Reader>, entered: bool },
    /// Nothing more can be read.
    Unreadable(UninspectedReason),
}

impl State {
    /// The state after probing; a document of its own is announced to the sink.
    fn of(found: Found, cx: &mut Cx<'_>) -> Self {
        match found {
            Found::Plain(reader) => Self::Read { reader, entered: false },
            Found::Undecodable => Self::Unreadable(UninspectedReason::Undecodable),
            Found::Nested(..) if !cx.budget.may_nest() => Self::Unreadable(UninspectedReason::DecodeLimit),
            Found::Nested(label, reader) => {
                cx.enter(label, None);
                Self::Read { reader, entered: true }
            }
        }
    }
}

/// One document.
pub(super) struct Document {
    state: State,
}

impl Document {
    pub(super) fn new(hint: Hint) -> Self {
        if hint.kind.is_some_and(DocumentKind::has_fields) {
            return Self::read_by(Box::new(Record::default()));
        }
        Self { state: State::Probe { hint: Box::new(hint), head: Vec::new() } }
    }

    /// A document whose format is known. The caller has checked that it may nest.
    pub(super) fn with_reader(label: &str, name: Option<&str>, reader: Box<dyn Reader>, cx: &mut Cx<'_>) -> Self {
        cx.enter(label, name);
        Self { state: State::Read { reader, entered: true } }
    }

    /// A document whose format is known and that is none of its own for the sink.
    pub(super) fn read_by(reader: Box<dyn Reader>) -> Self {
        Self { state: State::Read { reader, entered: false } }
    }

    /// A document that cannot be read.
    pub(super) const fn unreadable(reason: UninspectedReason) -> Self {
        Self { state: State::Unreadable(reason) }
    }

    pub(super) fn octets(&mut self, octets: &[u8], cx: &mut Cx<'_>) {
        if octets.is_empty() {
            return;
        }
        match &mut self.state {
            State::Read { reader, .. } => reader.octets(octets, cx),
            State::Unreadable(reason) => cx.lost.add(octets.len() as u64, *reason),
            State::Probe { hint, head } => {
                if hint.layers.is_empty() && !probe::knows_at_once(hint) && head.len() + octets.len() < PROBE_LEN {
                    head.extend_from_slice(octets);
                    return;
                }
                // The decision is made on the same octets however they arrived.
                let taken = PROBE_LEN.saturating_sub(head.len()).min(octets.len());
                let (first, rest) = octets.split_at(taken);
                if head.is_empty() {
                    self.decide(Some(first), false, cx);
                } else {
                    head.extend_from_slice(first);
                    self.decide(None, false, cx);
                }
                self.octets(rest, cx);
            }
        }
    }

    pub(super) fn field(&mut self, field: Option<&str>, cx: &mut Cx<'_>) {
        if let State::Read { reader, .. } = &mut self.state {
            reader.begin_field(field, cx);
        }
    }

    pub(super) fn gap(&mut self, len: u64, cx: &mut Cx<'_>) {
        if matches!(self.state, State::Probe { .. }) {
            self.decide(None, false, cx);
        }
        if let State::Read { reader, .. } = &mut self.state {
            reader.gap(len, cx);
        }
    }

    pub(super) fn end(&mut self, cx: &mut Cx<'_>) {
        if let State::Probe { head, hint } = &self.state {
            if head.is_empty() {
                return;
            }
            debug_assert!(hint.layers.is_empty());
            self.decide(None, true, cx);
        }
        if let State::Read { reader, entered } = &mut self.state {
            reader.end(cx);
            if *entered {
                cx.leave();
            }
        }
        self.state = State::Unreadable(UninspectedReason::Undecodable);
    }

    pub(super) fn held_bytes(&self) -> usize {
        match &self.state {
            State::Probe { hint, head } => {
                let field = hint.field.as_ref().map_or(0, |field| field.len());
                size_of::<Hint>() + hint.media_type.capacity() + field + head.capacity()
            }
            State::Read { reader, .. } => reader.held_bytes(),
            State::Unreadable(_) => 0,
        }
    }

    /// Reads a document that is all here, as `octets` and `end` would.
    pub(super) fn read_whole(hint: Hint, octets: &[u8], cx: &mut Cx<'_>) {
        let collects = hint.layers.is_empty()
            && !hint.kind.is_some_and(DocumentKind::has_fields)
            && !probe::knows_at_once(&hint)
            && (1..PROBE_LEN).contains(&octets.len());
        let mut document =
            if collects { Self { state: State::of(probe::probe(hint, octets, true), cx) } } else { Self::new(hint) };
        document.octets(octets, cx);
        document.end(cx);
    }

    /// Leaves the probing state. `first` are the first octets, unless they were collected in the head.
    fn decide(&mut self, first: Option<&[u8]>, complete: bool, cx: &mut Cx<'_>) {
        let lost = State::Unreadable(UninspectedReason::DecodeLimit);
        let State::Probe { hint, head } = std::mem::replace(&mut self.state, lost) else {
            return;
        };
        let first = first.unwrap_or(&head);
        self.state = State::of(probe::probe(*hint, first, complete), cx);
        self.octets(first, cx);
    }
}
