//! What pages of other origins may do (CORS): by default nothing but measure latency. Paths of other
//! standards, which foreign pages are meant to use, are open.

use crate::http::{Head, Response};

struct Rules {
    anybody: bool,
    methods: &'static [&'static str],
    headers: &'static [&'static str],
    exposed: &'static [&'static str],
    max_age_seconds: u32,
}

const CLOSED: Rules = Rules {
    anybody: false,
    methods: &["OPTIONS", "GET"],
    headers: &["Accept", "Content-Type", "X-Latency-Check", "X-Csrf-Token", "Origin"],
    exposed: &[],
    max_age_seconds: 0,
};

const OPEN: Rules = Rules {
    anybody: true,
    methods: &["GET", "POST", "DELETE", "OPTIONS"],
    headers: &[
        "Content-Type",
        "Accept",
        "Authorization",
        "X-Api-Key",
        "Mcp-Session-Id",
        "Mcp-Protocol-Version",
        "Last-Event-Id",
        "Origin",
    ],
    exposed: &["Content-Type", "Authorization", "X-Api-Key", "Mcp-Session-Id", "Mcp-Protocol-Version"],
    max_age_seconds: 86_400,
};

const OPEN_PATHS: [&str; 3] = ["/oauth2/", "/api/experimental/mcp/", "/.well-known/oauth-"];

fn rules(path: &str, allow_all: bool) -> Rules {
    match OPEN_PATHS.iter().any(|open| path.starts_with(open)) {
        true => OPEN,
        false => Rules { anybody: allow_all, ..CLOSED },
    }
}

/// The answer to a browser that asks before it sends; none to any other request.
pub fn preflight(head: &Head, allow_all: bool) -> Option<Response> {
    let headers = &head.headers;
    let method = headers.get("Access-Control-Request-Method").filter(|_| head.method == "OPTIONS")?;
    let mut answer: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, value: &str| answer.push((name.to_owned(), value.to_owned()));
    for field in ["Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"] {
        add("Vary", field);
    }
    let rules = rules(&head.path, allow_all);
    let asked = headers.get("Access-Control-Request-Headers").unwrap_or_default();
    let asked: Vec<&str> = asked.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let known = |name: &&str| rules.headers.iter().any(|h| h.eq_ignore_ascii_case(name));
    let has_origin = headers.get("Origin").is_some_and(|origin| !origin.is_empty());
    if rules.anybody && has_origin && rules.allows(method) && asked.iter().all(known) {
        add("Access-Control-Allow-Origin", "*");
        add("Access-Control-Allow-Methods", &method.to_uppercase());
        if !asked.is_empty() {
            add("Access-Control-Allow-Headers", &asked.join(", "));
        }
        if rules.max_age_seconds > 0 {
            add("Access-Control-Max-Age", &rules.max_age_seconds.to_string());
        }
    }
    Some(Response { status: 200, headers: answer, body: Vec::new() })
}

/// What the answer to a page of another origin carries.
pub fn fields(head: &Head, allow_all: bool) -> Vec<(String, String)> {
    let rules = rules(&head.path, allow_all);
    let has_origin = head.headers.get("Origin").is_some_and(|origin| !origin.is_empty());
    if !rules.anybody || !has_origin || !rules.allows(&head.method) {
        return Vec::new();
    }
    let mut fields = vec![("Access-Control-Allow-Origin".to_owned(), "*".to_owned())];
    if !rules.exposed.is_empty() {
        fields.push(("Access-Control-Expose-Headers".to_owned(), rules.exposed.join(", ")));
    }
    fields
}

impl Rules {
    fn allows(&self, method: &str) -> bool {
        self.methods.iter().any(|m| m.eq_ignore_ascii_case(method))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Headers;

    fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Head {
        let headers = headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Head { method: method.into(), path: path.into(), query: String::new(), headers: Headers(headers) }
    }

    #[test]
    fn other_pages_are_let_in_where_they_are_meant_to_be() {
        let asks = [("Origin", "https://other.example.com"), ("Access-Control-Request-Method", "POST")];
        for (path, allow_all, method, open) in [
            ("/api/v2/users/me", false, "GET", false),
            ("/api/v2/users/me", true, "GET", true),
            ("/api/v2/users/me", true, "POST", false),
            ("/oauth2/tokens", false, "POST", true),
            ("/oauth2/tokens", false, "PUT", false),
            ("/.well-known/oauth-authorization-server", false, "GET", true),
        ] {
            let answer = preflight(&request("OPTIONS", path, &[asks[0], (asks[1].0, method)]), allow_all).unwrap();
            let allowed = answer.headers.iter().any(|(name, _)| name == "Access-Control-Allow-Origin");
            assert_eq!((answer.status, allowed), (200, open), "{method} {path}");
            let actual = fields(&request(method, path, &asks[..1]), allow_all);
            assert_eq!(!actual.is_empty(), open, "{method} {path}");
        }
        assert!(preflight(&request("OPTIONS", "/", &asks[..1]), true).is_none());
        assert!(preflight(&request("POST", "/", &asks), true).is_none());
        assert!(fields(&request("GET", "/oauth2/tokens", &[]), true).is_empty());
    }

    #[test]
    fn a_header_that_is_not_known_closes_the_door() {
        for (asked, open) in [("content-type, X-API-Key", true), ("Coder-Session-Token", false)] {
            let headers = [
                ("Origin", "https://a.example"),
                ("Access-Control-Request-Method", "POST"),
                ("Access-Control-Request-Headers", asked),
            ];
            let answer = preflight(&request("OPTIONS", "/oauth2/tokens", &headers), false).unwrap();
            assert_eq!(answer.headers.iter().any(|(name, _)| name == "Access-Control-Allow-Headers"), open, "{asked}");
        }
    }
}
