//! Which process of this host a flow belongs to, and how sure that is.

use serde::Serialize;

use super::packet::names;

names! {
    /// How a process was matched with a flow, the surest first.
    MatchQuality {
        /// It had the socket open that has exactly these ends.
        Connection = "connection",
        /// It listens where the connection came in; who accepted it was not seen.
        Listener = "listener",
        /// It takes datagrams from anyone at this port.
        Port = "port",
        /// The socket was seen, but nobody had it open any more: only its user is known.
        Gone = "gone",
    }
}

/// A process, as events show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProcessView {
    /// Its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Its executable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exe: Option<String>,
    /// Its user, as the socket has it.
    pub uid: u32,
    /// The user's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Unit of systemd.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Container, by its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Whose end it is at: `src` or `dest`.
    pub end: &'static str,
    /// How sure this is.
    #[serde(rename = "match")]
    pub quality: MatchQuality,
}

impl Default for ProcessView {
    fn default() -> Self {
        let (pid, exe, user, unit, container) = (None, None, None, None, None);
        Self { pid, exe, uid: 0, user, unit, container, end: "src", quality: MatchQuality::Gone }
    }
}
