//! The file of `--web.config.file`: TLS, users and headers, in the YAML of Prometheus' exporter-toolkit, so that what operators have for
//! their exporters works here. Read as a whole, every problem at once; it is read again by every reload, certificates included.
//!
//! What of exporter-toolkit is not here is refused with a reason, never left out in silence: cipher suites and curves (rustls has
//! only good ones), HTTP/2, client certificates that are asked for but not verified.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper::header::{HeaderName, HeaderValue};
use saphyr::{LoadableYamlNode as _, MarkedYaml, Scalar, YamlData};

use super::auth::Users;
use super::tls;
use crate::model::Problem;

/// More is no configuration: aliases could make it grow without end.
const FILE_BYTES_MAX: u64 = 256 << 10;
/// Response headers that exporter-toolkit lets one set.
const HEADERS: [&str; 5] = [
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "X-XSS-Protection",
    "Content-Security-Policy",
];

/// How the web is protected. Without a file: not at all, for loopback.
#[derive(Clone, Default)]
pub struct WebConfig {
    /// TLS, if certificates were given.
    pub(super) tls: Option<Arc<rustls::ServerConfig>>,
    /// Whether clients show certificates.
    verifies_clients: bool,
    /// Who may ask; anyone if there are none.
    pub(super) users: Arc<Users>,
    /// Headers of every answer.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// The file and the files it names: a change of one means a reload.
    pub(super) files: Vec<PathBuf>,
}

impl WebConfig {
    /// Reads the file and what it names.
    ///
    /// # Errors
    /// Every problem.
    pub fn load(path: &Path) -> Result<Self, Vec<Problem>> {
        let name = path.display().to_string();
        let text = match std::fs::metadata(path) {
            Ok(metadata) if metadata.len() > FILE_BYTES_MAX => {
                return Err(vec![Problem::file(name, format!("is larger than {} KiB", FILE_BYTES_MAX >> 10))]);
            }
            Ok(_) => std::fs::read_to_string(path),
            Err(error) => Err(error),
        };
        let text = text.map_err(|error| vec![Problem::file(name.clone(), error.to_string())])?;
        let mut config = Self::parse(&name, path.parent().unwrap_or(Path::new("")), &text)?;
        config.files.insert(0, path.to_owned());
        Ok(config)
    }

    /// Whether passwords or certificates of clients are asked for.
    pub fn asks(&self) -> bool {
        self.verifies_clients || !self.users.is_empty()
    }

    /// Whether it is served over TLS.
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Files whose change means that it is to be loaded again.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    fn parse(name: &str, dir: &Path, text: &str) -> Result<Self, Vec<Problem>> {
        let documents = MarkedYaml::load_from_str(text).map_err(|error| {
            vec![Problem::line(name, error.marker().line(), format!("is not YAML: {}", error.info()))]
        })?;
        let mut file = Reader { name, dir, problems: Vec::new() };
        let mut config = Self::default();
        if documents.len() > 1 {
            file.problem(&documents[1], "a second document", "");
        }
        if let Some(root) = documents.first() {
            file.root(root, &mut config);
        }
        if file.problems.is_empty() { Ok(config) } else { Err(file.problems) }
    }
}

struct Reader<'a> {
    name: &'a str,
    /// What paths are relative to.
    dir: &'a Path,
    problems: Vec<Problem>,
}

/// What was written of TLS.
#[derive(Default)]
struct TlsWords {
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
    client_auth: tls::ClientAuth,
    client_ca: Option<PathBuf>,
    versions: tls::Versions,
}

