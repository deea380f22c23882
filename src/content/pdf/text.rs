//! The text that a content stream shows (ISO 32000-1, section 9.4), and streams that are told apart only by what they hold.

use std::sync::{Arc, Mutex, PoisonError};

use crate::content::budget::Cx;
use crate::content::document::Reader;
use crate::model::UninspectedReason;

use super::cmap::CMap;
use super::objects::{Objects, Piece, Shown};
use super::token::{self, Token};

/// Octets of a token. What is longer is passed over.
const TOKEN_MAX: usize = 16 << 10;
/// Octets of a map, or of a stream of objects, that are held until it is whole.
const HELD_MAX: usize = 256 << 10;
/// Octets in which a map says that it is one.
const HEAD_LEN: usize = 1024;
/// Operands of an operator.
const OPERANDS_MAX: usize = 4096;
/// A move within a line by more than this, in thousandths of the font's size, is a space.
const SPACE_MIN: f64 = 180.0;

/// What a stream is.
enum Kind {
    /// The first octets tell.
    Unknown,
    /// Shown on a page.
    Content(Box<Content>),
    /// A map from codes to characters.
    Map,
    /// Objects: their numbers and offsets stand in front of the first.
    Objects { first: usize },
}

/// Reads a decoded stream and leaves what it finds with the objects.
pub(super) struct Stream {
    number: u32,
    kind: Kind,
    held: Vec<u8>,
    objects: Arc<Mutex<Objects>>,
}

impl Stream {
    /// The stream of an object.
    pub(super) const fn new(number: u32, objects: Arc<Mutex<Objects>>) -> Self {
        Self { number, kind: Kind::Unknown, held: Vec::new(), objects }
    }

    /// A stream of objects, the first of which stands at this offset.
    pub(super) const fn of_objects(first: usize, objects: Arc<Mutex<Objects>>) -> Self {
        Self { number: 0, kind: Kind::Objects { first }, held: Vec::new(), objects }
    }

    fn decide(&mut self, cx: &mut Cx<'_>) {
        if memchr::memmem::find(&self.held, b"begincmap").is_some() {
            self.kind = Kind::Map;
        } else {
            let held = std::mem::take(&mut self.held);
            self.kind = Kind::Content(Box::new(Content::new(self.number)));
            self.octets(&held, cx);
        }
    }
}

impl Reader for Stream {
    fn octets(&mut self, octets: &[u8], cx: &mut Cx<'_>) {
        match &mut self.kind {
            Kind::Content(content) => {
                let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
                let missed = content.octets(octets, &mut objects);
                cx.lost.add(missed, UninspectedReason::DecodeLimit);
            }
            Kind::Map | Kind::Objects { .. } => {
                let room = HELD_MAX.saturating_sub(self.held.len()).min(octets.len());
                let (held, missed) = octets.split_at(room);
                self.held.extend_from_slice(held);
                cx.lost.add(missed.len() as u64, UninspectedReason::DecodeLimit);
            }
            Kind::Unknown => {
                let (head, rest) = octets.split_at(HEAD_LEN.saturating_sub(self.held.len()).min(octets.len()));
                self.held.extend_from_slice(head);
                if self.held.len() >= HEAD_LEN {
                    self.decide(cx);
                    self.octets(rest, cx);
                }
            }
        }
    }

    fn gap(&mut self, _len: u64, cx: &mut Cx<'_>) {
        // Only streams that are not compressed go on after it.
        if matches!(self.kind, Kind::Unknown) {
            self.decide(cx);
        }
        if let Kind::Content(content) = &mut self.kind {
            content.pending.clear();
        }
    }

    fn end(&mut self, cx: &mut Cx<'_>) {
        if matches!(self.kind, Kind::Unknown) {
            self.decide(cx);
        }
        let held = std::mem::take(&mut self.held);
        match &mut self.kind {
            Kind::Content(content) => {
                let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
                content.end(&mut objects);
            }
            Kind::Map => {
                let map = CMap::read(&held);
                self.objects.lock().unwrap_or_else(PoisonError::into_inner).add_map(self.number, map);
            }
            Kind::Objects { first } => {
                let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
                objects.read_stream(&held, *first);
            }
            Kind::Unknown => {}
        }
    }

    fn held_bytes(&self) -> usize {
        let content = if let Kind::Content(content) = &self.kind { content.held_bytes() } else { 0 };
        size_of::<Self>() + self.held.capacity() + content
    }
}

/// An operand that matters.
enum Operand {
    Number(f64),
    Name(Vec<u8>),
    Text(Vec<u8>),
}

/// A content stream being read.
struct Content {
    /// Octets from the beginning of a token.
    pending: Vec<u8>,
    /// Length of `pending` at which it is worth looking again.
    look_at: usize,
    /// Within the octets of an inline image.
    image: bool,
    operands: Vec<Operand>,
    font: Option<u16>,
    size: f64,
    /// Where the line's matrix stands: horizontal scale, and place.
    line: [f64; 3],
    /// Codes shown since the last move.
    since: usize,
    shown: Shown,
    full: bool,
}

impl Content {
    fn new(object: u32) -> Self {
        Self {
            pending: Vec::new(),
            look_at: 0,
            image: false,
            operands: Vec::new(),
            font: None,
            size: 1.0,
            line: [1.0, 0.0, 0.0],
            since: 0,
            shown: Shown { object, ..Shown::default() },
            full: false,
        }
    }

