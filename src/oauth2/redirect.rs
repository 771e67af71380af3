//! Where a browser may be sent back to.
//!
//! A redirect URI is good when it is one that the application registered, or leads to the host and port
//! of its callback and to the callback's path or below it. The scheme may change between http and https,
//! though never from https to a plain http that leaves the machine; a path may not climb out by `..`.

use super::uri::Uri;

/// Schemes that a browser runs or reads from the machine instead of going somewhere.
const NEVER: [&str; 10] =
    ["javascript", "vbscript", "data", "blob", "file", "filesystem", "ftp", "about", "view-source", "jar"];

/// Whether a URI may never be a redirect target, whoever registered it.
pub fn is_dangerous(uri: &Uri<'_>) -> bool {
    NEVER.iter().any(|scheme| uri.has_scheme(scheme))
}

/// Whether an address never leaves the machine.
pub fn is_loopback(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "::1")
}

/// Whether an application may ask for this redirect URI.
pub fn is_allowed(asked: &str, callback: &str, registered: &[String]) -> bool {
    let (Some(uri), Some(base)) = (Uri::parse(asked), Uri::parse(callback)) else { return false };
    if is_dangerous(&uri) || uri.fragment.is_some() || uri.has_dot_segments() {
        return false;
    }
    if asked == callback || registered.iter().any(|one| one == asked) {
        return uri.is_absolute();
    }
    uri.is_web()
        && base.is_web()
        && !uri.has_user()
        && uri.host_and_port() == base.host_and_port()
        && (!base.has_scheme("https") || uri.has_scheme("https") || is_loopback(uri.host()))
        && is_at_or_below(uri.path, base.path)
}

fn is_at_or_below(path: &str, base: &str) -> bool {
    let base = base.trim_end_matches('/');
    let path_or_root = if path.is_empty() { "/" } else { path };
    match path_or_root.strip_prefix(base) {
        Some(rest) => rest.is_empty() || rest.starts_with('/'),
        None => false,
    }
}

/// What a content security policy calls the place that a URI leads to; none for what it could not name.
pub fn policy_source(uri: &str) -> Option<String> {
    let parsed = Uri::parse(uri)?;
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:[]+".contains(&b));
    match parsed.is_web() {
        true if plain(parsed.host_and_port()) => Some(format!("{}://{}", parsed.scheme, parsed.host_and_port())),
        false if parsed.is_absolute() => Some(format!("{}:", parsed.scheme)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_stays_where_the_application_is() {
        let base = "http://app.example:9911/deep/callback";
        for (asked, allowed) in [
            (base, true),
            ("https://app.example:9911/deep/callback", true),
            ("http://app.example:9911/deep/callback/more", true),
            ("http://app.example:9911/deep/callback?x=1", true),
            ("http://app.example:9911/deep/callback-of-another", false),
            ("http://app.example:9911/deep/callback/../../other", false),
            ("http://app.example:9911/deep/callback/%2e%2E/%2e%2e/other", false),
            ("http://app.example:9911/deep/callback/..%2f..%2fother", false),
            ("http://app.example:9911/deep", false),
            ("http://app.example:9911/", false),
            ("http://app.example:9999/deep/callback", false),
            ("http://app.example/deep/callback", false),
            ("http://sub.app.example:9911/deep/callback", false),
            ("http://evil.example/deep/callback", false),
            ("http://app.example:9911@evil.example/deep/callback", false),
            ("http://evil@app.example:9911/deep/callback", false),
            ("http://app.example:9911\\.evil.example/deep/callback", false),
            ("//app.example:9911/deep/callback", false),
            ("/deep/callback", false),
            ("nonsense", false),
            ("", false),
            ("javascript://app.example:9911/deep/callback%0aalert(1)", false),
            ("data://app.example:9911/deep/callback", false),
            ("custom://app.example:9911/deep/callback", false),
            ("http://app.example:9911/deep/callback#part", false),
            ("http://app.example:9911/deep/callback\r\nSet-Cookie: a=b", false),
        ] {
            assert_eq!(is_allowed(asked, base, &[]), allowed, "{asked:?}");
        }
    }

    #[test]
    fn a_code_is_not_sent_over_a_plainer_line_than_registered() {
        for (asked, callback, allowed) in [
            ("http://app.example/back", "https://app.example/back", false),
            ("http://localhost:1/back", "https://localhost:1/back", true),
            ("https://app.example/x", "https://app.example", true),
            ("https://app.example", "https://app.example/", true),
            ("com.example.app://back", "com.example.app://back", true),
            ("com.example.app://back/more", "com.example.app://back", false),
            ("urn:ietf:wg:oauth:2.0:oob", "urn:ietf:wg:oauth:2.0:oob", true),
        ] {
            assert_eq!(is_allowed(asked, callback, &[]), allowed, "{asked:?} {callback:?}");
        }
        let registered = ["https://second.example/back".to_owned()];
        assert!(is_allowed("https://second.example/back", "https://first.example/", &registered));
        assert!(!is_allowed("https://second.example/back/more", "https://first.example/", &registered));
    }

    #[test]
    fn a_policy_names_only_what_it_can() {
        for (uri, source) in [
            ("https://a.example:1/b", Some("https://a.example:1")),
            ("com.example.app://back", Some("com.example.app:")),
            ("https://a.example;script-src/b", None),
        ] {
            assert_eq!(policy_source(uri).as_deref(), source, "{uri}");
        }
    }
}
