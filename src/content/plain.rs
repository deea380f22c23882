//! Octets that are passed on as they are.

use std::sync::Arc;

use super::budget::Cx;
use super::document::Reader;
use super::value::Value;

/// Text or binary data without structure that we know.
pub(super) struct Plain {
    field: Option<Arc<str>>,
    at: u64,
    /// Looks for base64 in text.
    value: Option<Value>,
}

impl Plain {
    /// `text` tells whether coded runs are to be looked for inside.
    pub(super) fn new(field: Option<Arc<str>>, text: bool) -> Self {
        Self { field, at: 0, value: text.then(Value::flat) }
    }
}

impl Reader for Plain {
    fn octets(&mut self, octets: &[u8], cx: &mut Cx<'_>) {
        let field = self.field.as_deref();
        match &mut self.value {
            Some(value) => value.octets(octets, self.at, field, cx),
            None => cx.text(octets, self.at, field),
        }
        self.at += octets.len() as u64;
    }

    fn gap(&mut self, len: u64, cx: &mut Cx<'_>) {
        if let Some(value) = &mut self.value {
            value.end(self.field.as_deref(), cx);
        }
        self.at += len;
    }

    fn end(&mut self, cx: &mut Cx<'_>) {
        if let Some(value) = &mut self.value {
            value.end(self.field.as_deref(), cx);
        }
    }

    fn held_bytes(&self) -> usize {
        let field = self.field.as_ref().map_or(0, |field| field.len());
        size_of::<Self>() + field + self.value.as_ref().map_or(0, Value::held_bytes)
    }
}
