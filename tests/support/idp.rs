//! A small identity provider of one's own, on a port of its own: OpenID Connect, and as much of GitHub as
//! signing in takes. It signs what it is told to say, and can be told to do that wrongly.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::Mutex;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

pub const CLIENT_ID: &str = "the-client";
pub const CLIENT_SECRET: &str = "the-client's secret";

/// A provider that runs until the test ends.
pub struct Idp {
    pub url: String,
    state: Arc<State>,
}

struct State {
    url: String,
    script: Mutex<Script>,
}

/// What the provider is told to say.
pub struct Script {
    /// Claims that the next ID tokens hold beside those that every one holds.
    pub claims: Map<String, Value>,
    /// What the userinfo endpoint says; there is none without.
    pub userinfo: Option<Map<String, Value>>,
    /// The userinfo endpoint signs what it says.
    pub signs_userinfo: bool,
    /// The path of the keys.
    pub keys_path: String,
    /// The public key that the client must sign its assertions with, instead of showing its secret.
    pub client_key: Option<Vec<u8>>,
    /// What is wrong with the next ID tokens.
    pub fault: Fault,
    /// Paths of GitHub's API and what they say.
    pub github: HashMap<String, Value>,
    /// What the token endpoint says instead of tokens.
    pub refuses: Option<Value>,
    /// What has been asked, path by path.
    pub asked: Vec<String>,
    /// The refresh token that counts.
    pub refresh: Option<String>,
    codes: HashMap<String, Grant>,
    /// The key that signs.
    pub key: (String, Arc<EcdsaKeyPair>),
    /// The key that is published, if that is another.
    pub published: Option<(String, Arc<EcdsaKeyPair>)>,
}

/// What a code was given for.
struct Grant {
    nonce: Option<String>,
    challenge: String,
    redirect: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    #[default]
    Nothing,
    NoIdToken,
    BadSignature,
    AlgNone,
    AlgHmac,
    ForeignKey,
    Expired,
    NotYet,
    OtherIssuer,
    OtherAudience,
    OtherNonce,
    NoNonce,
    NoSubject,
}

impl Fault {
    /// Each that no server may overlook.
    pub const ALL: [Fault; 12] = [
        Fault::NoIdToken,
        Fault::BadSignature,
        Fault::AlgNone,
        Fault::AlgHmac,
        Fault::ForeignKey,
        Fault::Expired,
        Fault::NotYet,
        Fault::OtherIssuer,
        Fault::OtherAudience,
        Fault::OtherNonce,
        Fault::NoNonce,
        Fault::NoSubject,
    ];
}

fn new_key() -> Arc<EcdsaKeyPair> {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
    Arc::new(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).expect("a key"))
}

impl Idp {
    /// Starts one.
    pub fn start() -> Idp {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let script = Script {
            claims: Map::new(),
            userinfo: None,
            signs_userinfo: false,
            keys_path: "/keys".to_owned(),
            client_key: None,
            fault: Fault::Nothing,
            github: HashMap::new(),
            refuses: None,
            asked: Vec::new(),
            refresh: Some("the-refresh-token".to_owned()),
            codes: HashMap::new(),
            key: ("key-1".to_owned(), new_key()),
            published: None,
        };
        let state = Arc::new(State { url: url.clone(), script: Mutex::new(script) });
        let served = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&served);
                std::thread::spawn(move || serve(&state, stream));
            }
        });
        Idp { url, state }
    }

    /// Changes what it says.
    pub fn script<T>(&self, change: impl FnOnce(&mut Script) -> T) -> T {
        change(&mut self.state.script.lock().expect("no panic"))
    }

    /// Says these claims from now on.
    pub fn says(&self, claims: Value) {
        self.script(|s| s.claims = claims.as_object().expect("claims").clone());
    }

    /// Signs with another key from now on, and publishes that alone.
    pub fn rotate_key(&self, id: &str) {
        self.script(|s| s.key = (id.to_owned(), new_key()));
    }

    /// What somebody who signs in at the page of this URL is sent back with: a query.
    #[track_caller]
    pub fn authorize(&self, location: &str) -> String {
        let (_, query) = location.split_once('?').unwrap_or_else(|| panic!("no query: {location}"));
        let sent: HashMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        assert_eq!((sent["client_id"].as_str(), sent["response_type"].as_str()), (CLIENT_ID, "code"), "{location}");
        assert_eq!(sent["code_challenge_method"], "S256", "{location}");
        let grant = Grant {
            nonce: sent.get("nonce").cloned(),
            challenge: sent["code_challenge"].clone(),
            redirect: sent["redirect_uri"].clone(),
        };
        let code = self.script(|s| {
            let code = format!("code-{}", s.codes.len() + 1);
            s.codes.insert(code.clone(), grant);
            code
        });
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("code", &code), ("state", &sent["state"])])
            .finish()
    }
}

