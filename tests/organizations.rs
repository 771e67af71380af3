//! Organizations, their members, roles and groups.

use rockpool::sdk::{
    AssignableRoles, Group, Organization, OrganizationMember, OrganizationMemberWithUserData, PaginatedMembersResponse,
    ProvisionerDaemon, ProvisionerJob, Role, WorkspaceSharingSettings,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Client, Options, PASSWORD, Server};

fn make(owner: &Client, name: &str) -> Organization {
    owner.post("/api/v2/organizations", json!({"name": name})).ok(201)
}

fn names(roles: &[rockpool::sdk::SlimRole]) -> Vec<&str> {
    roles.iter().map(|role| role.name.as_str()).collect()
}

#[test]
fn an_organization_is_made_with_a_member_and_the_group_of_everybody() {
    let server = Server::start();
    let owner = server.owner();
    let body = json!({"name": "second", "display_name": "The Second", "description": "Another", "icon": "/i.svg"});
    let made: Organization = owner.post("/api/v2/organizations", body).ok(201);
    assert_eq!((made.display_name.as_str(), made.is_default), ("The Second", false));
    for name in ["second", "SECOND", &made.id.to_string()] {
        let found: Organization = owner.get(&format!("/api/v2/organizations/{name}")).ok(200);
        assert_eq!(found.id, made.id, "{name}");
    }
    for name in ["default", "coder", "00000000-0000-0000-0000-000000000000"] {
        let found: Organization = owner.get(&format!("/api/v2/organizations/{name}")).ok(200);
        assert_eq!(found.id, server.organization(), "{name}");
    }
    let members: Vec<OrganizationMemberWithUserData> = owner.get("/api/v2/organizations/second/members").ok(200);
    assert_eq!(members.iter().map(|m| m.user_id).collect::<Vec<_>>(), [server.owner_id()]);
    let groups: Vec<Group> = owner.get("/api/v2/organizations/second/groups").ok(200);
    let [everyone] = groups.as_slice() else { panic!("{groups:?}") };
    assert_eq!((everyone.id, everyone.name.as_str(), everyone.total_member_count), (made.id, "Everyone", 1));
    let mine: Vec<Organization> = owner.get("/api/v2/users/me/organizations").ok(200);
    assert_eq!(mine.len(), 2);
    let plain = make(&owner, "third");
    assert_eq!(plain.display_name, "third", "the name, where nothing else is given");
}

#[test]
fn names_that_are_taken_reserved_or_malformed_are_refused() {
    let server = Server::start();
    let owner = server.owner();
    let (_, member) = server.user("mona", &[]);
    for (name, status) in
        [("CODER", 409), ("default", 400), ("", 400), ("a b", 400), ("under_score", 400), ("new", 400), ("-x", 400)]
    {
        owner.post("/api/v2/organizations", json!({"name": name})).refused(status);
    }
    owner.post("/api/v2/organizations", json!({"name": "x".repeat(33)})).refused(400);
    member.post("/api/v2/organizations", json!({"name": "mine"})).refused(403);
    let second = make(&owner, "second");
    let path = format!("/api/v2/organizations/{}", second.id);
    let taken = owner.patch(&path, json!({"name": "Coder"})).refused(409);
    assert_eq!(taken.validations[0].field, "name");
    owner.patch(&path, json!({"name": "default"})).refused(400);
    member.patch(&path, json!({"display_name": "x"})).refused(404);
    let changed: Organization = owner.patch(&path, json!({"name": "renamed", "description": "d"})).ok(200);
    assert_eq!((changed.name.as_str(), changed.description.as_str()), ("renamed", "d"));
    let cleared: Organization = owner.patch(&path, json!({"description": ""})).ok(200);
    assert_eq!((cleared.name.as_str(), cleared.description.as_str()), ("renamed", ""));
    owner.get("/api/v2/organizations/second").refused(404);
}

#[test]
fn an_organization_goes_when_it_is_empty_and_the_default_one_never_does() {
    let server = Server::start();
    let owner = server.owner();
    let (mona, member) = server.user("mona", &[]);
    let second = make(&owner, "second");
    let path = format!("/api/v2/organizations/{}", second.id);
    owner.post(&format!("{path}/members/{}", mona.id), json!(null)).expect(200);
    let crew: Group = owner.post(&format!("{path}/groups"), json!({"name": "crew"})).ok(201);

    owner.delete("/api/v2/organizations/default").refused(400);
    member.delete(&path).refused(403);
    let refused = owner.delete(&path).refused(409);
    assert!(refused.detail.contains("1 member, 1 group"), "{refused:?}");
    owner.delete(&format!("{path}/members/mona")).expect(204);
    owner.delete(&format!("/api/v2/groups/{}", crew.id)).expect(200);
    owner.delete(&path).expect(200);
    owner.delete(&path).expect(200);
    owner.get("/api/v2/organizations/second").refused(404);
    owner.get(&path).expect(200);
    let left: Vec<Organization> = owner.get("/api/v2/organizations").ok(200);
    assert_eq!(left.len(), 1);
    make(&owner, "second");
}

