//! How services are talked to: to their login page and back, from a code or a device to a token, and what a
//! token is still worth. Nothing is kept here.
//!
//! Services differ. A client proves itself in the form and, where that is not taken, in the header; answers
//! are JSON or forms; GitHub says no with 200.

use serde_json::{Map, Value};

use super::Provider;
use crate::auth::oauth::{self, DEVICE_GRANT, with_query};
use crate::outbound::{self, Answer, Ask, Outbound};
use crate::sdk::{ExternalAuthAppInstallation, ExternalAuthDevice, ExternalAuthUser};
use crate::time::Time;

/// What Azure DevOps is called where tokens for it are given.
const AZURE_DEVOPS: &str = "499b84ac-1321-427f-aa17-267ca6975798";
const JWT_GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const JWT_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What a service gave.
#[derive(Clone)]
pub struct Token {
    /// Opens the service's API.
    pub access: String,
    /// Gets a new one; empty for none.
    pub refresh: String,
    /// Until when; [`Time::ZERO`] for ever.
    pub expires_at: Time,
    /// What else the configuration asks to keep of it.
    pub extra: Option<Value>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The service said no, with its own word for why.
    #[error("{0}")]
    Refused(String),
    /// The service cannot be asked, or not understood.
    #[error(transparent)]
    Outbound(#[from] outbound::Error),
    /// The answer has no token.
    #[error("the answer holds no access token")]
    NoToken,
}

/// Where and when services are asked.
#[derive(Clone, Copy)]
pub struct Line<'a> {
    /// The way out.
    pub outbound: &'a Outbound,
    /// The time.
    pub now: Time,
}

impl Provider {
    /// The service's login page.
    pub fn login_page(&self, access_url: &str, state: &str, challenge: Option<&str>) -> String {
        let callback = self.callback(access_url);
        let scopes = self.scopes.join(" ");
        let response_type = if self.kind == "azure-devops" { "Assertion" } else { "code" };
        let mut fields = vec![
            ("access_type", "offline"),
            ("client_id", self.client_id.as_str()),
            ("redirect_uri", callback.as_str()),
            ("response_type", response_type),
            ("state", state),
        ];
        if !scopes.is_empty() {
            fields.push(("scope", &scopes));
        }
        if let Some(challenge) = challenge {
            fields.extend([("code_challenge", challenge), ("code_challenge_method", "S256")]);
        }
        if self.kind == "azure-devops-entra" {
            fields.push(("resource", AZURE_DEVOPS));
        }
        with_query(&self.auth_url, &fields)
    }

    /// A token for the code that a user came back with.
    pub fn redeem(&self, line: Line<'_>, access_url: &str, code: &str, verifier: Option<&str>) -> Result<Token, Error> {
        let callback = self.callback(access_url);
        let mut fields = match self.kind.as_str() {
            "azure-devops" => vec![
                ("grant_type", JWT_GRANT),
                ("client_assertion_type", JWT_ASSERTION),
                ("client_assertion", self.client_secret.as_str()),
                ("assertion", code),
            ],
            _ => vec![("grant_type", "authorization_code"), ("code", code)],
        };
        fields.push(("redirect_uri", &callback));
        if let Some(verifier) = verifier {
            fields.push(("code_verifier", verifier));
        }
        if self.kind == "azure-devops-entra" {
            fields.push(("resource", AZURE_DEVOPS));
        }
        self.token(line, &fields)
    }

    /// A new token for a refresh token, which stays if no other comes.
    pub fn renew(&self, line: Line<'_>, refresh: &str) -> Result<Token, Error> {
        let token = self.token(line, &[("grant_type", "refresh_token"), ("refresh_token", refresh)])?;
        let refresh = if token.refresh.is_empty() { refresh.to_owned() } else { token.refresh };
        Ok(Token { refresh, ..token })
    }

    /// Whether a token still opens the service, and for whom, where that is said.
    pub fn validate(
        &self,
        line: Line<'_>,
        token: &str,
        expires_at: Time,
    ) -> Result<(bool, Option<ExternalAuthUser>), Error> {
        if !expires_at.is_zero() && expires_at < line.now {
            return Ok((false, None));
        }
        if self.validate_url.is_empty() {
            return Ok((true, None));
        }
        let answer = get(line, &self.validate_url, token)?;
        if matches!(answer.status, 401 | 403) {
            return Ok((false, None));
        }
        let answer = answer.success(&self.validate_url)?;
        let user = if self.is_github() { answer.json::<Value>(&self.validate_url).ok() } else { None };
        Ok((true, user.map(|user| person(&user))))
    }

