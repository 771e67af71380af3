//! What clients ask: authorization requests and token requests, read from queries and forms.
//!
//! Every parameter is known by name and given once; an empty one is as one left out. Problems are
//! gathered in the order in which they are looked for, since an answer may name several.

use super::redirect;
use super::uri::Uri;
use crate::sdk::{OAuth2ErrorCode as Code, OAuth2ProviderGrantType as Grant, OAuth2ProviderResponseType as Response};

/// The longest value of a parameter, in bytes. Codes and secrets have 57, URIs may be long.
const MAX_VALUE: usize = 8 << 10;

/// Where a client may send people, as it was registered.
#[derive(Debug, Clone, Copy)]
pub struct Targets<'a> {
    /// Its callback.
    pub callback: &'a str,
    /// All that it registered.
    pub registered: &'a [String],
}

/// Something wrong with a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which one.
    pub field: String,
    /// What is wrong, for people.
    pub detail: String,
}

/// A request for a user's consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// Where to send the user back to.
    pub redirect_uri: String,
    /// To be sent back as it came.
    pub state: String,
    /// What the token is for (RFC 8707); empty for anything.
    pub resource: String,
    /// A hash of what only the client knows (RFC 7636); empty for none.
    pub code_challenge: String,
    /// How it was made.
    pub code_challenge_method: String,
}

/// A request for tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRequest {
    /// The client's secret; empty if it sent none.
    pub client_secret: String,
    /// What the token is for (RFC 8707); empty if not said.
    pub resource: String,
    /// What is exchanged.
    pub grant: Exchange,
}

/// What a client has that it wants tokens for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exchange {
    /// A code.
    Code {
        /// The code.
        code: String,
        /// Where the code was sent to.
        redirect_uri: String,
        /// What the challenge was made from; empty for none.
        code_verifier: String,
    },
    /// A refresh token.
    Refresh {
        /// The token.
        refresh_token: String,
    },
}

/// A refusal in the protocol's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The word.
    pub code: Code,
    /// What is wrong, for people.
    pub description: String,
}

impl Refusal {
    /// With a word and a sentence.
    pub fn new(code: Code, description: impl Into<String>) -> Refusal {
        Refusal { code, description: description.into() }
    }
    /// A client that is not who it says it is.
    pub fn invalid_client() -> Refusal {
        Refusal::new(Code::InvalidClient, "The client is unknown, or what it proves itself by is wrong.")
    }
    /// A code that is not good, or no longer.
    pub fn bad_code() -> Refusal {
        Refusal::new(Code::InvalidGrant, "The code is unknown, has been used, or is too old.")
    }
    /// A refresh token that is not good, or no longer.
    pub fn bad_refresh_token() -> Refusal {
        Refusal::new(Code::InvalidGrant, "The refresh token is unknown, has been used, or is too old.")
    }
    /// A code of another client, as its challenge shows.
    pub fn bad_verifier() -> Refusal {
        Refusal::new(Code::InvalidGrant, "The code_verifier is not that of the code_challenge.")
    }
    /// A resource that the user did not consent to.
    pub fn invalid_target() -> Refusal {
        Refusal::new(Code::InvalidTarget, "The resource is not the one that was asked for, or no resource at all.")
    }
}

/// The id that a client says it has: in the query, else in the form.
pub fn client_id<'a>(query: &'a [(String, String)], form: &'a [(String, String)]) -> Option<&'a str> {
    let named = |pairs: &'a [(String, String)]| {
        pairs.iter().find(|(name, _)| name == "client_id").map(|(_, value)| value.as_str()).filter(|v| !v.is_empty())
    };
    named(query).or_else(|| named(form))
}

/// Reads a request for consent.
pub fn authorization(query: &[(String, String)], targets: Targets<'_>) -> Result<Authorization, Vec<Problem>> {
    let mut fields = Fields::of(query);
    fields.required("client_id");
    let redirect_uri = fields.redirect_uri(targets);
    let response_type = fields.required("response_type");
    if !response_type.is_empty() && Response::parse(response_type).is_none() {
        fields.problem("response_type", format!("{response_type:?} is not a response type"));
    }
    fields.optional("scope");
    let state = fields.optional("state").to_owned();
    let code_challenge = fields.optional("code_challenge").to_owned();
    let code_challenge_method = fields.optional("code_challenge_method").to_owned();
    let resource = fields.resource();
    fields.finish()?;
    Ok(Authorization { redirect_uri, state, resource, code_challenge, code_challenge_method })
}

