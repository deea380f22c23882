//! Problems with what an operator wrote or supplied: configuration, policy, signatures, databases. Rooms collect all of them
//! and report them at once; `cli` prints them and exits with 3.

use std::fmt;

/// One problem, with where it is and, if there is one, what was probably meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file (or `command line`).
    pub file: String,
    /// Line, from 1; `None` where a line means nothing (databases).
    pub line: Option<usize>,
    /// What is wrong, naming the key or value.
    pub message: String,
    /// The nearest known key or value, or how to mend it.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem of a whole file.
    pub fn file(file: impl Into<String>, message: impl Into<String>) -> Self {
        Self { file: file.into(), line: None, message: message.into(), hint: None }
    }

    /// A problem at a line.
    pub fn line(file: impl Into<String>, line: usize, message: impl Into<String>) -> Self {
        Self { file: file.into(), line: Some(line), message: message.into(), hint: None }
    }

    /// Adds what was probably meant.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// `file:line: message (hint)`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, " ({hint})")?;
        }
        Ok(())
    }
}
