//! What a browser gets where the API is not: until there is a dashboard, a page that says what this is.

use crate::http::Response;

/// The answer to any path that no route has, whatever the method.
pub fn elsewhere() -> Response {
    page(200, PAGE.to_owned())
}

/// A page that says why something was refused, and leads back.
pub fn refusal(status: u16, title: &str, text: &str) -> Response {
    let body = REFUSAL.replace("{title}", &escaped(title)).replace("{text}", &escaped(text));
    page(status, body)
}

/// A text as HTML: what has a meaning there is escaped, what nobody would see or what turns a line around
/// is left out.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Marks of the page itself mean nothing in what is put into it.
            '{' => out.push_str("&#123;"),
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' => {}
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

fn page(status: u16, body: String) -> Response {
    let headers = [
        ("Content-Type", "text/html; charset=utf-8"),
        (
            "Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
        ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
        ("Referrer-Policy", "no-referrer"),
    ];
    let headers = headers.map(|(k, v)| (k.to_owned(), v.to_owned())).to_vec();
    Response { status, headers, body: body.into_bytes() }
}

const PAGE: &str = include_str!("page.html");
const REFUSAL: &str = include_str!("refusal.html");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_say_is_text_and_no_markup() {
        let page = refusal(403, "<script>\u{202e}{text}", "a & \"b\" <img src=x onerror='c'>");
        let body = String::from_utf8(page.body).unwrap();
        assert!(body.contains("&lt;script&gt;&#123;text}"), "{body}");
        assert!(body.contains("a &amp; &quot;b&quot; &lt;img src=x onerror=&#39;c&#39;&gt;"), "{body}");
    }
}