impl Reader<'_> {
    fn problem(&mut self, at: &MarkedYaml<'_>, message: impl Into<String>, hint: &str) {
        let problem = Problem::line(self.name, at.span.start.line(), message);
        self.problems.push(if hint.is_empty() { problem } else { problem.with_hint(hint) });
    }

    /// The entries of a mapping. Nothing at all is an empty one.
    fn entries<'y, 'i>(&mut self, node: &'y MarkedYaml<'i>) -> Vec<(&'y MarkedYaml<'i>, String, &'y MarkedYaml<'i>)> {
        match &node.data {
            YamlData::Mapping(map) => {
                map.iter().map(|(key, value)| (key, scalar(key).unwrap_or_default(), value)).collect()
            }
            YamlData::Value(Scalar::Null) => Vec::new(),
            _ => {
                self.problem(node, "keys with values are wanted here", "");
                Vec::new()
            }
        }
    }

    fn text(&mut self, node: &MarkedYaml<'_>) -> Option<String> {
        let text = scalar(node);
        if text.is_none() {
            self.problem(node, "a text is wanted here", "");
        }
        text
    }

    fn path(&mut self, node: &MarkedYaml<'_>) -> Option<PathBuf> {
        self.text(node).filter(|text| !text.is_empty()).map(|text| self.dir.join(text))
    }

    fn root(&mut self, root: &MarkedYaml<'_>, config: &mut WebConfig) {
        for (key, name, value) in self.entries(root) {
            match name.as_str() {
                "tls_server_config" => self.tls(key, value, config),
                "http_server_config" => self.http(value, config),
                "basic_auth_users" => self.users(value, config),
                _ => self.problem(
                    key,
                    format!("unknown key `{}`", name.escape_debug()),
                    "known: basic_auth_users, http_server_config, tls_server_config",
                ),
            }
        }
    }

    fn tls(&mut self, at: &MarkedYaml<'_>, node: &MarkedYaml<'_>, config: &mut WebConfig) {
        let before = self.problems.len();
        let mut words = TlsWords::default();
        for (key, name, value) in self.entries(node) {
            match name.as_str() {
                "cert_file" => words.cert = self.path(value),
                "key_file" => words.key = self.path(value),
                "client_ca_file" => words.client_ca = self.path(value),
                "client_auth_type" => {
                    let Some(text) = self.text(value) else { continue };
                    match tls::ClientAuth::from_text(&text) {
                        Ok(auth) => words.client_auth = auth,
                        Err(hint) => self.problem(value, "`client_auth_type` cannot be this", hint),
                    }
                }
                "min_version" | "max_version" => {
                    let Some(text) = self.text(value) else { continue };
                    if !words.versions.set(name == "min_version", &text) {
                        self.problem(value, format!("`{name}` cannot be this"), "known: TLS12, TLS13");
                    }
                }
                // Which suites there are rustls decides; all prefer what the server prefers.
                "prefer_server_cipher_suites" => {}
                _ => self.problem(
                    key,
                    format!("`{}` is unknown or not supported in tls_server_config", name.escape_debug()),
                    "known: cert_file, client_auth_type, client_ca_file, key_file, max_version, min_version",
                ),
            }
        }
        if self.problems.len() > before {
            return;
        }
        let TlsWords { cert, key, client_auth, client_ca, versions } = words;
        let (Some(cert), Some(key)) = (cert, key) else {
            self.problem(at, "`tls_server_config` needs `cert_file` and `key_file`", "");
            return;
        };
        match tls::config(&cert, &key, client_auth, client_ca.as_deref(), &versions) {
            Ok(tls) => config.tls = Some(tls),
            Err(message) => self.problem(at, message, ""),
        }
        config.verifies_clients = client_ca.is_some();
        config.files.extend([cert, key]);
        config.files.extend(client_ca);
    }

    fn http(&mut self, node: &MarkedYaml<'_>, config: &mut WebConfig) {
        for (key, name, value) in self.entries(node) {
            match name.as_str() {
                "http2" if scalar(value).as_deref() == Some("false") => {}
                "http2" => self.problem(value, "HTTP/2 is not served", "http2: false"),
                "headers" => self.headers(value, config),
                _ => self.problem(
                    key,
                    format!("unknown key `{}` in http_server_config", name.escape_debug()),
                    "known: headers, http2",
                ),
            }
        }
    }

    fn headers(&mut self, node: &MarkedYaml<'_>, config: &mut WebConfig) {
        for (key, name, value) in self.entries(node) {
            let Some(text) = self.text(value) else { continue };
            let known = HEADERS.iter().any(|header| header.eq_ignore_ascii_case(&name));
            match (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(&text)) {
                (Ok(name), Ok(text)) if known => config.headers.push((name, text)),
                (_, Err(_)) => self.problem(value, "cannot be the value of a header", ""),
                _ => self.problem(
                    key,
                    format!("header `{}` cannot be set", name.escape_debug()),
                    &format!("known: {}", HEADERS.join(", ")),
                ),
            }
        }
    }

    fn users(&mut self, node: &MarkedYaml<'_>, config: &mut WebConfig) {
        let mut users = Users::default();
        for (key, name, value) in self.entries(node) {
            let Some(hash) = self.text(value) else { continue };
            if name.is_empty() || name.contains(':') {
                self.problem(key, "a user has a name without `:`", "");
            } else if let Err(message) = users.add(&name, &hash) {
                // The hash itself is a secret.
                self.problem(value, message, "htpasswd -nBC 10 \"\" | tr -d ':' makes one");
            }
        }
        config.users = Arc::new(users);
    }
}