fn serve(state: &State, mut stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let field = |name: &str| {
            head.lines().filter_map(|l| l.split_once(": ")).find(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v)
        };
        let mut body = vec![0; field("content-length").map_or(0, |n| n.parse().expect("a length"))];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let target = head.split(' ').nth(1).unwrap_or_default();
        let form: HashMap<String, String> = form_urlencoded::parse(&body).into_owned().collect();
        let (status, said) = answer(state, target, field("authorization").unwrap_or_default(), &form);
        // A text is a signed token, which is not JSON.
        let (kind, said) = match said {
            Value::String(token) => ("application/jwt", token),
            said => ("application/json", said.to_string()),
        };
        let answer =
            format!("HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{said}", said.len());
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn answer(state: &State, target: &str, authorization: &str, form: &HashMap<String, String>) -> (u16, Value) {
    let mut script = state.script.lock().expect("no panic");
    let path = target.split('?').next().unwrap_or_default();
    script.asked.push(path.to_owned());
    let url = &state.url;
    match path {
        "/.well-known/openid-configuration" => {
            let mut metadata = json!({
                "issuer": url,
                "authorization_endpoint": format!("{url}/authorize"),
                "token_endpoint": format!("{url}/token"),
                "jwks_uri": format!("{url}{}", script.keys_path),
            });
            if script.userinfo.is_some() {
                metadata["userinfo_endpoint"] = format!("{url}/userinfo").into();
            }
            (200, metadata)
        }
        path if path == script.keys_path => {
            let (id, key) = script.published.as_ref().unwrap_or(&script.key);
            let point = &key.public_key().as_ref()[1..];
            let [x, y] = [&point[..32], &point[32..]].map(|half| URL_SAFE_NO_PAD.encode(half));
            (200, json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": id, "use": "sig", "x": x, "y": y}]}))
        }
        "/userinfo" if authorization == "Bearer the-access-token" => {
            let said = Value::Object(script.userinfo.clone().unwrap_or_default());
            let header = json!({"alg": "ES256", "kid": script.key.0});
            (200, if script.signs_userinfo { sign(&header, &said, &script.key.1).into() } else { said })
        }
        "/token" => {
            let is_proven = match &script.client_key {
                Some(key) => asserts(url, key, form),
                None => {
                    let secret: String = form_urlencoded::byte_serialize(CLIENT_SECRET.as_bytes()).collect();
                    authorization == format!("Basic {}", STANDARD.encode(format!("{CLIENT_ID}:{secret}")))
                }
            };
            match (is_proven, redeem(&mut script, form)) {
                (false, _) => (401, json!({"error": "invalid_client"})),
                (true, None) => (400, json!({"error": "invalid_grant"})),
                (true, Some(grant)) => {
                    let (access, refresh) = match form["grant_type"].as_str() {
                        "refresh_token" => ("the-renewed-token", "the-next-refresh-token"),
                        _ => ("the-access-token", "the-refresh-token"),
                    };
                    let mut tokens = json!({
                        "access_token": access, "token_type": "Bearer", "expires_in": 3600, "refresh_token": refresh,
                    });
                    if script.fault != Fault::NoIdToken {
                        tokens["id_token"] = id_token(url, &script, &grant).into();
                    }
                    (200, tokens)
                }
            }
        }
        "/login/oauth/access_token" => match script.refuses.take() {
            Some(refusal) => (200, refusal),
            None if form.contains_key("device_code") => (200, json!({"access_token": "the-access-token"})),
            None if form["client_secret"] == CLIENT_SECRET && redeem(&mut script, form).is_some() => {
                (200, json!({"access_token": "the-access-token", "token_type": "bearer", "scope": "user"}))
            }
            None => (200, json!({"error": "bad_verification_code"})),
        },
        "/login/device/code" => (
            200,
            json!({
                "device_code": "the-device", "user_code": "ABCD-1234", "expires_in": 900, "interval": 5,
                "verification_uri": format!("{url}/login/device"),
            }),
        ),
        path => match script.github.get(path.strip_prefix("/api/v3").unwrap_or(path)) {
            Some(said) if authorization == "Bearer the-access-token" => (200, said.clone()),
            _ => (404, json!({"message": "Not Found"})),
        },
    }
}

/// What a code was given for, once, for who shows the verifier of its challenge.
fn redeem(script: &mut Script, form: &HashMap<String, String>) -> Option<Grant> {
    if form.get("grant_type")? == "refresh_token" {
        // Each counts once.
        let grant = Grant { nonce: None, challenge: String::new(), redirect: String::new() };
        return (script.refresh.take().as_ref() == form.get("refresh_token")).then_some(grant);
    }
    let grant = script.codes.remove(form.get("code")?)?;
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(form.get("code_verifier")?));
    (challenge == grant.challenge && form.get("redirect_uri") == Some(&grant.redirect)).then_some(grant)
}

/// Whether a client's assertion is for this provider, of now, and signed by its key (RFC 7523).
fn asserts(url: &str, key: &[u8], form: &HashMap<String, String>) -> bool {
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    if form.get("client_assertion_type").map(String::as_str) != Some(kind) || form.contains_key("client_secret") {
        return false;
    }
    let Some((signed, signature)) = form.get("client_assertion").and_then(|text| text.rsplit_once('.')) else {
        return false;
    };
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).expect("base64");
    let parts = signed.split('.').map(|part| serde_json::from_slice(&decode(part)).expect("JSON"));
    let [header, claims]: [Value; 2] = parts.collect::<Vec<_>>().try_into().expect("a header and claims");
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    header["alg"] == "RS256"
        && header["x5t"].as_str().is_some_and(|thumbprint| decode(thumbprint).len() == 20)
        && claims["iss"] == CLIENT_ID
        && claims["sub"] == CLIENT_ID
        && claims["aud"] == format!("{url}/token")
        && claims["exp"].as_u64().is_some_and(|exp| (now..now + 600).contains(&exp))
        && !claims["jti"].as_str().unwrap_or_default().is_empty()
        && public.verify(signed.as_bytes(), &decode(signature)).is_ok()
}

