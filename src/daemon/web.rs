//! The control plane's HTTP server: metrics, health, lifecycle and bounded JSON. It reads what the packet path published and never
//! waits for it; a scrape costs the packet path nothing.
//!
//! | path | answer |
//! |---|---|
//! | `/` | what is here |
//! | `/metrics` | Prometheus text |
//! | `/-/healthy` | 200 while the packet path moves |
//! | `/-/ready` | 200 while at least one interface is captured |
//! | `/-/reload`, `/-/quit` | PUT or POST, only with `--web.enable-lifecycle` |
//! | `/api/v1/destinations` | jurisdictions by octets |
//! | `/api/v1/flows`, `/api/v1/violations` | the latest events, newest first |
//!
//! The last three take `?limit=N`, 1 to 1000, 100 if none is given.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::log::Level;
use super::reload;
use super::shared::Shared;
use super::sink::{RECENT_MAX, lock};

/// Connections served at once; more wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 64;
/// A client that has not sent its request's head after this time is cut off.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// No answer takes longer; a client that reads slower is cut off.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(120);
const LIMIT_DEFAULT: usize = 100;

type Answer = Response<Full<Bytes>>;

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
            let service = service_fn(move |request| {
                let shared = shared.clone();
                async move { Ok::<_, Infallible>(answer(&shared, request).await) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .max_buf_size(16 << 10)
                .serve_connection(TokioIo::new(stream), service);
            // What goes wrong on a connection is the client's: it sees it.
            let _ = tokio::time::timeout(CONNECTION_TIMEOUT, connection).await;
            drop(place);
        });
    }
}

async fn answer(shared: &Arc<Shared>, request: Request<Incoming>) -> Answer {
    let path = request.uri().path();
    let changes = matches!(path, "/-/reload" | "/-/quit");
    let allowed: &[Method] = if changes { &[Method::PUT, Method::POST] } else { &[Method::GET, Method::HEAD] };
    if changes && !shared.lifecycle {
        return text(
            StatusCode::FORBIDDEN,
            "lifecycle requests are off: start with --web.enable-lifecycle\n".to_owned(),
        );
    }
    if !allowed.contains(request.method()) {
        let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n".to_owned());
        let value = if changes { "PUT, POST" } else { "GET, HEAD" };
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static(value));
        return answer;
    }
    let limit = limit(request.uri().query());
    match path {
        "/" => landing(),
        "/metrics" => match shared.metrics() {
            Ok(metrics) => typed(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", metrics.into()),
            Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
        },
        "/-/healthy" if shared.is_moving() => text(StatusCode::OK, "healthy\n".to_owned()),
        "/-/healthy" => text(StatusCode::SERVICE_UNAVAILABLE, "the packet path stands still\n".to_owned()),
        "/-/ready" if shared.is_ready() => text(StatusCode::OK, "ready\n".to_owned()),
        "/-/ready" => text(StatusCode::SERVICE_UNAVAILABLE, "no interface is captured\n".to_owned()),
        "/-/quit" => {
            shared.stop();
            text(StatusCode::OK, "stopping\n".to_owned())
        }
        "/-/reload" => match reload::reload(shared).await {
            Ok(()) => text(StatusCode::OK, "reloaded\n".to_owned()),
            Err(problems) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("refused:\n{}\n", problems.join("\n"))),
        },
        "/api/v1/destinations" => json(shared.destinations(limit)),
        "/api/v1/flows" => json(latest(lock(&shared.sink.recent).flows.iter(), limit)),
        "/api/v1/violations" => json(latest(lock(&shared.sink.recent).violations.iter(), limit)),
        _ => text(StatusCode::NOT_FOUND, "not found\n".to_owned()),
    }
}

/// `limit=N` of a query, within its bounds.
fn limit(query: Option<&str>) -> usize {
    let value = query.and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("limit=")));
    value.and_then(|value| value.parse().ok()).unwrap_or(LIMIT_DEFAULT).clamp(1, RECENT_MAX)
}

/// Events as a JSON array, newest first.
fn latest<'a>(lines: impl DoubleEndedIterator<Item = &'a Arc<[u8]>>, limit: usize) -> Vec<u8> {
    let mut array = vec![b'['];
    for line in lines.rev().take(limit) {
        if array.len() > 1 {
            array.extend_from_slice(b",\n");
        }
        array.extend_from_slice(line);
    }
    array.extend_from_slice(b"]\n");
    array
}

fn text(status: StatusCode, body: String) -> Answer {
    typed(status, "text/plain; charset=utf-8", body.into())
}

fn json(body: Vec<u8>) -> Answer {
    typed(StatusCode::OK, "application/json", body.into())
}

fn landing() -> Answer {
    let body = concat!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Borderpost</title><h1>Borderpost ",
        env!("CARGO_PKG_VERSION"),
        "</h1><ul><li><a href=\"/metrics\">Metrics</a><li><a href=\"/-/healthy\">Healthy</a><li><a href=\"/-/ready\">Ready</a>",
        "<li><a href=\"/api/v1/destinations\">Destinations</a><li><a href=\"/api/v1/flows\">Flows</a>",
        "<li><a href=\"/api/v1/violations\">Violations</a></ul></html>\n"
    );
    typed(StatusCode::OK, "text/html; charset=utf-8", body.into())
}

fn typed(status: StatusCode, content_type: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_bounded() {
        for (query, wanted) in [
            (None, 100),
            (Some("limit=7"), 7),
            (Some("a=b&limit=0"), 1),
            (Some("limit=99999999"), 1000),
            (Some("limit=-3"), 100),
            (Some("limit="), 100),
        ] {
            assert_eq!(limit(query), wanted, "{query:?}");
        }
    }

    #[test]
    fn the_newest_event_comes_first() {
        let lines: Vec<Arc<[u8]>> = [&b"{\"a\":1}"[..], b"{\"a\":2}", b"{\"a\":3}"].map(Into::into).to_vec();
        assert_eq!(latest(lines.iter(), 2), b"[{\"a\":3},\n{\"a\":2}]\n");
        assert_eq!(latest(lines.iter().take(0), 2), b"[]\n");
    }
}