/// Reads a request for tokens: the pairs of its form, then those of its query.
pub fn token(pairs: &[(String, String)], targets: Targets<'_>) -> Result<TokenRequest, Refusal> {
    let mut fields = Fields::of(pairs);
    let named = fields.required("grant_type").to_owned();
    let grant = Grant::parse(&named);
    let client_id = fields.optional("client_id").to_owned();
    let client_secret = fields.optional("client_secret").to_owned();
    let code = fields.optional("code").to_owned();
    let refresh_token = fields.optional("refresh_token").to_owned();
    let code_verifier = fields.optional("code_verifier").to_owned();
    let redirect_uri = fields.redirect_uri(targets);
    let resource = fields.resource();
    fields.optional("scope");
    let named_wrongly = fields.has_problem("grant_type");
    let repeated = |fields: &Fields<'_>, name: &str| fields.has_problem(name);
    let Some(grant) = grant.filter(|_| !named_wrongly) else {
        return Err(Refusal::new(Code::UnsupportedGrantType, "The grant_type is none that tokens are given for."));
    };
    if grant == Grant::AuthorizationCode {
        for (name, value) in [("code", &code), ("client_id", &client_id), ("client_secret", &client_secret)] {
            if value.is_empty() || repeated(&fields, name) {
                return Err(Refusal::new(Code::InvalidRequest, format!("The parameter {name} is missing.")));
            }
        }
    }
    if fields.finish().is_err() || (grant == Grant::RefreshToken && refresh_token.is_empty()) {
        let why = "A parameter is missing or wrong.";
        return Err(Refusal::new(Code::InvalidRequest, why));
    }
    let grant = match grant {
        Grant::AuthorizationCode => Exchange::Code { code, redirect_uri, code_verifier },
        Grant::RefreshToken => Exchange::Refresh { refresh_token },
        Grant::Password | Grant::ClientCredentials | Grant::Implicit => {
            let why = format!("The grant type \"{grant}\" is not supported");
            return Err(Refusal::new(Code::UnsupportedGrantType, why));
        }
    };
    Ok(TokenRequest { client_secret, resource, grant })
}

/// The parameters of a request, looked at one by one.
struct Fields<'a> {
    pairs: &'a [(String, String)],
    known: Vec<&'static str>,
    problems: Vec<Problem>,
}