#[test]
fn who_is_outside_sees_nothing_of_an_organization() {
    let server = Server::start();
    let owner = server.owner();
    make(&owner, "second");
    let (otto, outside) = server.user("otto", &[]);
    owner.delete(&format!("/api/v2/organizations/default/members/{}", otto.id)).expect(204);
    let seen: Vec<Organization> = outside.get("/api/v2/organizations").ok(200);
    assert!(seen.is_empty());
    for path in ["", "/members", "/members/roles", "/groups", "/paginated-members"] {
        outside.get(&format!("/api/v2/organizations/second{path}")).refused(404);
    }
}

#[test]
fn members_come_and_go() {
    let server = Server::start();
    let owner = server.owner();
    let (mona, member) = server.user("mona", &[]);
    let (_, admin) = server.user("ua", &["user-admin"]);
    let path = "/api/v2/organizations/second/members";
    make(&owner, "second");
    member.post(&format!("{path}/me"), json!(null)).refused(404);
    let joined: OrganizationMember = admin.post(&format!("{path}/mona"), json!(null)).ok(200);
    assert_eq!((joined.user_id, joined.roles.len()), (mona.id, 0));
    owner.post(&format!("{path}/mona"), json!(null)).refused(400);
    owner.post(&format!("{path}/nobody"), json!(null)).refused(400);
    member.delete(&format!("{path}/owner")).refused(404);
    owner.delete(&format!("{path}/me")).refused(400);
    owner.delete(&format!("{path}/mona")).expect(204);
    owner.delete(&format!("{path}/mona")).refused(404);
    member.get(path).refused(404);
}

#[test]
fn members_are_paged_by_name_and_searched_by_id() {
    let server = Server::start();
    let owner = server.owner();
    for name in ["pb", "PA", "pc"] {
        server.user(name, &[]);
    }
    let path = "/api/v2/organizations/default/paginated-members";
    let page = |query: &str| -> (i64, Vec<String>) {
        let page: PaginatedMembersResponse = owner.get(&format!("{path}{query}")).ok(200);
        (page.count, page.members.into_iter().map(|m| m.username).collect())
    };
    assert_eq!(page("?limit=0"), (4, ["owner", "PA", "pb", "pc"].map(str::to_owned).to_vec()));
    assert_eq!(page("?limit=2&offset=1"), (4, ["PA", "pb"].map(str::to_owned).to_vec()));
    for query in ["?limit=-1", "?offset=x", "?offset=9"] {
        owner.get(&format!("{path}{query}")).refused(400);
    }
    let path = "/api/v2/organizations/default/members";
    let search = |query: &str| -> usize {
        let found: Vec<OrganizationMemberWithUserData> = owner.get(&format!("{path}?q={query}")).ok(200);
        found.len()
    };
    assert_eq!(search(&format!("user_id:{}", server.owner_id())), 1);
    assert_eq!(search("include_system:true"), 5);
    assert_eq!(search("github_user_id:7"), 0);
    for query in ["pa", "name:pa", "user_id:x"] {
        owner.get(&format!("{path}?q={query}")).refused(400);
    }
}

#[test]
fn roles_are_given_by_those_who_may_give_them() {
    let server = Server::start();
    let owner = server.owner();
    let (_, member) = server.user("mona", &[]);
    let (_, admin) = server.user("orga", &[]);
    let (_, user_admin) = server.user("ua", &["user-admin"]);
    let path = |user: &str| format!("/api/v2/organizations/default/members/{user}/roles");
    owner.put(&path("orga"), json!({"roles": ["organization-admin"]})).expect(200);

    let given: OrganizationMember =
        admin.put(&path("mona"), json!({"roles": ["organization-auditor", "organization-auditor"]})).ok(200);
    assert_eq!(names(&given.roles), ["organization-auditor"]);
    assert_eq!(given.roles[0].display_name, "Organization Auditor");
    for roles in [
        json!(["organization-king"]),
        json!(["owner"]),
        json!([""]),
        json!([format!("organization-admin:{}", server.organization())]),
    ] {
        owner.put(&path("mona"), json!({"roles": roles})).refused(400);
    }
    owner.put(&path("owner"), json!({"roles": []})).refused(400);
    user_admin.put(&path("mona"), json!({"roles": ["organization-admin"]})).refused(400);
    member.put(&path("orga"), json!({"roles": []})).refused(403);
    owner.put(&path("nobody"), json!({"roles": []})).refused(400);

    let listed: Vec<AssignableRoles> = admin.get("/api/v2/organizations/default/members/roles").ok(200);
    assert!(listed.iter().all(|role| role.built_in && role.assignable) && listed.len() == 5, "{listed:?}");
    let listed: Vec<AssignableRoles> = member.get("/api/v2/organizations/default/members/roles").ok(200);
    assert!(listed.iter().all(|role| !role.assignable));
    let listed: Vec<AssignableRoles> = owner.get("/api/v2/users/roles").ok(200);
    assert_eq!(listed.len(), 4);
}