    /// Where the service's app is installed; none where it has no such thing.
    pub fn installations(
        &self,
        line: Line<'_>,
        token: &str,
    ) -> Result<Option<Vec<ExternalAuthAppInstallation>>, Error> {
        if self.app_installations_url.is_empty() {
            return Ok(None);
        }
        let answer = get(line, &self.app_installations_url, token)?;
        if answer.status != 200 {
            return Ok(None);
        }
        if !self.is_github() {
            return Ok(Some(Vec::new()));
        }
        let listed: Value = answer.json(&self.app_installations_url)?;
        let listed = listed["installations"].as_array().map(Vec::as_slice).unwrap_or_default();
        let shown = listed.iter().filter(|one| one["account"].is_object()).map(|one| ExternalAuthAppInstallation {
            id: one["id"].as_i64().unwrap_or_default(),
            account: person(&one["account"]),
            configure_url: one["html_url"].as_str().unwrap_or_default().to_owned(),
        });
        Ok(Some(shown.collect()))
    }

    /// Tells the service to forget a token; false where it takes no such wish.
    pub fn revoke(&self, line: Line<'_>, access: &str, refresh: &str) -> Result<bool, Error> {
        if self.revoke_url.is_empty() {
            return Ok(false);
        }
        let (answer, done) = if self.is_github() {
            let body = serde_json::json!({ "access_token": access }).to_string();
            let basic = self.basic();
            let headers = [
                ("Accept", "application/vnd.github+json"),
                ("X-GitHub-Api-Version", "2022-11-28"),
                ("Content-Type", "application/json"),
                ("Authorization", basic.as_str()),
            ];
            let ask = Ask { method: "DELETE", url: &self.revoke_url, headers: &headers, body: body.as_bytes() };
            (line.outbound.ask(&ask)?, 204)
        } else {
            let (hint, token) = match refresh {
                "" => ("access_token", access),
                refresh => ("refresh_token", refresh),
            };
            let fields = [
                ("client_id", self.client_id.as_str()),
                ("client_secret", self.client_secret.as_str()),
                ("token_type_hint", hint),
                ("token", token),
            ];
            let bearer = format!("Bearer {access}");
            (line.outbound.post_form(&self.revoke_url, &[("Authorization", &bearer)], &fields)?, 200)
        };
        match answer.status {
            status if status == done => Ok(true),
            status => Err(Error::Refused(format!("the service did not revoke the token: status {status}"))),
        }
    }

    /// A code to enter at the service on another device (RFC 8628).
    pub fn begin_device(&self, line: Line<'_>) -> Result<ExternalAuthDevice, Error> {
        let scopes = self.scopes.join(" ");
        let url = with_query(&self.device_code_url, &[("client_id", &self.client_id), ("scope", &scopes)]);
        let headers = [("Accept", "application/json")];
        let answer = line.outbound.ask(&Ask { method: "POST", url: &url, headers: &headers, body: b"" })?;
        if answer.status == 429 {
            return Err(Error::Refused("the service has been asked too often; try again later".to_owned()));
        }
        let said = said(&answer, &url)?;
        if let Some(why) = said.get("error_description").or_else(|| said.get("error")).and_then(Value::as_str)
            && !why.is_empty()
        {
            return Err(Error::Refused(why.to_owned()));
        }
        let text = |name: &str| said.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(ExternalAuthDevice {
            device_code: text("device_code"),
            user_code: text("user_code"),
            verification_uri: text("verification_uri"),
            expires_in: number(said.get("expires_in")),
            interval: number(said.get("interval")),
        })
    }

    /// A token, once the code was entered.
    pub fn finish_device(&self, line: Line<'_>, device_code: &str) -> Result<Token, Error> {
        let fields =
            [("client_id", self.client_id.as_str()), ("device_code", device_code), ("grant_type", DEVICE_GRANT)];
        let url = with_query(&self.token_url, &fields);
        let headers = [("Accept", "application/json")];
        let answer = line.outbound.ask(&Ask { method: "POST", url: &url, headers: &headers, body: b"" })?;
        let token = self.read(line, &answer, &self.token_url)?;
        // Devices bring nothing more.
        Ok(Token { extra: None, ..token })
    }

