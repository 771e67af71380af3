//! The tables in the source against the facts in `fixtures/reference/rbac.json`.

use std::collections::BTreeSet;

use rockpool::rbac::roles::{self, Kind};
use rockpool::rbac::scopes::{self, REQUESTABLE};
use rockpool::rbac::{
    Action, AllowList, Permission, Resource, RoleOptions, RoleRef, permissions_json, role_actions, system,
};
use serde_json::Value;

use super::cast::{FACTS, ME, ORG_A, ORG_B, fact_list, system_function};
use super::naive;

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect()
}

/// A list of the product in the form of the facts, as a set.
fn as_set(list: &[Permission]) -> BTreeSet<naive::Permission> {
    let entries = list.iter().flat_map(Permission::entries);
    entries
        .map(|e| naive::Permission { negate: e.negate, resource: e.resource_type.into(), action: e.action.into() })
        .collect()
}

fn fact_set(value: &Value) -> BTreeSet<naive::Permission> {
    fact_list(value).into_iter().collect()
}

#[test]
fn kinds_and_actions_are_those_of_the_facts() {
    assert_eq!(Action::ALL.iter().map(|a| a.as_str()).collect::<Vec<_>>(), texts(&FACTS["actions"]));
    let facts = FACTS["resources"].as_object().unwrap();
    assert_eq!(Resource::ALL.len(), facts.len());
    for (kind, (name, actions)) in Resource::ALL.iter().zip(facts) {
        assert_eq!(kind.as_str(), name);
        assert_eq!(kind.actions().iter().map(|a| a.as_str()).collect::<Vec<_>>(), texts(actions), "{name}");
        assert_eq!(Resource::parse(name), Some(*kind));
    }
    assert!(Action::ALL.iter().all(|a| Action::parse(a.as_str()) == Some(*a)));
    for name in ["", "*", "Workspace", "castle"] {
        assert_eq!((Resource::parse(name), Action::parse(name)), (None, None), "{name:?}");
    }
}

#[test]
fn built_in_roles_are_those_of_the_facts() {
    let mut listed = 0;
    for fact in FACTS["builtin_roles"].as_array().unwrap().iter().filter(|r| r.get("variant").is_none()) {
        let name = fact["name"].as_str().unwrap();
        let (role, kind) = match fact["kind"].as_str().unwrap() {
            "site" => (RoleRef::Site(name.into()), Kind::Site),
            _ => (RoleRef::Org(name.into(), ORG_A), Kind::Organization),
        };
        let builtin = roles::builtin(&role).unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!((builtin.display_name, builtin.kind), (fact["display_name"].as_str().unwrap(), kind), "{name}");
        let site = builtin.site_permissions(RoleOptions::default());
        for (level, list) in [("site", &*site), ("org", builtin.org), ("user", builtin.user), ("org_member", &[])] {
            assert_eq!(as_set(list), fact_set(&fact[level]), "{name} {level}");
        }
        assert!(roles::is_reserved(name));
        listed += usize::from(name != "member");
    }
    let all = [Kind::Site, Kind::Organization].into_iter().flat_map(roles::listed);
    assert_eq!(all.count(), listed);
    assert!(roles::is_reserved("organization-member") && !roles::is_reserved("builder"));
}

#[test]
fn organization_member_is_that_of_the_facts_in_both_variants() {
    for (sharing_disabled, variant) in [(false, "sharing_enabled"), (true, "sharing_disabled")] {
        let fact = FACTS["builtin_roles"].as_array().unwrap().iter().find(|r| r["variant"] == variant).unwrap();
        let role = roles::organization_member(sharing_disabled);
        assert_eq!(as_set(role.org), fact_set(&fact["org"]), "{variant}");
        assert_eq!(as_set(role.member), fact_set(&fact["org_member"]), "{variant}");
        let (org, member) = (permissions_json(role.org), permissions_json(role.member));
        assert!(role.is_stored_in("[]", &org, "[]", &member));
        assert!(!roles::organization_member(!sharing_disabled).is_stored_in("[]", &org, "[]", &member));
        assert!(!role.is_stored_in(&org, &org, "[]", &member));
    }
}

#[test]
fn system_subjects_are_those_of_the_facts() {
    // What each may do is in the exhaustive test; here are the names and ids.
    let facts = FACTS["system_subjects"].as_array().unwrap();
    assert_eq!(system::every().count() + 1, facts.len());
    let sub_agent = system::sub_agent_api(ME, ORG_A);
    assert!(sub_agent.is_member_of(ORG_A) && !sub_agent.is_member_of(ORG_B));
    for fact in facts {
        let function = system_function(fact);
        let found = system::every().find(|s| s.0 == function).map(|s| s.1);
        let subject = found.unwrap_or(&sub_agent);
        assert_eq!(found.is_none(), function == "sub_agent_api", "{function}");
        let name = [&fact["friendly_name"], &fact["role_display_name"]].map(|n| n.as_str().unwrap());
        assert_eq!(subject.name(), name.into_iter().find(|n| !n.is_empty()).unwrap());
        assert!(subject.has_role(fact["role_name"].as_str().unwrap()), "{function}");
        let id = if found.is_some() { fact["subject_id"].as_str().unwrap().to_owned() } else { ME.to_string() };
        assert_eq!(subject.id().to_string(), id, "{function}");
        assert_eq!((subject.groups().len(), &*subject.scope().name), (0, scopes::ALL), "{function}");
    }
}

