//! What a browser gets where the API is not: until there is a dashboard, a page that says what this is.

use crate::http::{Request, Response};

/// The answer to any path that no route has.
pub fn elsewhere(request: &Request) -> Response {
    if request.head.method != "GET" && request.head.method != "HEAD" {
        return Response { status: 405, headers: vec![("Allow".into(), "GET, HEAD".into())], body: Vec::new() };
    }
    let headers = [
        ("Content-Type", "text/html; charset=utf-8"),
        (
            "Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
        ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
        ("Referrer-Policy", "no-referrer"),
    ];
    Response {
        status: 200,
        headers: headers.map(|(k, v)| (k.to_owned(), v.to_owned())).to_vec(),
        body: PAGE.as_bytes().to_vec(),
    }
}

const PAGE: &str = include_str!("page.html");
