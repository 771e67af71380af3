//! The tokens that users got at the identity provider when they signed in, kept fresh for the builds of their
//! workspaces.

use uuid::Uuid;

use super::Provider;
use crate::deployment::Deployment;
use crate::sdk::LoginType;
use crate::store::{self, Optional};
use crate::time::Time;

/// A user's access token at the provider, renewed if it has expired. None for who has none, or whose token cannot be
/// renewed: a template cannot ask for one, so no build is to fail for want of it.
pub fn access_token(deployment: &Deployment, user_id: Uuid) -> Result<Option<String>, store::Error> {
    let db = deployment.system_db();
    let Some(link) = db.get_user_link_by_user_id_login_type(user_id, LoginType::Oidc).optional()? else {
        return Ok(None);
    };
    let now = deployment.clock.now();
    let has_expired = !link.oauth_expiry.is_zero() && link.oauth_expiry < now;
    if !has_expired || link.oauth_refresh_token.is_empty() {
        return Ok(Some(link.oauth_access_token).filter(|token| !token.is_empty()));
    }
    let Some(provider) = Provider::of(deployment) else { return Ok(None) };
    let tokens = match provider.renew(&link.oauth_refresh_token) {
        Ok(tokens) => tokens,
        Err(why) => {
            log::warn!(target: "userauth", user:% = user_id; "the token of a user at the identity provider cannot be renewed: {why}");
            return Ok(None);
        }
    };
    let expires_at = tokens.expires_at.unwrap_or(Time::ZERO);
    db.tx::<_, store::Error>(|db| {
        // The user may have signed in meanwhile, which gave newer ones.
        let link = db.get_user_link_by_user_id_login_type(user_id, LoginType::Oidc)?;
        if link.oauth_expiry.is_zero() || link.oauth_expiry >= now {
            return Ok(link.oauth_access_token);
        }
        let kept =
            db.update_user_link(user_id, LoginType::Oidc, &tokens.access, &tokens.refresh, expires_at, &link.claims)?;
        Ok(kept.oauth_access_token)
    })
    .map(Some)
}
