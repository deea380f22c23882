//! What is answered to which request. It reads what the packet path published and never waits for it; a scrape costs the packet
//! path nothing.
//!
//! | path | answer |
//! |---|---|
//! | `/` | what is here |
//! | `/metrics` | Prometheus text |
//! | `/-/healthy` | 200 while the packet path moves |
//! | `/-/ready` | 200 while at least one interface is captured |
//! | `/-/reload`, `/-/quit` | PUT or POST, only with `--web.enable-lifecycle` |
//! | `/api/v1/status` | how it goes, with the summary so far |
//! | `/api/v1/destinations` | jurisdictions by octets |
//! | `/api/v1/flows`, `/api/v1/violations` | the latest events, newest first |
//!
//! The last three take `?limit=N`, 1 to 1000, 100 if none is given. Their shape is docs/schema/api.json.

use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, Response, StatusCode};

use super::api;
use crate::daemon::reload;
use crate::daemon::shared::Shared;
use crate::daemon::sink::{RECENT_MAX, lock};

const LIMIT_DEFAULT: usize = 100;

type Answer = Response<Full<Bytes>>;

/// Answers whoever may ask.
pub(super) async fn answer(shared: &Arc<Shared>, request: Request<Incoming>) -> Answer {
    let rules = shared.rules();
    let users = &rules.web.users;
    let authorization = request.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes);
    let mut answer = if users.is_empty() || shared.checked.admits(users, authorization).await {
        routed(shared, &request).await
    } else {
        let mut answer = text(StatusCode::UNAUTHORIZED, "Unauthorized\n".to_owned());
        answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic"));
        answer
    };
    for (name, value) in &rules.web.headers {
        answer.headers_mut().insert(name, value.clone());
    }
    answer
}

async fn routed(shared: &Arc<Shared>, request: &Request<Incoming>) -> Answer {
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
            Ok(metrics) => typed(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", metrics),
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
        "/api/v1/status" => json(api::status(shared)),
        "/api/v1/destinations" => json(api::destinations(&shared.status().counts, limit)),
        "/api/v1/flows" => json(api::latest(lock(&shared.sink.recent).flows.iter(), limit)),
        "/api/v1/violations" => json(api::latest(lock(&shared.sink.recent).violations.iter(), limit)),
        _ => text(StatusCode::NOT_FOUND, "not found\n".to_owned()),
    }
}

/// `limit=N` of a query, within its bounds.
fn limit(query: Option<&str>) -> usize {
    let value = query.and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("limit=")));
    value.and_then(|value| value.parse().ok()).unwrap_or(LIMIT_DEFAULT).clamp(1, RECENT_MAX)
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
        "<li><a href=\"/api/v1/status\">Status</a><li><a href=\"/api/v1/destinations\">Destinations</a><li><a href=\"/api/v1/flows\">Flows</a>",
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
}