/// A scalar as text.
fn scalar(node: &MarkedYaml<'_>) -> Option<String> {
    match &node.data {
        YamlData::Value(Scalar::String(text)) => Some(text.clone().into_owned()),
        YamlData::Value(Scalar::Boolean(on)) => Some(on.to_string()),
        YamlData::Value(Scalar::Integer(number)) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        WebConfig::parse("web.yml", Path::new("/nowhere"), text)
            .err()
            .unwrap_or_default()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_never_a_hash() {
        for (text, wanted) in [
            ("", &[][..]),
            ("# nothing\n", &[]),
            ("tls_server_config:\n", &["web.yml:1: `tls_server_config` needs `cert_file` and `key_file`"]),
            ("a: b\n", &["web.yml:1: unknown key `a` (known: basic"]),
            ("basic_auth_users:\n  bob: secret\n", &["web.yml:2: is not a hash of bcrypt (htpasswd"]),
            (
                "http_server_config:\n  http2: true\n  headers:\n    Server: me\n",
                &["web.yml:2: HTTP/2 is not served", "web.yml:4: header `Server` cannot be set"],
            ),
            (
                "tls_server_config:\n  min_version: TLS10\n  client_auth_type: RequestClientCert\n  ciphers: [a]\n",
                &[
                    "web.yml:2: `min_version` cannot be this (known: TLS12, TLS13)",
                    "web.yml:3: `client_auth_type` cannot be this",
                    "web.yml:4: `ciphers` is unknown",
                ],
            ),
            ("tls_server_config:\n  cert_file: c.pem\n  key_file: k.pem\n", &["web.yml:1: /nowhere/c.pem: "]),
            ("a: b\na: c\n", &["web.yml:2: is not YAML: "]),
            ("a: [\n", &["web.yml:"]),
        ] {
            let told = problems(text);
            assert_eq!(told.len(), wanted.len(), "{text}: {told:?}");
            for (told, wanted) in told.iter().zip(wanted) {
                assert!(told.starts_with(wanted), "{told} is not {wanted}");
                assert!(!told.contains("secret"));
            }
        }
    }

    #[test]
    fn users_and_headers_are_taken() {
        let text = "basic_auth_users:\n  bob: $2y$04$abcdefghijklmnopqrstuuB0Yk4CbIxWTz2hA6Gq1rGJ9sMfYJvkq\nhttp_server_config:\n  headers:\n    X-Frame-Options: deny\n";
        let config = WebConfig::parse("web.yml", Path::new(""), text).map_err(|p| format!("{p:?}")).unwrap();
        assert!(config.asks() && !config.is_tls());
        assert_eq!(config.headers.len(), 1);
    }
}