    /// Reads octets; returns how many were missed for want of room.
    fn octets(&mut self, octets: &[u8], objects: &mut Objects) -> u64 {
        let mut rest = octets;
        while !rest.is_empty() && !self.full {
            let (now, later) = rest.split_at(rest.len().min(TOKEN_MAX - self.pending.len()));
            self.pending.extend_from_slice(now);
            rest = later;
            if self.pending.len() >= self.look_at.min(TOKEN_MAX) {
                self.tokens(false, objects);
                if self.pending.len() == TOKEN_MAX {
                    self.pending.clear();
                }
                // An open token is not looked at again with every octet.
                self.look_at = 2 * self.pending.len();
            }
        }
        if self.full { rest.len() as u64 } else { 0 }
    }

    fn tokens(&mut self, complete: bool, objects: &mut Objects) {
        let pending = std::mem::take(&mut self.pending);
        let mut at = 0;
        while !self.full {
            let rest = pending.get(at..).unwrap_or_default();
            if self.image {
                let space = |octet: u8| octet.is_ascii_whitespace();
                match rest.windows(4).position(|w| space(w[0]) && &w[1..3] == b"EI" && space(w[3])) {
                    Some(end) => {
                        at += end + 3;
                        self.image = false;
                        continue;
                    }
                    None => {
                        at = pending.len().saturating_sub(3).max(at);
                        break;
                    }
                }
            }
            let Some((token, used)) = token::next(rest, complete) else { break };
            at += used.max(1);
            match token {
                Token::Word(b"ID") => self.image = true,
                Token::Word(word) => {
                    let word = word.to_vec();
                    self.operator(&word, objects);
                    self.operands.clear();
                }
                _ if self.operands.len() >= OPERANDS_MAX => {}
                Token::Number(number) => self.operands.push(Operand::Number(number)),
                Token::Name(name) => self.operands.push(Operand::Name(name.to_vec())),
                Token::Text(text) => self.operands.push(Operand::Text(text)),
                Token::Mark(_) => {}
            }
        }
        self.pending = pending;
        self.pending.drain(..at.min(self.pending.len()));
    }

    /// The last number of the operands but `back`.
    fn number(&self, back: usize) -> f64 {
        let index = self.operands.len().checked_sub(back + 1);
        match index.and_then(|index| self.operands.get(index)) {
            Some(Operand::Number(number)) => *number,
            _ => 0.0,
        }
    }

    fn operator(&mut self, word: &[u8], objects: &mut Objects) {
        match word {
            b"Tf" => {
                self.size = self.number(0).abs();
                if let Some(Operand::Name(name)) = self.operands.first() {
                    let known = self.shown.fonts.iter().position(|font| font == name);
                    let index = known.unwrap_or_else(|| {
                        if self.shown.fonts.len() < 256 {
                            self.shown.fonts.push(name.clone());
                        }
                        self.shown.fonts.len() - 1
                    });
                    self.font = Some(index as u16);
                }
            }
            b"Td" | b"TD" => {
                if self.number(0) == 0.0 {
                    self.step(self.number(1), self.size);
                } else {
                    self.space(b"\n", objects);
                }
            }
            b"Tm" => {
                let [scale, x, y] = [self.number(5), self.number(1), self.number(0)];
                if y == self.line[2] {
                    self.step(x - self.line[1], self.size * scale.abs());
                } else {
                    self.space(b"\n", objects);
                }
                self.line = [scale, x, y];
            }
            b"T*" | b"ET" => self.space(b"\n", objects),
            b"'" | b"\"" => {
                self.space(b"\n", objects);
                self.show(objects);
            }
            b"Tj" | b"TJ" => self.show(objects),
            _ => {}
        }
    }

    /// A move to the right: a space, if it is more than what was shown may take.
    fn step(&mut self, by: f64, size: f64) {
        let shown = self.since as f64;
        let width = if self.since < 3 { shown } else { shown * 0.62 };
        if self.since > 0 && by.abs() > size * (width + SPACE_MIN / 1000.0) {
            self.put_space(b" ");
        }
        self.since = 0;
    }

    fn show(&mut self, objects: &mut Objects) {
        for operand in std::mem::take(&mut self.operands) {
            match operand {
                Operand::Text(codes) if !codes.is_empty() => {
                    if !objects.take_room(codes.len()) {
                        self.full = true;
                        return;
                    }
                    self.since += codes.len();
                    match self.shown.pieces.last_mut() {
                        Some(last) if last.font.is_some() && last.font == self.font => last.codes.extend(codes),
                        _ => self.shown.pieces.push(Piece { font: self.font, codes }),
                    }
                }
                Operand::Number(number) if number < -SPACE_MIN && self.since > 0 => self.put_space(b" "),
                _ => {}
            }
        }
    }

    fn space(&mut self, space: &[u8], objects: &mut Objects) {
        self.since = 0;
        if !self.shown.pieces.is_empty() && objects.take_room(space.len()) {
            self.put_space(space);
        }
    }

    /// Puts a space, unless there is one.
    fn put_space(&mut self, space: &[u8]) {
        match self.shown.pieces.last_mut() {
            Some(Piece { font: None, codes }) if codes.len() == 1 && codes[0].is_ascii_whitespace() => {
                // A line end is more than a space.
                codes[0] = codes[0].min(space.first().copied().unwrap_or(b' '));
            }
            Some(_) => self.shown.pieces.push(Piece { font: None, codes: space.to_vec() }),
            None => {}
        }
    }

    fn end(&mut self, objects: &mut Objects) {
        if !self.full {
            self.tokens(true, objects);
        }
        if !self.shown.pieces.is_empty() {
            objects.shown.push(std::mem::take(&mut self.shown));
        }
    }

    fn held_bytes(&self) -> usize {
        // Pieces are counted with the objects.
        size_of::<Self>() + self.pending.capacity() + self.operands.capacity() * size_of::<Operand>()
    }
}
