//! What programs can find out about the provider before they know anything: the documents of RFC 8414 and
//! RFC 9728, made of what the provider supports. The checks of requests read the same lists.

use crate::rbac::scopes;
use crate::sdk::{
    OAuth2AppEndpoints, OAuth2AuthorizationServerMetadata, OAuth2PKCECodeChallengeMethod,
    OAuth2ProtectedResourceMetadata, OAuth2ProviderGrantType, OAuth2ProviderResponseType,
    OAuth2TokenEndpointAuthMethod,
};

/// The grants that are exchanged for tokens.
pub const GRANT_TYPES: [OAuth2ProviderGrantType; 2] =
    [OAuth2ProviderGrantType::AuthorizationCode, OAuth2ProviderGrantType::RefreshToken];
/// What users can give to an application.
pub const RESPONSE_TYPES: [OAuth2ProviderResponseType; 1] = [OAuth2ProviderResponseType::Code];

/// Where an application finds the provider's endpoints. `base` is the access URL.
pub fn endpoints(base: &str) -> OAuth2AppEndpoints {
    OAuth2AppEndpoints {
        authorization: format!("{base}/oauth2/authorize"),
        token: format!("{base}/oauth2/tokens"),
        token_revoke: format!("{base}/oauth2/revoke"),
        device_authorization: String::new(),
    }
}

/// Where a registered client looks after its registration.
pub fn registration_client_uri(base: &str, client: uuid::Uuid) -> String {
    format!("{base}/oauth2/clients/{client}")
}

/// Where clients are told who gives out tokens.
pub fn protected_resource_url(base: &str) -> String {
    format!("{base}/.well-known/oauth-protected-resource")
}

/// The authorization server's document.
pub fn authorization_server(base: &str) -> OAuth2AuthorizationServerMetadata {
    let endpoints = endpoints(base);
    OAuth2AuthorizationServerMetadata {
        issuer: base.to_owned(),
        authorization_endpoint: endpoints.authorization,
        token_endpoint: endpoints.token,
        registration_endpoint: format!("{base}/oauth2/register"),
        revocation_endpoint: endpoints.token_revoke,
        response_types_supported: RESPONSE_TYPES.to_vec(),
        grant_types_supported: GRANT_TYPES.to_vec(),
        code_challenge_methods_supported: vec![OAuth2PKCECodeChallengeMethod::S256],
        scopes_supported: scopes_supported(),
        token_endpoint_auth_methods_supported: vec![OAuth2TokenEndpointAuthMethod::ClientSecretPost],
    }
}

/// The API's document as a resource.
pub fn protected_resource(base: &str) -> OAuth2ProtectedResourceMetadata {
    OAuth2ProtectedResourceMetadata {
        resource: base.to_owned(),
        authorization_servers: vec![base.to_owned()],
        scopes_supported: scopes_supported(),
        bearer_methods_supported: vec!["header".to_owned(), "query".to_owned()],
    }
}

fn scopes_supported() -> Vec<String> {
    let mut names: Vec<String> = scopes::REQUESTABLE.iter().map(|name| (*name).to_owned()).collect();
    names.sort_unstable();
    names
}