/// A token (JWS) of these, signed with ES256.
fn sign(header: &Value, claims: &Value, key: &EcdsaKeyPair) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(header), part(claims));
    let signature = key.sign(&SystemRandom::new(), text.as_bytes()).expect("a signature");
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn id_token(url: &str, script: &Script, grant: &Grant) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    let fault = script.fault;
    let mut claims = script.claims.clone();
    let mut set = |name: &str, value: Value| _ = claims.entry(name).or_insert(value);
    if fault != Fault::NoSubject {
        set("sub", "somebody".into());
    }
    set("iss", if fault == Fault::OtherIssuer { "https://elsewhere.example".into() } else { url.into() });
    set("aud", if fault == Fault::OtherAudience { "other-client".into() } else { CLIENT_ID.into() });
    set("exp", if fault == Fault::Expired { (now - 1).into() } else { (now + 3600).into() });
    set("nbf", if fault == Fault::NotYet { (now + 3600).into() } else { now.into() });
    match (fault, &grant.nonce) {
        (Fault::OtherNonce, _) => set("nonce", "another".into()),
        (Fault::NoNonce, _) | (_, None) => {}
        (_, Some(nonce)) => set("nonce", nonce.as_str().into()),
    }
    let (id, key) = &script.key;
    let alg = match fault {
        Fault::AlgNone => "none",
        Fault::AlgHmac => "HS256",
        _ => "ES256",
    };
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(&json!({"alg": alg, "kid": id})), part(&Value::Object(claims)));
    let foreign = new_key();
    let key = if fault == Fault::ForeignKey { &foreign } else { key };
    let mut signature = key.sign(&SystemRandom::new(), text.as_bytes()).expect("a signature").as_ref().to_vec();
    match fault {
        Fault::AlgNone => signature.clear(),
        Fault::BadSignature => signature[10] ^= 1,
        _ => {}
    }
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A browser: it keeps cookies and goes nowhere by itself.
pub struct Browser {
    client: rockpool::sdk::Client,
    pub cookies: HashMap<String, String>,
}

impl Browser {
    pub fn new(url: &str) -> Browser {
        Browser { client: rockpool::sdk::Client::new(url).expect("an address"), cookies: HashMap::new() }
    }

    /// Gets a page, and keeps the cookies that come with it.
    #[track_caller]
    pub fn get(&mut self, target: &str) -> rockpool::sdk::client::Answer {
        let cookies: Vec<String> = self.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let cookies = cookies.join("; ");
        let headers = vec![("Cookie", cookies.as_str())];
        let request = rockpool::sdk::client::Request { method: "GET", target, headers, body: b"" };
        let answer = self.client.send(&request).unwrap_or_else(|err| panic!("{target}: {err}"));
        for (_, set) in answer.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")) {
            let (name, rest) = set.split_once('=').expect("a cookie");
            let value = rest.split(';').next().unwrap_or_default();
            match value {
                "" => _ = self.cookies.remove(name),
                value => _ = self.cookies.insert(name.to_owned(), value.to_owned()),
            }
        }
        answer
    }

    /// The token of the session that it has.
    pub fn session(&self) -> Option<&str> {
        self.cookies.get("coder_session_token").map(String::as_str)
    }
}