#[test]
fn a_custom_role_grants_what_its_maker_had_from_the_next_request_on() {
    let server = Server::start();
    let owner = server.owner();
    let (_, member) = server.user("mona", &[]);
    let path = "/api/v2/organizations/default/members/roles";
    let may = |actions: &[&str]| -> Value {
        actions.iter().map(|action| json!({"resource_type": "group", "action": action})).collect()
    };
    let body = |name: &str, actions: &[&str]| json!({"name": name, "display_name": "Keeper", "organization_permissions": may(actions)});
    let groups = "/api/v2/organizations/default/groups";
    let made: Role = owner.post(path, body("Keeper", &["create", "read"])).ok(200);
    assert_eq!((made.name.as_str(), made.organization_permissions.len()), ("keeper", 2));
    owner.post(path, body("Keeper", &["read"])).refused(400);
    member.post(groups, json!({"name": "crew"})).refused(403);
    let given: OrganizationMember =
        owner.put("/api/v2/organizations/default/members/mona/roles", json!({"roles": ["keeper"]})).ok(200);
    assert_eq!(given.roles[0].display_name, "Keeper");
    let crew: Group = member.post(groups, json!({"name": "crew"})).ok(201);
    let crew = format!("/api/v2/groups/{}", crew.id);
    member.delete(&crew).refused(403);
    owner.put(path, body("keeper", &["delete", "read", "no-such-action"])).expect(200);
    member.delete(&crew).expect(200);
    member.post(groups, json!({"name": "again"})).refused(403);
    owner.put(path, json!({"name": "unknown"})).refused(404);
    member.delete(&format!("{path}/keeper")).refused(403);
    owner.delete(&format!("{path}/keeper")).expect(204);
    owner.delete(&format!("{path}/keeper")).refused(404);
    let members: Vec<OrganizationMemberWithUserData> = owner.get("/api/v2/organizations/default/members").ok(200);
    assert!(members.iter().all(|m| m.roles.is_empty()), "who held it has lost it");
}

#[test]
fn a_custom_role_that_goes_too_far_is_refused() {
    let server = Server::start();
    let owner = server.owner();
    let path = "/api/v2/organizations/default/members/roles";
    let read = |kind: &str| json!([{"resource_type": kind, "action": "read"}]);
    for body in [
        json!({"name": ""}),
        json!({"name": "a b"}),
        json!({"name": "owner"}),
        json!({"name": "organization-member"}),
        json!({"name": "own", "site_permissions": read("template")}),
        json!({"name": "own", "user_permissions": read("template")}),
        json!({"name": "own", "organization_member_permissions": read("template")}),
        json!({"name": "own", "organization_permissions": read("*")}),
        json!({"name": "own", "organization_permissions": read("castle")}),
        json!({"name": "own", "organization_permissions": read("user_secret")}),
        json!({"name": "own", "organization_permissions": [{"resource_type": "template", "action": "read", "negate": true}]}),
    ] {
        owner.post(path, &body).refused(400);
    }
    for name in ["owner", "organization-admin", "organization-member"] {
        owner.delete(&format!("{path}/{name}")).refused(400);
    }
    let (_, user_admin) = server.user("ua", &["user-admin"]);
    user_admin.post(path, json!({"name": "own"})).refused(404);
}

