//! Talking to other services over HTTP: identity providers, GitHub, whatever else an administrator names.
//!
//! Blocking, and bounded in every way that a service on the other side could abuse: time, the length of the
//! head and of the body, and where it leads: no redirect is followed, so a secret goes where it was meant to
//! and nowhere else. HTTPS is believed only with a certificate that the machine's own authorities vouch for.
//! What an answer means is the caller's business; a status that says no is an answer.

use std::sync::OnceLock;
use std::time::Duration;

use serde::de::DeserializeOwned;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// How long everything may take, from looking the name up to the last byte.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest body that is read.
const MAX_BODY_BYTES: u64 = 4 << 20;

/// A client of other services; connections are kept. Costs nothing until it is used.
#[derive(Default)]
pub struct Outbound {
    agent: OnceLock<ureq::Agent>,
}

/// What is asked of a service.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Upper-case method.
    pub method: &'a str,
    /// Where; `http` or `https`.
    pub url: &'a str,
    /// Header fields.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body; its type is a field like any other.
    pub body: &'a [u8],
}

/// What a service answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its fields, in the order they came; values that are not text are left out.
    pub headers: Vec<(String, String)>,
    /// Its whole body.
    pub body: Vec<u8>,
}

/// Why there is no answer, or not one that can be used. Never holds what was sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The service could not be reached, took too long, or does not speak HTTP.
    #[error("{host} cannot be asked: {reason}")]
    Unreachable {
        /// Who was asked.
        host: String,
        /// What went wrong.
        reason: String,
    },
    /// The service said no.
    #[error("{host} answered with status {status}")]
    Status {
        /// Who was asked.
        host: String,
        /// What it answered.
        status: u16,
    },
    /// The body is not what it should be.
    #[error("the answer of {host} cannot be read: {reason}")]
    Body {
        /// Who was asked.
        host: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Outbound {
    /// Asks a service; any status is an answer.
    pub fn ask(&self, ask: &Ask<'_>) -> Result<Answer, Error> {
        let unreachable =
            |reason: &dyn std::fmt::Display| Error::Unreachable { host: host(ask.url), reason: reason.to_string() };
        let mut request = ureq::http::Request::builder().method(ask.method).uri(ask.url);
        for (name, value) in ask.headers {
            request = request.header(*name, *value);
        }
        let request = request.body(ask.body.to_vec()).map_err(|e| unreachable(&e))?;
        let mut response = self.agent().run(request).map_err(|e| unreachable(&e))?;
        let headers = response.headers().iter();
        let headers = headers.filter_map(|(k, v)| Some((k.as_str().to_owned(), v.to_str().ok()?.to_owned()))).collect();
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(MAX_BODY_BYTES).read_to_vec();
        let body = body.map_err(|e| Error::Body { host: host(ask.url), reason: e.to_string() })?;
        Ok(Answer { status, headers, body })
    }

    /// Gets something.
    pub fn get(&self, url: &str, headers: &[(&str, &str)]) -> Result<Answer, Error> {
        self.ask(&Ask { method: "GET", url, headers, body: b"" })
    }

    /// Gets JSON; a status that says no is an error.
    pub fn get_json<T: DeserializeOwned>(&self, url: &str, headers: &[(&str, &str)]) -> Result<T, Error> {
        let accept = [("Accept", "application/json")];
        let headers: Vec<_> = accept.iter().chain(headers).copied().collect();
        self.get(url, &headers)?.success(url)?.json(url)
    }

    /// Sends the fields of a form.
    pub fn post_form(&self, url: &str, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Result<Answer, Error> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let form = [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")];
        let headers: Vec<_> = form.iter().chain(headers).copied().collect();
        self.ask(&Ask { method: "POST", url, headers: &headers, body: body.as_bytes() })
    }

    fn agent(&self) -> &ureq::Agent {
        self.agent.get_or_init(|| {
            let trusted = rustls_native_certs::load_native_certs().certs;
            let trusted: Vec<_> =
                trusted.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
            let tls = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&trusted)).build();
            ureq::Agent::config_builder()
                .tls_config(tls)
                .user_agent("rockpool")
                .timeout_global(Some(TIMEOUT))
                .timeout_connect(Some(CONNECT_TIMEOUT))
                .max_redirects(0)
                .max_redirects_will_error(false)
                .http_status_as_error(false)
                .allow_non_standard_methods(false)
                .build()
                .new_agent()
        })
    }
}

