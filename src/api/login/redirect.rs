//! Where a browser goes on after it was at another service: always to a path of this server, whatever it was
//! asked to.

use percent_encoding::{AsciiSet, CONTROLS, percent_encode};

/// What cannot stand in a cookie or a Location as it is.
const UNSAFE: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b',').add(b';').add(b'\\').add(b'<').add(b'>');

/// The path and query of a URL, without its host; `/` for what has none. The answer can stand in a cookie, and
/// is asked for again when it comes back from one, which another than this server may have set.
pub(in crate::api) fn local(url: &str) -> String {
    // Browsers read backslashes as slashes, and skip what is no text.
    let cleaned: String = url.chars().filter(|c| !c.is_control()).map(|c| if c == '\\' { '/' } else { c }).collect();
    let cleaned = cleaned.trim();
    let after_scheme = match cleaned.split_once(':') {
        Some((scheme, rest)) if is_scheme(scheme) => rest,
        _ => cleaned,
    };
    let path = match after_scheme.strip_prefix("//") {
        Some(rest) => &rest[rest.find(['/', '?', '#']).unwrap_or(rest.len())..],
        None => after_scheme,
    };
    let path = path.split('#').next().unwrap_or_default();
    let path = format!("/{}", path.trim_start_matches('/'));
    percent_encode(path.as_bytes(), UNSAFE).to_string()
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_host() {
        for (url, want) in [
            ("", "/"),
            ("/", "/"),
            ("/templates?tab=1&x=a b", "/templates?tab=1&x=a%20b"),
            ("https://evil.example/path?q=1#f", "/path?q=1"),
            ("https://evil.example", "/"),
            ("https://evil.example//other.example", "/other.example"),
            ("//evil.example/x", "/x"),
            ("///evil.example/x", "/evil.example/x"),
            ("/\\evil.example", "/"),
            ("\\\\evil.example\\x", "/x"),
            ("/\t/evil.example", "/"),
            ("javascript:alert(1)", "/alert(1)"),
            ("http:evil.example", "/evil.example"),
            ("https:/\\evil.example/x", "/x"),
            ("evil.example", "/evil.example"),
            ("/a\r\nSet-Cookie: x=y; z", "/aSet-Cookie:%20x=y%3B%20z"),
            ("?a=b", "/?a=b"),
            ("/@user/ws", "/@user/ws"),
        ] {
            let got = local(url);
            assert_eq!(got, want, "{url:?}");
            assert_eq!(local(&got), got, "{url:?} is the same again");
            assert!(!got.starts_with("//"), "{url:?}");
        }
    }
}
