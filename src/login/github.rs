//! GitHub, or a GitHub Enterprise server, as a way to sign in: where to send a browser, what it gives for a
//! code, and who it says somebody is.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Identity;
use crate::auth::oauth::{self, Client, DEVICE_GRANT, Line, Proof, Tokens};
use crate::config::login::{Allowed, Github};
use crate::deployment::Deployment;
use crate::outbound;
use crate::sdk::names::{normalize_real_name, username_from};
use crate::sdk::{ExternalAuthDevice, LoginType};

const SCOPES: &str = "read:user read:org user:email";
/// The longest list that is read at once.
const PAGE: &str = "per_page=100";
const GITHUB_COM: &str = "https://github.com";

/// Why GitHub's word does not let somebody in.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// GitHub cannot be asked.
    #[error(transparent)]
    Outbound(#[from] outbound::Error),
    /// GitHub does not know the app or the code.
    #[error(transparent)]
    OAuth(#[from] oauth::Error),
    /// Whoever it is, is in none of the organizations that may sign in.
    #[error("you are not a member of a GitHub organization that may sign in here")]
    NotInOrganization,
    /// Or in none of the teams.
    #[error("you are not a member of a GitHub team that may sign in here")]
    NotInTeam,
    /// The address that counts is not verified.
    #[error("verify your primary address on GitHub, then sign in again")]
    Unverified,
    /// GitHub names nobody.
    #[error("GitHub does not say who this is")]
    Nobody,
}

/// The app of a deployment at GitHub.
pub struct App<'a> {
    deployment: &'a Deployment,
    config: &'a Github,
}

#[derive(Deserialize)]
struct GithubUser {
    id: i64,
    login: String,
    name: Option<String>,
    avatar_url: Option<String>,
}

#[derive(Deserialize)]
struct Email {
    email: String,
    primary: bool,
    verified: bool,
}

#[derive(Deserialize)]
struct Membership {
    state: String,
    organization: Organization,
}

#[derive(Deserialize)]
struct Organization {
    login: String,
}

#[derive(Deserialize)]
struct TeamMembership {
    state: String,
}

impl<'a> App<'a> {
    /// The app, if one is set up.
    pub fn of(deployment: &'a Deployment) -> Option<App<'a>> {
        deployment.config.github.as_ref().map(|config| App { deployment, config })
    }

    /// Its settings.
    pub fn config(&self) -> &'a Github {
        self.config
    }

    /// Where to send a browser to sign in.
    pub fn authorization_url(&self, state: &str, verifier: &str) -> String {
        if self.config.device_flow {
            return oauth::with_query("/login/device", &[("state", state)]);
        }
        let url = format!("{}/login/oauth/authorize", self.config.base_url);
        let (redirect, challenge) = (self.redirect_url(), oauth::challenge(verifier));
        oauth::with_query(
            &url,
            &[
                ("client_id", &self.config.client_id),
                ("redirect_uri", &redirect),
                ("response_type", "code"),
                ("scope", SCOPES),
                ("state", state),
                ("code_challenge", &challenge),
                ("code_challenge_method", "S256"),
            ],
        )
    }

    /// Begins signing in with a code that is typed at GitHub.
    pub fn device(&self) -> Result<ExternalAuthDevice, Error> {
        let url = format!("{}/login/device/code", self.config.base_url);
        Ok(oauth::begin_device(self.line(), &url, &self.config.client_id, SCOPES)?)
    }

    /// The tokens for a code: of the way back or, with the device flow, of the device.
    pub fn exchange(&self, code: &str, verifier: &str) -> Result<Tokens, oauth::Error> {
        let url = format!("{}/login/oauth/access_token", self.config.base_url);
        let proof = match &self.config.client_secret {
            Some(secret) if !self.config.device_flow => Proof::Form(secret.expose()),
            _ => Proof::Nothing,
        };
        let client = Client { token_url: &url, client_id: &self.config.client_id, proof };
        let redirect = self.redirect_url();
        let by_redirect = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect.as_str()),
            ("code_verifier", verifier),
        ];
        let by_device = [("grant_type", DEVICE_GRANT), ("device_code", code)];
        let fields: &[_] = if self.config.device_flow { &by_device } else { &by_redirect };
        client.tokens(self.line(), fields)
    }

    fn line(&self) -> Line<'_> {
        Line { outbound: &self.deployment.outbound, now: self.deployment.clock.now() }
    }

    /// Who signed in, if that is somebody who may.
    pub fn identity(&self, tokens: Tokens) -> Result<Identity, Error> {
        let user: GithubUser = self.get("/user", &tokens)?;
        if user.id <= 0 || user.login.is_empty() {
            return Err(Error::Nobody);
        }
        self.admit(&user, &tokens)?;
        let emails: Vec<Email> = self.get(&format!("/user/emails?{PAGE}"), &tokens)?;
        let email = emails.into_iter().find(|e| e.primary && e.verified).ok_or(Error::Unverified)?;
        Ok(Identity {
            login_type: LoginType::Github,
            linked_id: user.id.to_string(),
            email: email.email,
            // Enterprise servers have names with underscores, which no username here has.
            username: username_from(&user.login.replace('_', "-")),
            name: normalize_real_name(user.name.as_deref().unwrap_or_default()).to_owned(),
            avatar_url: user.avatar_url.unwrap_or_default(),
            tokens,
            claims: serde_json::json!({}),
            decides: None,
            allow_signups: self.config.allow_signups,
            github_com_user_id: (self.config.base_url == GITHUB_COM).then_some(user.id),
        })
    }

    fn admit(&self, user: &GithubUser, tokens: &Tokens) -> Result<(), Error> {
        let Allowed::Members { organizations, teams } = &self.config.allowed else { return Ok(()) };
        let path = format!("/user/memberships/orgs?state=active&{PAGE}");
        let memberships: Vec<Membership> = self.get(&path, tokens)?;
        let is_member = |organization: &str| {
            memberships.iter().any(|m| m.state == "active" && m.organization.login.eq_ignore_ascii_case(organization))
        };
        let among: Vec<&String> = organizations.iter().filter(|o| is_member(o)).collect();
        if among.is_empty() {
            return Err(Error::NotInOrganization);
        }
        if teams.is_empty() {
            return Ok(());
        }
        for (organization, slug) in teams.iter().filter(|(o, _)| among.iter().any(|a| a.eq_ignore_ascii_case(o))) {
            let path =
                format!("/orgs/{}/teams/{}/memberships/{}", segment(organization), segment(slug), segment(&user.login));
            match self.get::<TeamMembership>(&path, tokens) {
                Ok(membership) if membership.state == "active" => return Ok(()),
                // Who is in no team of that name is told as if there were none.
                Ok(_) | Err(Error::Outbound(outbound::Error::Status { .. })) => {}
                Err(e) => return Err(e),
            }
        }
        Err(Error::NotInTeam)
    }

    fn get<T: DeserializeOwned>(&self, path: &str, tokens: &Tokens) -> Result<T, Error> {
        let url = format!("{}{path}", self.config.api_url);
        let authorization = format!("Bearer {}", tokens.access);
        let headers = [("Authorization", authorization.as_str()), ("X-GitHub-Api-Version", "2022-11-28")];
        Ok(self.deployment.outbound.get_json(&url, &headers)?)
    }

    fn redirect_url(&self) -> String {
        format!("{}/api/v2/users/oauth2/github/callback", self.deployment.access_url)
    }
}

/// A text as one segment of a path.
fn segment(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
