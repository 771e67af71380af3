//! What services are asked: to let somebody in by their login page or a device, what a token is still worth, and to
//! forget one. How an OAuth2 provider is talked to is [`crate::auth::oauth`]'s; nothing is kept here.

use serde_json::{Map, Value};

use super::Provider;
use crate::auth::oauth::{self, Client, DEVICE_GRANT, Error, JWT_ASSERTION, Line, Proof, Tokens, with_query};
use crate::outbound::{self, Answer, Ask};
use crate::sdk::{ExternalAuthAppInstallation, ExternalAuthDevice, ExternalAuthUser};
use crate::time::Time;

/// What Azure DevOps is called where tokens for it are given.
const AZURE_DEVOPS: &str = "499b84ac-1321-427f-aa17-267ca6975798";
const JWT_GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

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
    pub fn redeem(
        &self,
        line: Line<'_>,
        access_url: &str,
        code: &str,
        verifier: Option<&str>,
    ) -> Result<Tokens, Error> {
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
        self.client().tokens(line, &fields)
    }

    /// New tokens for a refresh token.
    pub fn renew(&self, line: Line<'_>, refresh: &str) -> Result<Tokens, Error> {
        self.client().renew(line, refresh)
    }

    /// What the configuration asks to keep of an answer beside the tokens.
    pub fn extra(&self, tokens: &Tokens) -> Option<Value> {
        let kept = |key: &String| (key.clone(), tokens.answer.get(key).cloned().unwrap_or_default());
        let keys = &self.extra_token_keys;
        (!keys.is_empty()).then(|| keys.iter().map(kept).collect::<Map<_, _>>().into())
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
        let status = answer.status;
        match status == done {
            true => Ok(true),
            false => Err(outbound::Error::Status { host: outbound::host(&self.revoke_url), status }.into()),
        }
    }

    /// A code to enter at the service on another device.
    pub fn begin_device(&self, line: Line<'_>) -> Result<ExternalAuthDevice, Error> {
        oauth::begin_device(line, &self.device_code_url, &self.client_id, &self.scopes.join(" "))
    }

    /// A token, once the code was entered.
    pub fn finish_device(&self, line: Line<'_>, device_code: &str) -> Result<Tokens, Error> {
        let client = Client { proof: Proof::Nothing, ..self.client() };
        client.tokens(line, &[("grant_type", DEVICE_GRANT), ("device_code", device_code)])
    }

    fn client(&self) -> Client<'_> {
        let secret = self.client_secret.as_str();
        let proof = match self.kind.as_str() {
            "azure-devops" => Proof::InGrant,
            _ if secret.is_empty() => Proof::Nothing,
            "jfrog" => Proof::FormAndBearer(secret),
            _ => Proof::FormOrBasic(secret),
        };
        Client { token_url: &self.token_url, client_id: &self.client_id, proof }
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
