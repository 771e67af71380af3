//! What is usual for a kind of service, so that a client id and a secret are enough to name a well-known one.
//! For services that people run themselves the URLs follow from the place of the login page.

use crate::config::value::ExternalAuth;
use crate::oauth2::uri::Uri;

const S256: &str = "S256";
/// The icon of a service that has none.
const KEY_ICON: &str = "/emojis/1f511.png";

/// A service with what its entry leaves out.
pub fn filled_in(entry: &ExternalAuth) -> ExternalAuth {
    let mut service = entry.clone();
    // The id of an older entry is its older kind.
    let kind = if service.kind == "bitbucket" { "bitbucket-cloud" } else { service.kind.as_str() }.to_owned();
    let usual = match kind.as_str() {
        "github" => github(&service),
        "gitlab" => gitlab(&service),
        "bitbucket-cloud" => bitbucket_cloud(),
        "bitbucket-server" => bitbucket_server(&service),
        "gitea" => gitea(&mut service),
        "jfrog" => jfrog(&service),
        "slack" => slack(),
        "azure-devops" => azure_devops(),
        "azure-devops-entra" => azure_devops_entra(&service),
        _ => ExternalAuth::default(),
    };
    for (own, usual) in [
        (&mut service.auth_url, usual.auth_url),
        (&mut service.token_url, usual.token_url),
        (&mut service.validate_url, usual.validate_url),
        (&mut service.revoke_url, usual.revoke_url),
        (&mut service.app_install_url, usual.app_install_url),
        (&mut service.app_installations_url, usual.app_installations_url),
        (&mut service.regex, usual.regex),
        (&mut service.device_code_url, usual.device_code_url),
        (&mut service.display_name, usual.display_name),
        (&mut service.display_icon, usual.display_icon),
    ] {
        if own.is_empty() {
            *own = usual;
        }
    }
    for (own, usual) in [
        (&mut service.scopes, usual.scopes),
        (&mut service.extra_token_keys, usual.extra_token_keys),
        (&mut service.code_challenge_methods_supported, usual.code_challenge_methods_supported),
    ] {
        if own.is_empty() {
            *own = usual;
        }
    }
    let or_kind = |text: &mut String| {
        if text.is_empty() {
            text.clone_from(&entry.kind);
        }
    };
    or_kind(&mut service.id);
    or_kind(&mut service.display_name);
    if service.display_icon.is_empty() {
        service.display_icon = KEY_ICON.to_owned();
    }
    if service.code_challenge_methods_supported.is_empty() {
        service.code_challenge_methods_supported = words(&[S256]);
    }
    service.kind = kind;
    service
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

/// What a service of a kind is called, and whether it takes challenges.
fn named(name: &str, icon: &str, challenges: bool) -> ExternalAuth {
    ExternalAuth {
        display_name: name.to_owned(),
        display_icon: format!("/icon/{icon}.svg"),
        code_challenge_methods_supported: words(&[if challenges { S256 } else { "" }]),
        ..ExternalAuth::default()
    }
}

/// Everything at a host.
fn at_host(host: &str) -> String {
    format!("^(https?://)?{}(/.*)?$", host.replace('.', r"\."))
}

/// The place of a login page: scheme and host as one, and the host.
fn place(auth_url: &str) -> Option<(String, String)> {
    let uri = Uri::parse(auth_url).filter(Uri::is_web)?;
    Some((format!("{}://{}", uri.scheme, uri.host_and_port()), uri.host_and_port().to_owned()))
}

fn github(entry: &ExternalAuth) -> ExternalAuth {
    let revoke_url = match entry.client_id.as_str() {
        "" => String::new(),
        id => format!("https://api.github.com/applications/{id}/grant"),
    };
    ExternalAuth {
        auth_url: "https://github.com/login/oauth/authorize".to_owned(),
        token_url: "https://github.com/login/oauth/access_token".to_owned(),
        validate_url: "https://api.github.com/user".to_owned(),
        device_code_url: "https://github.com/login/device/code".to_owned(),
        app_installations_url: "https://api.github.com/user/installations".to_owned(),
        revoke_url,
        regex: at_host("github.com"),
        scopes: words(&["repo", "workflow"]),
        ..named("GitHub", "github", true)
    }
}

fn gitlab(entry: &ExternalAuth) -> ExternalAuth {
    let (base, host) =
        place(&entry.auth_url).unwrap_or_else(|| ("https://gitlab.com".to_owned(), "gitlab.com".to_owned()));
    ExternalAuth {
        auth_url: format!("{base}/oauth/authorize"),
        token_url: format!("{base}/oauth/token"),
        validate_url: format!("{base}/oauth/token/info"),
        revoke_url: format!("{base}/oauth/revoke"),
        regex: at_host(&host),
        scopes: words(&["write_repository"]),
        ..named("GitLab", "gitlab", true)
    }
}

fn bitbucket_cloud() -> ExternalAuth {
    ExternalAuth {
        auth_url: "https://bitbucket.org/site/oauth2/authorize".to_owned(),
        token_url: "https://bitbucket.org/site/oauth2/access_token".to_owned(),
        validate_url: "https://api.bitbucket.org/2.0/user".to_owned(),
        regex: at_host("bitbucket.org"),
        scopes: words(&["account", "repository:write"]),
        ..named("BitBucket", "bitbucket", false)
    }
}

fn bitbucket_server(entry: &ExternalAuth) -> ExternalAuth {
    let usual = ExternalAuth {
        scopes: words(&["PUBLIC_REPOS", "REPO_READ", "REPO_WRITE"]),
        ..named("Bitbucket Server", "bitbucket", false)
    };
    let Some((base, host)) = place(&entry.auth_url) else { return usual };
    ExternalAuth {
        token_url: format!("{base}/rest/oauth2/latest/token"),
        // Says yes to whoever is signed in.
        validate_url: format!("{base}/rest/api/latest/inbox/pull-requests/count"),
        regex: at_host(&host),
        ..usual
    }
}

fn gitea(entry: &mut ExternalAuth) -> ExternalAuth {
    if entry.auth_url.is_empty() {
        entry.auth_url = "https://gitea.com/login/oauth/authorize".to_owned();
    }
    let usual = ExternalAuth {
        scopes: words(&["read:repository", " write:repository", "read:user"]),
        ..named("Gitea", "gitea", true)
    };
    let Some((base, host)) = place(&entry.auth_url) else { return usual };
    ExternalAuth {
        token_url: format!("{base}/login/oauth/access_token"),
        validate_url: format!("{base}/login/oauth/userinfo"),
        regex: at_host(&host),
        ..usual
    }
}

fn jfrog(entry: &ExternalAuth) -> ExternalAuth {
    let usual =
        ExternalAuth { scopes: words(&["applied-permissions/user"]), ..named("JFrog Artifactory", "jfrog", false) };
    let Some((base, _)) = place(&entry.auth_url).filter(|_| !entry.client_id.is_empty()) else { return usual };
    ExternalAuth {
        token_url: format!("{base}/access/api/v1/integrations/{}/token", entry.client_id),
        validate_url: format!("{base}/access/api/v1/system/ping"),
        ..usual
    }
}

fn slack() -> ExternalAuth {
    ExternalAuth {
        auth_url: "https://slack.com/oauth/v2/authorize".to_owned(),
        token_url: "https://slack.com/api/oauth.v2.access".to_owned(),
        revoke_url: "https://slack.com/api/auth.revoke".to_owned(),
        extra_token_keys: words(&["authed_user"]),
        ..named("Slack", "slack", false)
    }
}

fn azure_devops() -> ExternalAuth {
    ExternalAuth {
        auth_url: "https://app.vssps.visualstudio.com/oauth2/authorize".to_owned(),
        token_url: "https://app.vssps.visualstudio.com/oauth2/token".to_owned(),
        regex: at_host("dev.azure.com"),
        scopes: words(&["vso.code_write"]),
        ..named("Azure DevOps", "azure-devops", false)
    }
}

fn azure_devops_entra(entry: &ExternalAuth) -> ExternalAuth {
    let mut usual =
        ExternalAuth { regex: at_host("dev.azure.com"), ..named("Azure DevOps (Entra)", "azure-devops", false) };
    // The login page's path is /{tenant}/oauth2/authorize.
    if let Some((base, _)) = place(&entry.auth_url)
        && let Some(tenant) = Uri::parse(&entry.auth_url).and_then(|uri| uri.path.strip_suffix("/oauth2/authorize"))
    {
        usual.token_url = format!("{base}{tenant}/oauth2/token");
    }
    usual
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: &str, auth_url: &str) -> ExternalAuth {
        let (kind, auth_url) = (kind.to_owned(), auth_url.to_owned());
        filled_in(&ExternalAuth { kind, auth_url, client_id: "id".into(), ..ExternalAuth::default() })
    }

    #[test]
    fn the_urls_of_a_service_follow_from_its_kind_and_place() {
        for (kind, auth_url, token_url, validate_url) in [
            ("github", "", "https://github.com/login/oauth/access_token", "https://api.github.com/user"),
            ("gitlab", "", "https://gitlab.com/oauth/token", "https://gitlab.com/oauth/token/info"),
            (
                "gitlab",
                "https://git.example:8443/oauth/authorize",
                "https://git.example:8443/oauth/token",
                "https://git.example:8443/oauth/token/info",
            ),
            ("gitea", "", "https://gitea.com/login/oauth/access_token", "https://gitea.com/login/oauth/userinfo"),
            (
                "jfrog",
                "https://art.example/x",
                "https://art.example/access/api/v1/integrations/id/token",
                "https://art.example/access/api/v1/system/ping",
            ),
            (
                "azure-devops-entra",
                "https://login.example/tenant/oauth2/authorize",
                "https://login.example/tenant/oauth2/token",
                "",
            ),
            ("azure-devops-entra", "https://login.example/odd", "", ""),
            ("custom", "https://a.example", "", ""),
        ] {
            let service = of(kind, auth_url);
            assert_eq!(
                (service.token_url.as_str(), service.validate_url.as_str()),
                (token_url, validate_url),
                "{kind}"
            );
        }
        let old = of("bitbucket", "");
        assert_eq!((old.id.as_str(), old.kind.as_str()), ("bitbucket", "bitbucket-cloud"));
        let custom = of("custom", "https://a.example");
        assert_eq!((custom.display_name.as_str(), custom.display_icon.as_str()), ("custom", KEY_ICON));
        assert_eq!(custom.code_challenge_methods_supported, [S256]);
        assert!(regex::Regex::new(&of("github", "").regex).unwrap().is_match("https://github.com/a/b"));
        assert!(!regex::Regex::new(&of("github", "").regex).unwrap().is_match("https://githubxcom/a"));
    }
}
