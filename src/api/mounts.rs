//! What is looked up before a path is found not to lead anywhere.
//!
//! Below `/api/v2/workspaces/{workspace}`, say, everything is about one workspace: a path or a method that
//! does not exist there is answered as one that does when the workspace itself is not to be seen. Which
//! parts of the API these are is no matter of the routes alone, so they are listed.

use std::sync::LazyLock;

use super::{Cx, Error, groups, lookup, oauth2, workspace_builds, workspaces};
use crate::http::{Lookup, Router};

type Enter = fn(&Cx) -> Result<(), Error>;

const MOUNTS: [(&str, Enter); 14] = [
    ("/api/v2/groups/{group}", |cx| groups::group(cx).map(drop)),
    ("/api/v2/oauth2-provider/apps/{app}", |cx| oauth2::apps::app(cx).map(drop)),
    ("/api/v2/organizations/{organization}", |cx| lookup::organization(cx).map(drop)),
    ("/api/v2/templates/{template}", |cx| lookup::template(cx).map(drop)),
    ("/api/v2/templateversions/{templateversion}", |cx| lookup::template_version(cx).map(drop)),
    ("/api/v2/users/{user}/keys", user),
    ("/api/v2/users/{user}/notifications", user),
    ("/api/v2/users/{user}/organizations", user),
    ("/api/v2/users/{user}/password", user),
    ("/api/v2/users/{user}/quiet-hours", user),
    ("/api/v2/users/{user}/status", user),
    ("/api/v2/users/{user}/webpush", user),
    ("/api/v2/workspacebuilds/{workspacebuild}", |cx| workspace_builds::build_param(cx).map(drop)),
    ("/api/v2/workspaces/{workspace}", |cx| workspaces::param(cx).map(drop)),
];

/// Mounts are entered whatever the method.
const ANY: &str = "ANY";

static ROUTER: LazyLock<Router<Enter>> = LazyLock::new(|| {
    let mut router = Router::new();
    for (mount, enter) in MOUNTS {
        router.add(ANY, mount, enter);
        router.add(ANY, &format!("{mount}/*"), enter);
    }
    router
});

fn user(cx: &Cx) -> Result<(), Error> {
    lookup::user(cx).map(drop)
}

/// Looks up what a path is about, for a caller who is known; the context has the path's parameters then.
pub fn enter(cx: &mut Cx, path: &str) -> Result<(), Error> {
    match ROUTER.find(ANY, path) {
        Lookup::Found(found) => {
            let enter = *found.handler;
            cx.params = found.params;
            enter(cx)
        }
        _ => Ok(()),
    }
}
