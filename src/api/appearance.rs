//! What the dashboard shows of whose it is: name, logo, banners, links.

use super::routes::Routes;
use super::{Cx, Error, Reply, reply};
use crate::licensing;
use crate::rbac::{Action, Object, Resource};
use crate::sdk;
use crate::store::Optional;
use crate::version;

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.anyone_or_user("GET", "/api/v2/appearance", get_appearance);
    r.user("PUT", "/api/v2/appearance", put_appearance);
}

/// The appearance, for users.
fn get_appearance(cx: &Cx) -> Reply {
    if cx.actor_if_any().is_none() {
        return Err(Error::new(401, "Sign in, or send the token of a workspace agent, to use this."));
    }
    let config = &cx.deployment.config;
    let mut appearance = sdk::AppearanceConfig {
        application_name: String::new(),
        logo_url: String::new(),
        docs_url: config.clients.docs_url.clone(),
        service_banner: sdk::BannerConfig::default(),
        announcement_banners: Vec::new(),
        support_links: support_links(cx),
    };
    if licensing::entitled(config, sdk::FeatureName::Appearance) {
        let db = cx.db();
        appearance.application_name = db.get_application_name().optional()?.unwrap_or_default();
        appearance.logo_url = db.get_logo_url().optional()?.unwrap_or_default();
        if let Some(banners) = db.get_announcement_banners().optional()? {
            appearance.announcement_banners =
                serde_json::from_str(&banners).map_err(|e| Error::internal(format!("announcement banners: {e}")))?;
        }
        // For clients from before there could be several.
        appearance.service_banner = appearance.announcement_banners.first().cloned().unwrap_or_default();
    }
    reply::ok(&appearance)
}

/// Changes the appearance, all of it.
fn put_appearance(cx: &Cx) -> Reply {
    if !cx.db().may(Action::Update, &Object::of(Resource::DeploymentConfig)) {
        return Err(Error::new(403, "You may not change the appearance of this deployment."));
    }
    let body: sdk::UpdateAppearanceConfig = cx.body()?;
    if let Some(banner) = body.announcement_banners.iter().find(|b| !is_colour(&b.background_color)) {
        return Err(Error::bad(format!("Invalid color format: {:?}", banner.background_color))
            .detail("Write # and six hexadecimal digits."));
    }
    let banners = serde_json::to_string(&body.announcement_banners).map_err(Error::internal)?;
    cx.db().tx::<_, Error>(|db| {
        db.upsert_announcement_banners(&banners)?;
        db.upsert_application_name(&body.application_name)?;
        db.upsert_logo_url(&body.logo_url)?;
        Ok(())
    })?;
    reply::ok(&body)
}

fn is_colour(text: &str) -> bool {
    text.strip_prefix('#').is_some_and(|digits| digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// The links of the help menu: those that are configured, or the usual ones.
fn support_links(cx: &Cx) -> Vec<sdk::LinkConfig> {
    let clients = &cx.deployment.config.clients;
    if clients.support_links.is_empty() {
        let link = |name: &str, target: String, icon: &str| sdk::LinkConfig {
            name: name.to_owned(),
            target,
            icon: icon.to_owned(),
            location: String::new(),
        };
        return vec![
            link("Documentation", clients.docs_url.clone(), "docs"),
            link("Report a bug", format!("{}/issues/new", version::EXTERNAL_URL), "bug"),
        ];
    }
    let configured = clients.support_links.iter().map(|link| sdk::LinkConfig {
        name: link.name.clone(),
        target: link.target.clone(),
        icon: link.icon.clone(),
        location: link.location.clone(),
    });
    configured.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_six_digits() {
        for (text, want) in
            [("#00ff00", true), ("#00FF0a", true), ("#abc", false), ("00ff000", false), ("#00ff0g", false), ("", false)]
        {
            assert_eq!(is_colour(text), want, "{text:?}");
        }
    }
}