impl<'a> Fields<'a> {
    fn of(pairs: &'a [(String, String)]) -> Fields<'a> {
        Fields { pairs, known: Vec::new(), problems: Vec::new() }
    }

    fn problem(&mut self, field: &str, detail: impl Into<String>) {
        self.problems.push(Problem { field: field.to_owned(), detail: detail.into() });
    }

    fn has_problem(&self, field: &str) -> bool {
        self.problems.iter().any(|p| p.field == field)
    }

    fn optional(&mut self, name: &'static str) -> &'a str {
        self.known.push(name);
        let mut values = self.pairs.iter().filter(|(k, _)| k == name).map(|(_, v)| v.as_str());
        let value = values.next().unwrap_or_default();
        if values.next().is_some() {
            self.problem(name, format!("{name:?} may be given only once"));
        }
        if value.len() > MAX_VALUE {
            self.problem(name, format!("{name:?} is longer than {MAX_VALUE} bytes"));
        }
        value
    }

    fn required(&mut self, name: &'static str) -> &'a str {
        let value = self.optional(name);
        if value.is_empty() {
            self.problem(name, format!("{name:?} is required"));
        }
        value
    }

    fn redirect_uri(&mut self, targets: Targets<'_>) -> String {
        let asked = match self.optional("redirect_uri") {
            "" => targets.callback,
            asked => asked,
        };
        if !redirect::is_allowed(asked, targets.callback, targets.registered) {
            self.problem("redirect_uri", format!("this must be {} or below it", targets.callback));
        }
        asked.to_owned()
    }

    fn resource(&mut self) -> String {
        let resource = self.optional("resource");
        let is_good = |uri: Uri<'_>| uri.is_absolute() && uri.fragment.is_none();
        if !resource.is_empty() && !Uri::parse(resource).is_some_and(is_good) {
            self.problem("resource", "this must be an absolute URI without a fragment");
        }
        resource.to_owned()
    }

    /// Whatever nobody looked at is one problem more.
    fn finish(mut self) -> Result<(), Vec<Problem>> {
        let pairs = self.pairs;
        for (name, _) in pairs {
            if !self.known.contains(&name.as_str()) && !self.has_problem(name) {
                self.problem(name, format!("{name:?} is not a parameter of this request"));
            }
        }
        if self.problems.is_empty() { Ok(()) } else { Err(self.problems) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLBACK: Targets<'static> = Targets { callback: "http://localhost:1/back", registered: &[] };

    fn pairs(text: &str) -> Vec<(String, String)> {
        form_urlencoded::parse(text.as_bytes()).into_owned().collect()
    }

    #[test]
    fn an_authorization_request_names_what_is_wrong_with_it() {
        let long = format!("client_id=a&response_type=code&state={}", "s".repeat(MAX_VALUE + 1));
        for (query, wrong) in [
            ("client_id=a&response_type=code&state=s&scope=a+b", &[][..]),
            ("client_id=a&response_type=token", &[]),
            ("client_id=a", &["response_type"]),
            ("client_id=a&response_type=magic", &["response_type"]),
            ("client_id=a&response_type=code&redirect_uri=http://evil.example/back", &["redirect_uri"]),
            ("client_id=a&response_type=code&redirect_uri=", &[]),
            ("client_id=a&response_type=code&resource=relative", &["resource"]),
            ("client_id=a&response_type=code&resource=https://a.example/%23part", &["resource"]),
            ("client_id=a&response_type=code&resource=https://a.example/%23", &["resource"]),
            ("client_id=a&response_type=code&state=1&state=2", &["state"]),
            ("client_id=a&response_type=code&unknown=x", &["unknown"]),
            (&long, &["state"]),
        ] {
            let problems = authorization(&pairs(query), CALLBACK).err().unwrap_or_default();
            let fields: Vec<&str> = problems.iter().map(|p| p.field.as_str()).collect();
            assert_eq!(fields, wrong, "{query:.80}");
        }
    }

    #[test]
    fn a_token_request_is_refused_for_the_first_thing_that_is_wrong() {
        let good = "grant_type=authorization_code&client_id=a&client_secret=b&code=c";
        for (form, code, says) in [
            ("", Code::UnsupportedGrantType, "none that tokens"),
            ("grant_type=nonsense", Code::UnsupportedGrantType, "none that tokens"),
            ("grant_type=password", Code::UnsupportedGrantType, "\"password\" is not supported"),
            ("grant_type=implicit&unknown=x", Code::InvalidRequest, "missing or wrong"),
            ("grant_type=authorization_code", Code::InvalidRequest, "code is missing"),
            ("grant_type=authorization_code&code=c", Code::InvalidRequest, "client_id is missing"),
            ("grant_type=authorization_code&code=c&client_id=a", Code::InvalidRequest, "client_secret is missing"),
            ("grant_type=refresh_token", Code::InvalidRequest, "missing or wrong"),
            (&format!("{good}&unknown=x"), Code::InvalidRequest, "missing or wrong"),
            (&format!("{good}&resource=x"), Code::InvalidRequest, "missing or wrong"),
            (&format!("{good}&redirect_uri=nonsense"), Code::InvalidRequest, "missing or wrong"),
            (&format!("{good}&code=d"), Code::InvalidRequest, "code is missing"),
        ] {
            let refusal = token(&pairs(form), CALLBACK).unwrap_err();
            assert_eq!(refusal.code, code, "{form}");
            assert!(refusal.description.contains(says), "{form}: {}", refusal.description);
        }
        let read = token(&pairs(good), CALLBACK).unwrap();
        let Exchange::Code { redirect_uri, .. } = read.grant else { panic!("a code") };
        assert_eq!(redirect_uri, CALLBACK.callback);
    }
}
