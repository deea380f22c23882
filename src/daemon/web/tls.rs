//! TLS for the web, by rustls with ring.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

/// Whether clients show certificates, in the words of Go's crypto/tls.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum ClientAuth {
    #[default]
    None,
    /// Verified if there is one.
    IfGiven,
    /// There must be one, and it is verified.
    Required,
}

impl ClientAuth {
    /// # Errors
    /// What to write instead.
    pub(super) fn from_text(text: &str) -> Result<Self, &'static str> {
        match text {
            "" | "NoClientCert" => Ok(Self::None),
            "VerifyClientCertIfGiven" => Ok(Self::IfGiven),
            "RequireAndVerifyClientCert" => Ok(Self::Required),
            "RequestClientCert" | "RequireAnyClientCert" => Err("a certificate that nobody verifies proves nothing: \
                 VerifyClientCertIfGiven or RequireAndVerifyClientCert"),
            _ => Err("known: NoClientCert, RequireAndVerifyClientCert, VerifyClientCertIfGiven"),
        }
    }
}

/// Versions that are spoken, both if nothing was said.
pub(super) struct Versions {
    tls12: bool,
    tls13: bool,
}

impl Default for Versions {
    fn default() -> Self {
        Self { tls12: true, tls13: true }
    }
}

impl Versions {
    /// Takes `min_version` or `max_version`; `false` if there is no such version here.
    pub(super) fn set(&mut self, is_min: bool, text: &str) -> bool {
        match (is_min, text) {
            (true, "TLS13") => self.tls12 = false,
            (false, "TLS12") => self.tls13 = false,
            (_, "TLS12" | "TLS13") => {}
            _ => return false,
        }
        true
    }

    fn list(&self) -> Vec<&'static SupportedProtocolVersion> {
        [(self.tls12, &TLS12), (self.tls13, &TLS13)]
            .into_iter()
            .filter_map(|(on, version)| on.then_some(version))
            .collect()
    }
}

/// Reads certificates and keys.
///
/// # Errors
/// What is wrong, with the file.
pub(super) fn config(
    cert: &Path,
    key: &Path,
    client_auth: ClientAuth,
    client_ca: Option<&Path>,
    versions: &Versions,
) -> Result<Arc<ServerConfig>, String> {
    let said = |path: &Path, what: &dyn std::fmt::Display| format!("{}: {what}", path.display());
    let chain = certificates(cert)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| said(key, &error))?;
    let provider = Arc::new(default_provider());
    let versions = versions.list();
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&versions)
        .map_err(|_| "min_version is above max_version".to_owned())?;
    let builder = match (client_auth, client_ca) {
        (ClientAuth::None, None) => builder.with_no_client_auth(),
        (ClientAuth::None, Some(_)) => {
            return Err("`client_ca_file` without `client_auth_type` does nothing".to_owned());
        }
        (_, None) => return Err("`client_auth_type` needs `client_ca_file`".to_owned()),
        (auth, Some(path)) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|error| said(path, &error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = if auth == ClientAuth::IfGiven { verifier.allow_unauthenticated() } else { verifier };
            builder.with_client_cert_verifier(verifier.build().map_err(|error| said(path, &error))?)
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|error| said(cert, &error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(certificates) if certificates.is_empty() => Err(format!("{}: holds no certificate", path.display())),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}
