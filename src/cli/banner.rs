//! What the server says on standard output and standard error beside its logs.
//!
//! Scripts and tests of the ecosystem look for these lines, so their words and line ends are fixed.

use std::io::{self, Write};

use crate::http::Address;

/// Says where HTTP or HTTPS is taken. `bound` has the true port where 0 was asked for.
pub fn started(out: &mut impl Write, scheme: Scheme, bound: &Address) -> io::Result<()> {
    match (scheme, bound) {
        (Scheme::Http, Address::Tcp(address)) => writeln!(out, "Started HTTP listener at http://{address}"),
        (Scheme::Http, Address::Unix(_)) => writeln!(out, "Started HTTP listener at {bound}"),
        (Scheme::Https, Address::Tcp(address)) => writeln!(out, "Started TLS/HTTPS listener at https://{address}"),
        (Scheme::Https, Address::Unix(_)) => writeln!(out, "Started TLS/HTTPS listener at {bound}"),
    }?;
    out.flush()
}

/// What a listener speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Scheme {
    Http,
    Https,
}

/// Says, in a box, where the dashboard is.
pub fn web_ui(out: &mut impl Write, access_url: &str) -> io::Result<()> {
    const TITLE: &str = "View the Web UI:";
    const PADDING: usize = 3;
    let url_width = access_url.chars().count();
    let inner = TITLE.len().max(url_width);
    let line = |text: &str, width: usize| {
        let (left, right) = ((inner - width) / 2, (inner - width).div_ceil(2));
        format!("║{:left$}{text}{:right$}║", "", "", left = left + PADDING, right = right + PADDING)
    };
    let rule = "═".repeat(inner + 2 * PADDING);
    writeln!(out, "╔{rule}╗")?;
    writeln!(out, "{}", line(TITLE, TITLE.len()))?;
    // Underlined also where it is no terminal: tools cut the URL out between the codes.
    writeln!(out, "{}", line(&format!("\x1b[4m{access_url}\x1b[0m"), url_width))?;
    write!(out, "╚{rule}╝\r\n")?;
    out.flush()
}

/// Says that everything is up and logs follow.
pub fn logs_follow(out: &mut impl Write) -> io::Result<()> {
    write!(out, "\n==> Logs will stream in below (press ctrl+c to gracefully exit):\r\n")?;
    out.flush()
}

/// Says that SIGINT was heard.
pub fn interrupted(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "Interrupt caught, gracefully exiting. Use ctrl+\\ to force quit")?;
    out.flush()
}

/// Says that SIGTERM was heard.
pub fn stopped(out: &mut impl Write) -> io::Result<()> {
    let rest = "waiting for provisioner jobs to complete and gracefully exiting. Use ctrl+\\ to force quit";
    writeln!(out, "Stop caught, {rest}")?;
    out.flush()
}

/// Tells the administrator something worth knowing; meant for standard error.
pub fn warn(err: &mut impl Write, message: &str) -> io::Result<()> {
    write!(err, "WARN: {message}\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(say: impl Fn(&mut Vec<u8>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        say(&mut out).expect("a buffer takes everything");
        String::from_utf8(out).expect("it is text")
    }

    #[test]
    fn listeners_are_named_by_scheme() {
        let tcp = |text: &str| Address::Tcp(text.parse().expect("it is an address"));
        for (scheme, bound, want) in [
            (Scheme::Http, tcp("127.0.0.1:3000"), "Started HTTP listener at http://127.0.0.1:3000\n"),
            (Scheme::Http, Address::Unix("/run/pool.sock".into()), "Started HTTP listener at unix:/run/pool.sock\n"),
            (Scheme::Https, tcp("[::]:3443"), "Started TLS/HTTPS listener at https://[::]:3443\n"),
        ] {
            assert_eq!(said(|out| started(out, scheme, &bound)), want);
        }
    }

    #[test]
    fn the_box_is_as_wide_as_its_longest_line() {
        for url in ["http://a.example", "http://127.0.0.1:3000", "https://a-rather-long-name.example:8443"] {
            let text = said(|out| web_ui(out, url)).replace("\x1b[4m", "").replace("\x1b[0m", "");
            let widths: Vec<_> = text.lines().map(|line| line.trim_end().chars().count()).collect();
            assert_eq!(widths.len(), 4, "{text}");
            assert!(widths.iter().all(|width| *width == widths[0]), "{text}");
            assert!(text.contains("View the Web UI:") && text.contains(url), "{text}");
        }
    }

    #[test]
    fn the_last_lines_end_as_tools_expect() {
        assert!(said(logs_follow).ends_with("gracefully exit):\r\n"));
        assert_eq!(said(|err| warn(err, "careful")), "WARN: careful\r\n");
    }
}