#[test]
fn roles_are_handed_out_as_the_facts_say() {
    let facts = FACTS["assignable"]["by_actor_role"].as_object().unwrap();
    let placeholders = FACTS["assignable"]["placeholders"].as_object().unwrap();
    let held = |name: &str, org| match name.contains("organization") {
        true => RoleRef::Org(name.into(), org),
        false => RoleRef::Site(name.into()),
    };
    let actors = FACTS["builtin_roles"].as_array().unwrap().iter().map(|r| r["name"].as_str().unwrap());
    for actor in actors.chain(["system", "prebuilds-orchestrator", "autostart"]) {
        let allowed = facts.get(actor).map(texts).unwrap_or_default();
        for target in texts(&facts["owner"]) {
            // A placeholder stands for any role of an organization's own making.
            let name = if placeholders.contains_key(target) { &target.replace("custom", "made-up") } else { target };
            let (same, other) = (held(name, ORG_A), held(name, ORG_B));
            let actor = [held(actor, ORG_A)];
            assert_eq!(roles::assignable(&actor, &same), allowed.contains(&target), "{actor:?} {target}");
            let reaches = actor[0].org().is_none();
            if target.contains("organization") {
                assert_eq!(
                    roles::assignable(&actor, &other),
                    reaches && allowed.contains(&target),
                    "{actor:?} {target}"
                );
            }
        }
    }
    assert!(!roles::assignable(&[], &RoleRef::Site("member".into())));
}

#[test]
fn scopes_are_those_of_the_facts() {
    let facts = &FACTS["scopes"];
    let all = AllowList::any();
    for group in ["builtin", "composite"] {
        for (name, fact) in facts[group].as_object().unwrap() {
            assert_eq!(as_set(&scopes::expand(name).unwrap()), fact_set(&fact["site"]), "{name}");
            assert_eq!(scopes::is_storable(name), name != "no_user_data", "{name}");
            let empty = ["org", "org_member", "user"].iter().all(|level| fact[level].as_array().unwrap().is_empty());
            assert!(empty && texts(&fact["allow_list"]) == ["*:*"], "{name} has more than a site list");
        }
    }
    let mut storable = 2 + facts["composite"].as_object().unwrap().len();
    for (kind, actions) in FACTS["resources"].as_object().unwrap() {
        for action in texts(actions).into_iter().chain(["*"]) {
            let name = format!("{kind}:{action}");
            let want = naive::Permission { negate: false, resource: kind.clone(), action: action.into() };
            let spec = scopes::effective(&[&name], &all).unwrap();
            assert_eq!(as_set(&spec.permissions), BTreeSet::from([want]), "{name}");
            storable += usize::from(scopes::is_storable(&name));
        }
    }
    assert_eq!(storable, 198);
    for name in
        ["", "all", "user.*", "workspace", "workspace:", "workspace:fly", "template:ssh", "*", "*:*", "castle:read"]
    {
        assert_eq!(scopes::expand(name), None, "{name:?}");
        let error = scopes::effective(&["coder:all", name], &all);
        assert_eq!(error, Err(scopes::ScopeError::Unknown(name.into())), "{name:?}");
    }
}

#[test]
fn scopes_that_users_may_ask_for_are_those_of_the_facts() {
    assert_eq!(REQUESTABLE, texts(&FACTS["scopes"]["external"]));
    assert_eq!(REQUESTABLE.len(), 48);
    assert!(REQUESTABLE.iter().all(|name| scopes::is_storable(name)));
    assert!(!scopes::is_requestable("no_user_data") && !scopes::is_requestable("system:read"));
    for (name, alias) in FACTS["scopes"]["legacy_aliases"].as_object().unwrap() {
        assert_eq!(scopes::legacy_alias(name), alias.as_str(), "{name}");
        assert_eq!(scopes::legacy_name(&[alias.as_str().unwrap()]), name);
    }
    assert_eq!(scopes::legacy_alias("coder:all"), None);
    assert_eq!(scopes::legacy_name(&["coder:all", "coder:application_connect"]), "application_connect");
    assert_eq!(scopes::legacy_name(&["workspace:read"]), "");
}

#[test]
fn a_key_has_all_of_its_scopes_on_its_stored_list() {
    let list = AllowList::parse(&["workspace:*", "user:00000000-0000-0000-0000-000000000001"]).unwrap();
    let spec = scopes::effective(&["workspace:read", "user:read"], &list).unwrap();
    assert_eq!(spec.allow_list, list);
    let want =
        [Permission::some(Resource::Workspace, &[Action::Read]), Permission::some(Resource::User, &[Action::Read])];
    assert_eq!(spec.permissions, want);
    assert_eq!(scopes::effective(&["coder:all"], &AllowList::default()).unwrap().allow_list, AllowList::default());
    assert_eq!(scopes::effective::<&str>(&[], &list), Err(scopes::ScopeError::Empty));
}

#[test]
fn access_list_roles_are_those_of_the_facts() {
    for (resource, name) in [(Resource::Template, "template"), (Resource::Workspace, "workspace")] {
        for (role, actions) in FACTS["acl_roles"][name].as_object().unwrap().iter().filter(|r| r.1.is_array()) {
            let set = role_actions(resource, role).unwrap();
            assert_eq!(set.names().collect::<Vec<_>>(), texts(actions), "{name} {role}");
        }
        assert_eq!(role_actions(resource, "emperor"), None);
    }
}
