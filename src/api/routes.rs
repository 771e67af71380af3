//! The routes: every pattern, what it takes to call it, and its handler. One line a route, grouped by
//! the file that answers.

use super::reply::Reply;
use super::{Cx, Error};
use crate::http::{Router, Upgrade};
use crate::sdk::FeatureName;

/// A handler of a plain request.
pub type Plain = fn(&Cx) -> Reply;
/// A handler of a stream: it checks everything first, then gives what goes on with the connection.
pub type Streaming = fn(&Cx) -> Result<Stream, Error>;
/// What goes on with the raw connection of a stream.
pub type Stream = Box<dyn FnOnce(Upgrade) + Send>;

/// What it takes to call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    Anyone,
    /// A valid key is used if there is one.
    AnyoneOrUser,
    /// A valid key of an active user.
    User,
    /// The same, where the deployment has a feature; where it has not, nobody is told to sign in.
    UserOf(FeatureName),
}

/// A route's handler and its limits.
#[derive(Clone, Copy)]
pub struct Route {
    /// What it takes.
    pub access: Access,
    /// What answers.
    pub handler: Handler,
    /// The longest body, in bytes.
    pub max_body: u64,
    /// How often it may be called.
    pub limit: Limit,
}

/// How often a route may be called, beside the limit that all of the API has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// No limit of its own.
    Usual,
    /// It tells a password true from false.
    Passwords,
    /// It takes or gives whole files.
    Files,
}

/// What answers.
#[derive(Clone, Copy)]
pub enum Handler {
    /// A whole answer.
    Plain(Plain),
    /// A stream.
    Stream(Streaming),
    /// A whole answer, or a stream when the query has `follow`.
    Follow(Plain, Streaming),
}

/// Bytes of a body where a route says nothing else.
const MAX_BODY: u64 = 2 << 20;

/// Collects routes.
#[derive(Default)]
pub struct Routes {
    pub(super) router: Router<Route>,
    /// Every pattern, and what it takes to call it.
    pub(super) accesses: Vec<(&'static str, Access)>,
    /// Every method and pattern.
    pub(super) listed: Vec<(&'static str, &'static str)>,
}

impl Routes {
    /// Adds a route for users.
    pub fn user(&mut self, method: &'static str, pattern: &'static str, handler: Plain) {
        self.plain(method, pattern, Access::User, handler);
    }
    /// Adds a route for everybody.
    pub fn anyone(&mut self, method: &'static str, pattern: &'static str, handler: Plain) {
        self.plain(method, pattern, Access::Anyone, handler);
    }
    /// Adds a route where a key is used if there is one; the handler says what it takes.
    pub fn anyone_or_user(&mut self, method: &'static str, pattern: &'static str, handler: Plain) {
        self.plain(method, pattern, Access::AnyoneOrUser, handler);
    }
    /// Adds a route for users of deployments that have a feature.
    pub fn user_of(&mut self, feature: FeatureName, method: &'static str, pattern: &'static str, handler: Plain) {
        self.plain(method, pattern, Access::UserOf(feature), handler);
    }
    fn plain(&mut self, method: &'static str, pattern: &'static str, access: Access, handler: Plain) {
        let handler = Handler::Plain(handler);
        self.add(method, pattern, Route { access, handler, max_body: MAX_BODY, limit: Limit::Usual });
    }
    /// Adds a stream for users.
    pub fn stream(&mut self, pattern: &'static str, handler: Streaming) {
        self.add(
            "GET",
            pattern,
            Route { access: Access::User, handler: Handler::Stream(handler), max_body: 0, limit: Limit::Usual },
        );
    }
    /// Adds a route for users that is a stream when asked to follow.
    pub fn follow(&mut self, pattern: &'static str, plain: Plain, stream: Streaming) {
        self.add(
            "GET",
            pattern,
            Route {
                access: Access::User,
                handler: Handler::Follow(plain, stream),
                max_body: MAX_BODY,
                limit: Limit::Usual,
            },
        );
    }
    /// Every method and pattern, in the order in which they were added.
    pub fn listed(&self) -> &[(&'static str, &'static str)] {
        &self.listed
    }
    /// Adds a route with everything said.
    pub fn add(&mut self, method: &'static str, pattern: &'static str, route: Route) {
        self.accesses.push((pattern, route.access));
        self.listed.push((method, pattern));
        self.router.add(method, pattern, route);
    }
}

/// All of them.
pub fn all() -> Routes {
    let mut r = Routes::default();
    super::appearance::routes(&mut r);
    super::audit::routes(&mut r);
    super::authcheck::routes(&mut r);
    super::connection_logs::routes(&mut r);
    super::debug::routes(&mut r);
    super::deployment::routes(&mut r);
    super::dynamic_parameters::routes(&mut r);
    super::entitlements::routes(&mut r);
    super::experiments::routes(&mut r);
    super::external_auth::routes(&mut r);
    super::files::routes(&mut r);
    super::general::routes(&mut r);
    super::groups::routes(&mut r);
    super::health::routes(&mut r);
    super::idp_sync::routes(&mut r);
    super::licenses::routes(&mut r);
    super::login::routes(&mut r);
    super::members::routes(&mut r);
    super::notifications::routes(&mut r);
    super::oauth2::routes(&mut r);
    super::organizations::routes(&mut r);
    super::provisioner_keys::routes(&mut r);
    super::provisioners::routes(&mut r);
    super::regions::routes(&mut r);
    super::roles::routes(&mut r);
    super::templates::routes(&mut r);
    super::template_versions::routes(&mut r);
    super::template_acl::routes(&mut r);
    super::template_dry_runs::routes(&mut r);
    super::port_shares::routes(&mut r);
    super::presets::routes(&mut r);
    super::users::routes(&mut r);
    super::scim::routes(&mut r);
    super::sessions::routes(&mut r);
    super::settings::routes(&mut r);
    super::workspaces::routes(&mut r);
    super::workspace_settings::routes(&mut r);
    super::workspace_sharing::routes(&mut r);
    super::workspace_builds::routes(&mut r);
    super::workspace_watch::routes(&mut r);
    super::api_keys::routes(&mut r);
    r
}
