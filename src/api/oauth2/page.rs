//! The pages that people see on their way through the provider. Everything that somebody wrote is escaped,
//! and the pages may neither run scripts nor be put into frames.

use crate::api::pages::escaped;
use crate::http::Response;
use crate::oauth2::redirect;
use crate::oauth2::request::Problem;
use crate::oauth2::uri::Uri;

const CONSENT: &str = include_str!("consent.html");
const REFUSAL: &str = include_str!("refusal.html");
const STYLE: &str = include_str!("style.css");

/// What a user is asked.
pub struct Question<'a> {
    /// What the application calls itself.
    pub app: &'a str,
    /// Its icon: a path on this server, or a URL.
    pub icon: &'a str,
    /// Who is asked.
    pub username: &'a str,
    /// Where the user will be sent.
    pub redirect_uri: &'a str,
    /// The same, without consent.
    pub cancel: &'a str,
}

/// The page that asks for consent.
pub fn consent(question: &Question<'_>) -> Response {
    let icon = match is_picture(question.icon) {
        true => format!("<img src=\"{}\" alt=\"\">", escaped(question.icon)),
        false => String::new(),
    };
    let place = Uri::parse(question.redirect_uri).map(|uri| match uri.is_web() {
        true => uri.host_and_port().to_owned(),
        false => format!("{}:", uri.scheme),
    });
    let app = escaped(question.app);
    let body = fill(
        CONSENT,
        &[
            ("style", STYLE),
            ("app", &app),
            ("icon", &icon),
            ("username", &escaped(question.username)),
            ("place", &escaped(&place.unwrap_or_default())),
            ("cancel", &escaped(question.cancel)),
        ],
    );
    let target = redirect::policy_source(question.redirect_uri).unwrap_or_default();
    // Browsers hold the redirect that answers the form against `form-action` too.
    page(200, body, &format!("'self' {target}"))
}

/// The page for a request that no application should have made.
pub fn refusal(access_url: &str, problems: &[Problem]) -> Response {
    let items: String =
        problems.iter().map(|p| format!("<li>{}: {}</li>", escaped(&p.field), escaped(&p.detail))).collect();
    page(400, fill(REFUSAL, &[("style", STYLE), ("problems", &items), ("home", &escaped(access_url))]), "'none'")
}

fn is_picture(icon: &str) -> bool {
    let is_path = icon.starts_with('/') && !icon.starts_with("//");
    Uri::parse(icon).is_some_and(|uri| is_path || uri.is_web())
}

/// Fills in the `{{names}}` of a page; values are HTML already, and are not looked at again.
fn fill(page: &str, values: &[(&str, &str)]) -> Vec<u8> {
    let mut out = String::with_capacity(page.len() + 512);
    let mut rest = page;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        out.push_str(values.iter().find(|(n, _)| *n == name).map_or("", |(_, value)| value));
        rest = after;
    }
    out.push_str(rest);
    out.into_bytes()
}

fn page(status: u16, body: Vec<u8>, form_action: &str) -> Response {
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' http: https:; form-action {form_action}; \
         frame-ancestors 'none'; base-uri 'none'"
    );
    let headers = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Security-Policy", &policy),
        ("X-Frame-Options", "DENY"),
        ("Cache-Control", "no-store"),
        // Not `no-referrer`, under which the form's own request would not say where it comes from.
        ("Referrer-Policy", "same-origin"),
    ];
    Response { status, headers: headers.map(|(k, v)| (k.to_owned(), v.to_owned())).to_vec(), body }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_an_application_says_becomes_markup() {
        let question = Question {
            app: "</title><script>alert('x')</script>\u{202e}{{cancel}}",
            icon: "javascript:alert(1)",
            username: "ann\"><b>",
            redirect_uri: "https://a.example/back?x=\"><script>",
            cancel: "https://a.example/back?error=access_denied&x='><script>",
        };
        let response = consent(&question);
        let html = String::from_utf8(response.body).unwrap();
        assert!(!html.contains("<script") && !html.contains("javascript:") && !html.contains('\u{202e}'), "{html}");
        assert!(!html.contains("ann\">"), "{html}");
        assert!(html.contains("&lt;script&gt;alert(&#39;x&#39;)") && html.contains("&#123;&#123;cancel}}"), "{html}");
    }

    #[test]
    fn an_icon_is_a_path_or_a_url() {
        for (icon, shown) in [
            ("/icon/code.svg", true),
            ("https://a.example/i.png", true),
            ("", false),
            ("//a.example/i.png", false),
            ("data:image/svg+xml,x", false),
            ("/a\" onerror=\"x", false),
        ] {
            assert_eq!(is_picture(icon), shown, "{icon:?}");
        }
    }
}
