//! What people search workspaces for: `owner:me status:running name`, and so on.

use super::params::Params;
use super::{Cx, Error};
use crate::sdk::WorkspaceStatus;
use crate::store::queries::workspace_list::WorkspaceSearch;
use crate::time::Time;
use uuid::Uuid;

/// Reads a search. 400 that names every term that is wrong.
pub fn parse(cx: &Cx, query: &str) -> Result<WorkspaceSearch, Error> {
    let mut search = WorkspaceSearch::default();
    let mut terms = Params::of_search(&query.to_lowercase(), BARE);
    if terms.is_fine() {
        read(cx, &mut terms, &mut search)?;
    }
    terms.finish("Invalid workspace search query.")?;
    Ok(search)
}

/// The key of what stands without one: a name, or an owner and a name.
const BARE: &str = "bare";

fn read(cx: &Cx, terms: &mut Params, search: &mut WorkspaceSearch) -> Result<(), Error> {
    search.ids = terms.uuids("id");
    search.owner_username = terms.text("owner");
    search.template_name = terms.text("template");
    search.name = terms.text("name");
    search.status = terms.parsed("status", |text| {
        WorkspaceStatus::parse(text).ok_or_else(|| format!("has invalid value: {text:?} is no status"))
    });
    search.has_agent = terms.text("has-agent");
    search.dormant = terms.boolean("dormant").unwrap_or(false);
    search.last_used_after = terms.parsed("last_used_after", time);
    search.last_used_before = terms.parsed("last_used_before", time);
    search.outdated = terms.boolean("outdated");
    search.has_ai_task = terms.boolean("has-ai-task");
    search.has_external_agent = terms.boolean("has_external_agent");
    search.organization_id = terms.parsed("organization", |text| organization(cx, text));
    search.shared = terms.boolean("shared");
    search.shared_with_user_id = terms.parsed("shared_with_user", |text| user(cx, text));
    search.shared_with_group_id = terms.parsed("shared_with_group", |text| group(cx, text));
    for (name, value) in terms.list("param", parameter) {
        match value {
            Some(value) => search.params.push((name, value)),
            None => search.has_param.push(name),
        }
    }
    let bare = terms.text(BARE);
    if !bare.is_empty() {
        name_and_owner(&bare, terms, search);
    }
    terms.refuse_others();
    if search.owner_username == "me" {
        search.owner_username.clear();
        search.owner_id = Some(cx.actor()?.user_id);
    }
    Ok(())
}

fn name_and_owner(bare: &str, terms: &mut Params, search: &mut WorkspaceSearch) {
    let parts: Vec<&str> = bare.split('/').map(|p| p.trim_matches('"')).filter(|p| !p.is_empty()).collect();
    let (owner, name) = match parts[..] {
        [name] => (None, name),
        [owner, name] => (Some(owner), name),
        _ => return terms.refuse("q", format!("Query element {bare:?} can only contain 1 '/'")),
    };
    for (key, place, value) in [("name", &mut search.name, Some(name)), ("owner", &mut search.owner_username, owner)] {
        match value {
            Some(_) if !place.is_empty() => terms.refuse(key, format!("Query param {key:?} was given twice.")),
            Some(value) => value.clone_into(place),
            None => {}
        }
    }
}

/// Searches are in lower case, which this format's letters are not.
fn time(text: &str) -> Result<Time, String> {
    Time::parse(&text.to_uppercase()).ok_or_else(|| format!("must be a time as in 2006-01-02T15:04:05Z, not {text:?}"))
}

fn organization(cx: &Cx, text: &str) -> Result<Uuid, String> {
    match Uuid::try_parse(text) {
        Ok(id) => Ok(id),
        Err(_) => {
            cx.db().get_organization_by_name(text, false).map(|o| o.id).map_err(|_| unknown("organization", text))
        }
    }
}

fn user(cx: &Cx, text: &str) -> Result<Uuid, String> {
    match Uuid::try_parse(text) {
        Ok(id) => Ok(id),
        Err(_) => cx.db().get_user_by_email_or_username(text, "").map(|u| u.id).map_err(|_| unknown("user", text)),
    }
}

/// An id, a name in the default organization, or `organization/name`.
fn group(cx: &Cx, text: &str) -> Result<Uuid, String> {
    if let Ok(id) = Uuid::try_parse(text) {
        return Ok(id);
    }
    let (organization, name) = match text.split('/').collect::<Vec<_>>()[..] {
        [name] => (cx.db().get_default_organization(), name),
        [organization, name] => (cx.db().get_organization_by_name(organization, false), name),
        _ => return Err(format!("has invalid value: {text:?} is not <organization name>/<group name>")),
    };
    let organization = organization.map_err(|_| unknown("organization", text))?;
    cx.db().get_group_id_by_org_and_name(organization.id, name).map_err(|_| unknown("group", text))
}

fn unknown(what: &str, name: &str) -> String {
    format!("has invalid value: {what} {name:?} does not exist, or you may not know of it")
}

/// `name`, or `name=value`.
fn parameter(term: &str) -> Result<(String, Option<String>), String> {
    let term = term.trim();
    match term.split('=').collect::<Vec<_>>()[..] {
        [name] => Ok((name.to_owned(), None)),
        [_, ""] => Err(format!("query element {term:?} has an empty value: leave out the '=' to match by name alone")),
        [name, value] => Ok((name.to_owned(), Some(value.to_owned()))),
        _ => Err(format!("query element {term:?} can only contain 1 '='")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_matched_by_name_or_by_name_and_value() {
        for (term, want) in [
            ("region", Some(("region", None))),
            (" region=eu ", Some(("region", Some("eu")))),
            ("region=", None),
            ("a=b=c", None),
        ] {
            let got = parameter(term).ok();
            let got = got.as_ref().map(|(n, v)| (n.as_str(), v.as_deref()));
            assert_eq!(got, want, "{term:?}");
        }
    }

    #[test]
    fn a_bare_term_is_a_name_with_perhaps_an_owner_before_it() {
        for (bare, owner, name, fine) in [
            ("box", "", "box", true),
            ("mel/box", "mel", "box", true),
            ("a/b/c", "", "", false),
            ("\"my box\"", "", "my box", true),
        ] {
            let (mut terms, mut search) = (Params::default(), WorkspaceSearch::default());
            name_and_owner(bare, &mut terms, &mut search);
            assert_eq!((search.owner_username.as_str(), search.name.as_str()), (owner, name), "{bare}");
            assert_eq!(terms.is_fine(), fine, "{bare}");
        }
    }
}
