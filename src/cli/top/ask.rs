//! Asking a daemon for its status: over TLS or not, with a password or without, as it is served (docs/daemon.md, `--web.config.file`).

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;

use crate::cli::Failure;
use crate::cli::args::TopArgs;
use crate::model::Problem;

/// A daemon answers at once.
const WAIT: Duration = Duration::from_secs(3);
/// Octets of an answer.
const ANSWER_MAX: u64 = 16 << 20;

/// What to do about the certificates that `openssl req -x509` makes.
const SIGNS_ITSELF: &str =
    " (a certificate that signs itself must not call itself an authority: basicConstraints=CA:FALSE)";

/// A daemon, and how to speak to it.
pub(super) struct Asker {
    address: SocketAddr,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    /// What stands behind `Authorization: Basic`.
    credentials: Option<String>,
}

impl Asker {
    pub(super) fn new(args: &TopArgs) -> Result<Self, Failure> {
        let tls = match &args.ca_file {
            Some(ca) => Some((
                Arc::new(client(ca, args.cert_file.as_deref().zip(args.key_file.as_deref()))?),
                server_name(args)?,
            )),
            None => None,
        };
        let credentials = match (&args.username, &args.password_file) {
            (Some(name), Some(path)) => {
                let password = std::fs::read_to_string(path).map_err(|error| refused(path, &error))?;
                Some(BASE64_STANDARD.encode(format!("{name}:{}", password.trim_end_matches(['\r', '\n']))))
            }
            _ => None,
        };
        Ok(Self { address: args.address, tls, credentials })
    }

    /// `GET /api/v1/status` in the simplest form of HTTP, whose answers end with the connection.
    pub(super) fn ask(&self) -> Result<Value, Failure> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let failed = |message: String| Failure::Runtime(format!("{scheme}://{}: {message}", self.address));
        let answer = self.exchange().map_err(|error| {
            let said = error.to_string();
            // How rustls calls it.
            let hint = if said.contains("CaUsedAsEndEntity") { SIGNS_ITSELF } else { "" };
            failed(format!("{said}{hint}"))
        })?;
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) =
            answer.split_once("\r\n\r\n").ok_or_else(|| failed("no answer of a web server".to_owned()))?;
        match head.split(' ').nth(1) {
            Some("200") => serde_json::from_str(body).map_err(|_| failed("no status of a daemon".to_owned())),
            Some("401") => Err(failed("asks for a password, or another one: --username, --password-file".to_owned())),
            _ => Err(failed("does not answer as a daemon does".to_owned())),
        }
    }

    fn exchange(&self) -> io::Result<Vec<u8>> {
        let stream = TcpStream::connect_timeout(&self.address, WAIT)?;
        stream.set_read_timeout(Some(WAIT))?;
        stream.set_write_timeout(Some(WAIT))?;
        match &self.tls {
            None => self.request(stream),
            Some((config, name)) => {
                let connection = ClientConnection::new(config.clone(), name.clone()).map_err(io::Error::other)?;
                self.request(StreamOwned::new(connection, stream))
            }
        }
    }

    fn request(&self, mut stream: impl Read + Write) -> io::Result<Vec<u8>> {
        let credentials = self.credentials.as_ref().map(|words| format!("Authorization: Basic {words}\r\n"));
        let credentials = credentials.unwrap_or_default();
        let request = format!("GET /api/v1/status HTTP/1.0\r\n{credentials}Connection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.take(ANSWER_MAX).read_to_end(&mut answer)?;
        Ok(answer)
    }
}

fn refused(path: &Path, what: &dyn std::fmt::Display) -> Failure {
    vec![Problem::file(path.display().to_string(), what.to_string())].into()
}

/// The name in the daemon's certificate: its address if nothing else was said.
fn server_name(args: &TopArgs) -> Result<ServerName<'static>, Failure> {
    match &args.server_name {
        None => Ok(ServerName::IpAddress(args.address.ip().into())),
        Some(name) => ServerName::try_from(name.clone())
            .map_err(|_| vec![Problem::file("command line", format!("{name:?} is no name of a server"))].into()),
    }
}

/// Trusts the authorities of a file and nobody else; shows a certificate of its own if there is one.
fn client(ca: &Path, own: Option<(&Path, &Path)>) -> Result<ClientConfig, Failure> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca)? {
        roots.add(certificate).map_err(|error| refused(ca, &error))?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::Runtime(error.to_string()))?
        .with_root_certificates(roots);
    match own {
        None => Ok(builder.with_no_client_auth()),
        Some((cert, key)) => {
            let chain = certificates(cert)?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|error| refused(key, &error))?;
            builder.with_client_auth_cert(chain, key).map_err(|error| refused(cert, &error))
        }
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    read.map_err(|error| refused(path, &error))
}