#[test]
fn groups_are_made_filled_searched_and_deleted() {
    let server = Server::start();
    let owner = server.owner();
    let (mona, member) = server.user("mona", &[]);
    let path = "/api/v2/organizations/default/groups";
    let crew: Group = owner.post(path, json!({"name": "crew", "quota_allowance": 12})).ok(201);
    owner.post(path, json!({"name": "crew"})).refused(409);
    owner.post(path, json!({"name": "Everyone"})).refused(400);
    member.post(path, json!({"name": "mine"})).refused(403);
    let at = format!("/api/v2/groups/{}", crew.id);
    let filled: Group = owner.patch(&at, json!({"add_users": [mona.id], "display_name": "The Crew"})).ok(200);
    assert_eq!((filled.members.len(), filled.total_member_count, filled.quota_allowance), (1, 1, 12));
    owner.patch(&at, json!({"add_users": [mona.id]})).refused(400);
    owner.patch(&at, json!({"add_users": [Uuid::from_u128(1)]})).refused(400);
    member.patch(&at, json!({"quota_allowance": 1000})).refused(400);
    let everyone = format!("/api/v2/groups/{}", server.organization());
    owner.patch(&everyone, json!({"name": "all"})).refused(400);
    owner.patch(&everyone, json!({"add_users": [mona.id]})).refused(403);
    owner.delete(&everyone).refused(400);

    let found: Vec<Group> = owner.get("/api/v2/groups?has_member=mona&organization=coder").ok(200);
    assert_eq!(found.iter().map(|g| g.name.as_str()).collect::<Vec<_>>(), ["Everyone", "crew"]);
    owner.get("/api/v2/groups?colour=red").refused(400);
    let quota: Value = member.get("/api/v2/organizations/default/members/me/workspace-quota").ok(200);
    assert_eq!(quota, json!({"budget": 12, "credits_consumed": 0}));
    let emptied: Group = owner.patch(&at, json!({"remove_users": [mona.id]})).ok(200);
    assert_eq!(emptied.total_member_count, 0);
    member.delete(&at).refused(403);
    owner.delete(&at).expect(200);
    owner.get(&at).refused(404);
}

#[test]
fn sharing_is_switched_off_for_an_organization_with_the_experiment() {
    let server = Options::default().set("CODER_EXPERIMENTS", "workspace-sharing").start();
    let owner = server.owner();
    let (_, member) = server.user("mona", &[]);
    let path = "/api/v2/organizations/default/settings/workspace-sharing";
    member.patch(path, json!({"sharing_disabled": true})).refused(403);
    let set: WorkspaceSharingSettings = owner.patch(path, json!({"sharing_disabled": true})).ok(200);
    assert!(set.sharing_disabled);
    let seen: WorkspaceSharingSettings = member.get(path).ok(200);
    assert!(seen.sharing_disabled);
    // Members no longer see whom they could share with.
    let members: Vec<OrganizationMemberWithUserData> = member.get("/api/v2/organizations/default/members").ok(200);
    assert_eq!(members.len(), 1);
    owner.patch(path, json!({"sharing_disabled": false})).expect(200);
    let members: Vec<OrganizationMemberWithUserData> = member.get("/api/v2/organizations/default/members").ok(200);
    assert_eq!(members.len(), 2);

    let without = Server::start();
    without.owner().get(path).refused(403);
}

#[test]
fn daemons_and_jobs_are_listed_for_those_who_look_after_them() {
    let server = Server::start();
    let owner = server.owner();
    let (_, member) = server.user("mona", &[]);
    let daemons = "/api/v2/organizations/default/provisionerdaemons";
    let jobs = "/api/v2/organizations/default/provisionerjobs";
    for path in [daemons, jobs] {
        member.get(path).refused(404);
        owner.get(&format!("{path}?colour=red")).refused(400);
        owner.get(&format!("{path}?status=flying")).refused(400);
        owner.get(&format!("{path}?tags=x")).refused(400);
    }
    let all: Vec<ProvisionerDaemon> = owner.get(daemons).ok(200);
    assert!(!all.is_empty() && all.iter().all(|d| d.key_name.as_deref() == Some("built-in")), "{all:?}");
    let one: Vec<ProvisionerDaemon> = owner.get(&format!("{daemons}?ids={}&status=idle,busy", all[0].id)).ok(200);
    assert_eq!(one.len(), 1);
    let none: Vec<ProvisionerDaemon> = owner.get(&format!("{daemons}?tags=%7B%22zone%22%3A%22a%22%7D")).ok(200);
    assert!(none.is_empty());
    let none: Vec<ProvisionerJob> = owner.get(jobs).ok(200);
    assert!(none.is_empty());
    owner.get(&format!("{jobs}/{}", Uuid::from_u128(1))).refused(404);
}

#[test]
fn a_new_user_is_in_the_organizations_that_were_named() {
    let server = Server::start();
    let owner = server.owner();
    let second = make(&owner, "second");
    let body = json!({
        "email": "two@example.com", "username": "two", "password": PASSWORD,
        "organization_ids": [server.organization(), second.id],
    });
    owner.post("/api/v2/users", body).expect(201);
    let organizations: Vec<Organization> = owner.get("/api/v2/users/two/organizations").ok(200);
    assert_eq!(organizations.len(), 2);
    let one: Organization = owner.get("/api/v2/users/two/organizations/second").ok(200);
    assert_eq!(one.id, second.id);
}