impl Answer {
    /// The first field of a name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
    /// The answer, if its status says that all is well. `url` is who was asked.
    pub fn success(self, url: &str) -> Result<Answer, Error> {
        match self.status {
            200..300 => Ok(self),
            status => Err(Error::Status { host: host(url), status }),
        }
    }
    /// The body as JSON, whatever the status.
    pub fn json<T: DeserializeOwned>(&self, url: &str) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|e| Error::Body { host: host(url), reason: e.to_string() })
    }
}

/// The host of a URL, which may be told to people; path and query may hold secrets.
pub fn host(url: &str) -> String {
    let authority = url.split("://").nth(1).unwrap_or(url).split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    /// Answers one connection with these bytes, and gives what it was asked.
    fn once(answer: &'static [u8]) -> (String, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/a?secret=1", listener.local_addr().unwrap());
        let served = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = Vec::new();
            let mut byte = [0];
            while !asked.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
                asked.push(byte[0]);
            }
            let head = String::from_utf8_lossy(&asked).into_owned();
            let length = head
                .to_lowercase()
                .split("content-length: ")
                .nth(1)
                .map_or(0, |rest| rest.split("\r\n").next().unwrap().parse().unwrap());
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            // Whoever reads no more than it wants closes first.
            stream.write_all(answer).ok();
            head + &String::from_utf8_lossy(&body)
        });
        (url, served)
    }

    #[test]
    fn a_form_is_sent_and_its_answer_read() {
        let (url, served) = once(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 9\r\nX-A: b\r\n\r\n{\"a\": 10}");
        let answer = Outbound::default().post_form(&url, &[("X-Mine", "yes")], &[("a b", "c&d")]).unwrap();
        assert_eq!((answer.status, answer.header("x-a")), (400, Some("b")));
        assert_eq!(answer.json::<serde_json::Value>(&url).unwrap(), serde_json::json!({"a": 10}));
        let asked = served.join().unwrap();
        assert!(asked.starts_with("POST /a?secret=1 HTTP/1.1\r\n"), "{asked}");
        assert!(asked.to_lowercase().contains("x-mine: yes\r\n"), "{asked}");
        assert!(asked.ends_with("a+b=c%26d"), "{asked}");
    }

    #[test]
    fn redirects_are_answers_and_not_followed() {
        let (url, served) = once(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
        let answer = Outbound::default().get(&url, &[]).unwrap();
        assert_eq!((answer.status, answer.header("Location")), (302, Some("http://127.0.0.1:1/")));
        assert!(matches!(answer.success(&url), Err(Error::Status { status: 302, .. })));
        served.join().unwrap();
    }

    #[test]
    fn a_body_without_end_is_not_read_to_its_end() {
        static LONG: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
            let mut answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
            answer.resize(answer.len() + MAX_BODY_BYTES as usize + 1, b'x');
            answer
        });
        let (url, served) = once(&LONG);
        assert!(matches!(Outbound::default().get(&url, &[]), Err(Error::Body { .. })));
        served.join().unwrap();
    }

    #[test]
    fn errors_name_the_host_and_no_secret() {
        let error = Outbound::default().get("http://user:secret@127.0.0.1:1/path?code=secret", &[]).unwrap_err();
        assert!(error.to_string().starts_with("127.0.0.1:1 cannot be asked"), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
        for url in ["ftp://127.0.0.1/", "not a url", "file:///etc/passwd"] {
            assert!(matches!(Outbound::default().get(url, &[]), Err(Error::Unreachable { .. })), "{url}");
        }
    }
}