    fn token(&self, line: Line<'_>, fields: &[(&str, &str)]) -> Result<Token, Error> {
        let url = &self.token_url;
        let mut with_secret = fields.to_vec();
        if self.kind != "azure-devops" {
            with_secret.push(("client_id", &self.client_id));
            if !self.client_secret.is_empty() {
                with_secret.push(("client_secret", &self.client_secret));
            }
        }
        let bearer = format!("Bearer {}", self.client_secret);
        let headers = match self.kind.as_str() {
            "jfrog" => vec![("Authorization", bearer.as_str())],
            _ => Vec::new(),
        };
        let first = line.outbound.post_form(url, &headers, &with_secret)?;
        let refused_client = matches!(first.status, 400 | 401)
            && said(&first, url).is_ok_and(|said| said.get("error").and_then(Value::as_str) == Some("invalid_client"));
        if !refused_client || self.client_secret.is_empty() {
            return self.read(line, &first, url);
        }
        let basic = self.basic();
        let second = line.outbound.post_form(url, &[("Authorization", &basic)], fields)?;
        self.read(line, &second, url)
    }

    fn read(&self, line: Line<'_>, answer: &Answer, url: &str) -> Result<Token, Error> {
        let said = match said(answer, url) {
            Ok(said) => said,
            Err(unreadable) => return Err(answer.clone().success(url).err().map_or(unreadable, Error::from)),
        };
        if let Some(why) = said.get("error").and_then(Value::as_str).filter(|why| !why.is_empty()) {
            return Err(Error::Refused(why.to_owned()));
        }
        answer.clone().success(url)?;
        let text = |name: &str| said.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let access = text("access_token");
        if access.is_empty() {
            return Err(Error::NoToken);
        }
        let expires_at = match u64::try_from(number(said.get("expires_in"))) {
            Ok(seconds @ 1..10_000_000_000) => line.now + std::time::Duration::from_secs(seconds),
            _ => Time::ZERO,
        };
        let extra = (!self.extra_token_keys.is_empty()).then(|| {
            let kept = self.extra_token_keys.iter();
            kept.map(|key| (key.clone(), said.get(key).cloned().unwrap_or_default())).collect::<Map<_, _>>().into()
        });
        Ok(Token { access, refresh: text("refresh_token"), expires_at, extra })
    }

    /// Who the client is, in a header.
    fn basic(&self) -> String {
        oauth::basic(&self.client_id, &self.client_secret)
    }
}

fn get(line: Line<'_>, url: &str, token: &str) -> Result<Answer, Error> {
    let bearer = format!("Bearer {token}");
    Ok(line.outbound.get(url, &[("Authorization", &bearer), ("Accept", "application/json")])?)
}

/// The fields of an answer, whichever way they are written.
fn said(answer: &Answer, url: &str) -> Result<Map<String, Value>, Error> {
    let kind = answer.header("Content-Type").unwrap_or_default();
    if kind.starts_with("application/x-www-form-urlencoded") || kind.starts_with("text/plain") {
        let fields = form_urlencoded::parse(&answer.body);
        return Ok(fields.map(|(k, v)| (k.into_owned(), Value::String(v.into_owned()))).collect());
    }
    Ok(answer.json(url)?)
}

/// A number, which some services write as text.
fn number(value: Option<&Value>) -> i64 {
    match value {
        Some(Value::Number(number)) => {
            number.as_i64().or_else(|| number.as_f64().map(|f| f as i64)).unwrap_or_default()
        }
        Some(Value::String(text)) => text.trim().parse().unwrap_or_default(),
        _ => 0,
    }
}

fn person(user: &Value) -> ExternalAuthUser {
    let text = |name: &str| user[name].as_str().unwrap_or_default().to_owned();
    ExternalAuthUser {
        id: user["id"].as_i64().unwrap_or_default(),
        login: text("login"),
        avatar_url: text("avatar_url"),
        profile_url: text("html_url"),
        name: text("name"),
    }
}
