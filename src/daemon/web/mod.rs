//! The control plane's HTTP server: plain or TLS, open or with passwords, as [`WebConfig`] says and every reload says anew.
//!
//! **Clients that mean harm.** Connections are bounded; a handshake, a request's head and a whole connection have time limits; bodies of
//! requests are not read. All of it runs on the control plane's thread: the packet path does not notice.

mod api;
mod auth;
mod config;
mod routes;
mod tls;

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

pub(in crate::daemon) use auth::Checked;
pub use config::WebConfig;

use super::log::Level;
use super::shared::Shared;

/// Connections served at once; more wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 64;
/// A client that has not sent its request's head, or shaken hands, after this time is cut off.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// No connection lasts longer; a client that reads slower is cut off.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(120);

/// Serves until the runtime ends.
///
/// # Errors
/// When the listener cannot be used.
pub(super) async fn serve(shared: Arc<Shared>, listener: std::net::TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return Ok(()) };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Usually no file descriptors: wait for some to come back.
                shared.log.say(Level::Warning, "web-accept", &[("error", &error)]);
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let shared = shared.clone();
        tokio::spawn(async move {
            let _ = timeout(CONNECTION_TIMEOUT, connection(shared, stream)).await;
            drop(place);
        });
    }
}

/// Serves one connection. What goes wrong on it is the client's: it sees it.
async fn connection(shared: Arc<Shared>, stream: TcpStream) {
    let tls = shared.rules().web.tls.clone();
    match tls {
        None => requests(shared, stream).await,
        Some(tls) => {
            if let Ok(Ok(stream)) = timeout(HEAD_TIMEOUT, TlsAcceptor::from(tls).accept(stream)).await {
                requests(shared, stream).await;
            }
        }
    }
}

async fn requests(shared: Arc<Shared>, stream: impl AsyncRead + AsyncWrite + Unpin) {
    let service = service_fn(move |request| {
        let shared = shared.clone();
        async move { Ok::<_, Infallible>(routes::answer(&shared, request).await) }
    });
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(16 << 10)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
