//! What the provider decides about a user: organizations, groups and roles.

use rockpool::sdk::{Group, Organization, User};
use serde_json::{Value, json};

use super::{options, refused, sign_in};
use crate::support::idp::Idp;
use crate::support::{Client, Server};

fn says(idp: &Idp, claims: Value) {
    let mut all = json!({"sub": "alice-1", "email": "alice@example.com", "preferred_username": "alice"});
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    idp.says(all);
}

/// The names of the groups of an organization that a user is in.
#[track_caller]
fn groups(owner: &Client, organization: &str) -> Vec<String> {
    let groups: Vec<Group> = owner.get(&format!("/api/v2/groups?organization={organization}&has_member=alice")).ok(200);
    let mut names: Vec<String> = groups.into_iter().map(|g| g.name).filter(|name| name != "Everyone").collect();
    names.sort();
    names
}

#[track_caller]
fn group(owner: &Client, organization: &str, name: &str) -> Group {
    owner.post(&format!("/api/v2/organizations/{organization}/groups"), json!({"name": name})).ok(201)
}

#[test]
fn organizations_follow_the_claim() {
    let idp = Idp::start();
    let server = options(&idp).start();
    let owner = server.owner();
    let second: Organization = owner.post("/api/v2/organizations", json!({"name": "second"})).ok(201);
    let path = "/api/v2/settings/idpsync/organization";
    let body = json!({"field": "orgs", "mapping": {"two": [second.id], "both": [second.id, server.organization()]}});
    owner.patch(path, body).expect(200);
    for (claims, want) in [
        (json!({"orgs": ["two"]}), vec![second.id]),
        (json!({"orgs": "both"}), vec![second.id, server.organization()]),
        (json!({"orgs": ["unknown"]}), vec![]),
        (json!({}), vec![]),
    ] {
        says(&idp, claims.clone());
        let mut got = sign_in(&idp, &server).organization_ids;
        let mut want = want;
        got.sort();
        want.sort();
        assert_eq!(got, want, "{claims}");
    }
    owner.patch(&format!("{path}/config"), json!({"field": "orgs", "assign_default": true})).expect(200);
    assert_eq!(sign_in(&idp, &server).organization_ids, [server.organization()]);
    let fields: Vec<String> = owner.get("/api/v2/settings/idpsync/available-fields").ok(200);
    assert!(fields.contains(&"preferred_username".to_owned()) && fields.is_sorted(), "{fields:?}");
    says(&idp, json!({"orgs": ["two", 7], "one": "x"}));
    let values = |claim: &str| -> Vec<String> {
        owner.get(&format!("/api/v2/settings/idpsync/field-values?claimField={claim}")).ok(200)
    };
    assert_eq!((values("orgs"), values("email")), (vec![], vec!["alice@example.com".to_owned()]));
}

#[test]
fn groups_follow_the_claim_in_each_organization_by_its_own_settings() {
    let idp = Idp::start();
    let server = options(&idp).start();
    let owner = server.owner();
    let second: Organization = owner.post("/api/v2/organizations", json!({"name": "second"})).ok(201);
    let foreign = group(&owner, "second", "foreign");
    let crew = group(&owner, "default", "crew");
    group(&owner, "default", "plain");
    let path = "/api/v2/organizations/default/settings/idpsync/groups";
    let body = json!({
        "field": "groups", "mapping": {"sailors": [crew.id], "spies": [foreign.id]}, "regex_filter": "^[a-z]",
    });
    owner.patch(path, body).expect(200);
    for (claim, want) in [
        (json!(["sailors"]), &["crew"][..]),
        (json!(["plain", "none", "Crew"]), &["plain"]),
        (json!(["spies"]), &[]),
        (json!(["sailors", "plain"]), &["crew", "plain"]),
        (json!("plain"), &["plain"]),
        (json!({"what": "ever"}), &["plain"]),
        (json!([]), &[]),
    ] {
        says(&idp, json!({"groups": claim}));
        sign_in(&idp, &server);
        assert_eq!(groups(&owner, &server.organization().to_string()), want, "{claim}");
        assert!(groups(&owner, "second").is_empty(), "{claim}: {}", second.id);
    }
    owner.patch(&format!("{path}/config"), json!({"field": "groups", "auto_create_missing_groups": true})).expect(200);
    says(&idp, json!({"groups": ["made", "sailors"]}));
    sign_in(&idp, &server);
    sign_in(&idp, &server);
    assert_eq!(groups(&owner, &server.organization().to_string()), ["crew", "made"]);
}

#[test]
fn roles_of_an_organization_follow_the_claim() {
    let idp = Idp::start();
    let server = options(&idp).start();
    let owner = server.owner();
    let path = "/api/v2/organizations/default/settings/idpsync/roles";
    let mapping = json!({"boss": ["organization-admin", "organization-member", "no-role"], "none": []});
    owner.patch(path, json!({"field": "roles", "mapping": mapping})).expect(200);
    let held = || -> Vec<String> {
        let members: Value = owner.get("/api/v2/organizations/default/members").ok(200);
        let alice = members.as_array().unwrap().iter().find(|m| m["username"] == "alice").unwrap().clone();
        alice["roles"].as_array().unwrap().iter().map(|r| r["name"].as_str().unwrap().to_owned()).collect()
    };
    for (claim, want) in [
        (json!(["boss"]), &["organization-admin"][..]),
        (json!(["organization-auditor", "other"]), &["organization-auditor"]),
        (json!(7), &["organization-auditor"]),
        (json!(["none"]), &[]),
    ] {
        says(&idp, json!({"roles": claim}));
        sign_in(&idp, &server);
        assert_eq!(held(), want, "{claim}");
    }
}

#[test]
fn roles_of_the_deployment_follow_the_claim_but_for_the_last_owner() {
    let idp = Idp::start();
    let server = options(&idp)
        .set("CODER_OIDC_USER_ROLE_FIELD", "roles")
        .set("CODER_OIDC_USER_ROLE_MAPPING", r#"{"admin": ["owner", "member", "no-role"]}"#)
        .set("CODER_OIDC_USER_ROLE_DEFAULT", "template-admin")
        .start();
    let names = |user: User| -> Vec<String> { user.roles.into_iter().map(|role| role.name).collect() };
    says(&idp, json!({"roles": ["auditor"]}));
    assert!(names(sign_in(&idp, &server)).contains(&"owner".to_owned()), "the first user stays the owner");
    assert!(names(sign_in(&idp, &server)).contains(&"owner".to_owned()));
    idp.says(json!({"sub": "bob", "email": "bob@example.com", "roles": ["admin"]}));
    let mut bobs = names(sign_in(&idp, &server));
    bobs.sort();
    assert_eq!(bobs, ["owner", "template-admin"]);
    says(&idp, json!({"roles": ["auditor"]}));
    let mut alices = names(sign_in(&idp, &server));
    alices.sort();
    assert_eq!(alices, ["auditor", "template-admin"]);
    says(&idp, json!({"roles": {"what": "ever"}}));
    refused(&idp, &server, 500);
}

#[test]
fn it_may_take_a_group_to_sign_in() {
    let idp = Idp::start();
    let server =
        options(&idp).set("CODER_OIDC_GROUP_FIELD", "groups").set("CODER_OIDC_ALLOWED_GROUPS", "in,also").start();
    server.owner();
    for (claims, status) in [(json!({}), 403), (json!({"groups": ["out"]}), 403), (json!({"groups": 7}), 400)] {
        says(&idp, claims);
        refused(&idp, &server, status);
    }
    says(&idp, json!({"groups": ["out", "also"]}));
    sign_in(&idp, &server);
}

#[test]
fn what_the_provider_decides_is_not_changed_by_hand() {
    let idp = Idp::start();
    let server = options(&idp).set("CODER_OIDC_USER_ROLE_FIELD", "roles").start();
    let owner = server.owner();
    let second: Organization = owner.post("/api/v2/organizations", json!({"name": "second"})).ok(201);
    says(&idp, json!({"roles": []}));
    sign_in(&idp, &server);
    server.user("bea", &[]);
    let (member, roles) = ("/api/v2/organizations/second/members", json!({"roles": ["organization-auditor"]}));

    // Of the deployment the option decides at once, of organizations what is set at run time.
    let site = json!({"roles": ["auditor"]});
    let refusal = owner.put("/api/v2/users/alice/roles", &site).refused(400);
    assert!(refusal.message.contains("identity provider"), "{}", refusal.message);
    owner.put("/api/v2/users/bea/roles", &site).expect(200);
    for who in ["alice", "bea"] {
        owner.post(&format!("{member}/{who}"), json!({})).expect(200);
        owner.put(&format!("{member}/{who}/roles"), &roles).expect(200);
    }

    owner.patch("/api/v2/organizations/second/settings/idpsync/roles", json!({"field": "roles"})).expect(200);
    owner.put(&format!("{member}/alice/roles"), json!({"roles": []})).refused(400);
    owner.put(&format!("{member}/bea/roles"), json!({"roles": []})).expect(200);
    owner.put("/api/v2/organizations/default/members/alice/roles", &roles).expect(200);

    let settings = "/api/v2/settings/idpsync/organization";
    owner.patch(settings, json!({"field": "orgs", "mapping": {"second": [second.id]}})).expect(200);
    for (who, status) in [("alice", 400), ("bea", 200)] {
        // Who has to go goes at once.
        owner.delete(&format!("{member}/{who}")).expect(204);
        owner.post(&format!("{member}/{who}"), json!({})).expect(status);
    }
    owner.patch(settings, json!({"field": "", "mapping": {}})).expect(200);
    owner.post(&format!("{member}/alice"), json!({})).expect(200);
}

#[test]
fn without_a_licence_the_provider_decides_nothing() {
    let idp = Idp::start();
    let server = options(&idp).set("ROCKPOOL_LICENSING", "enforced").start();
    let owner = server.owner();
    owner.patch("/api/v2/settings/idpsync/organization", json!({"field": "orgs"})).expect(200);
    says(&idp, json!({"orgs": []}));
    assert_eq!(sign_in(&idp, &server).organization_ids, [server.organization()]);
}

#[test]
fn an_expression_that_cannot_be_read_is_not_kept() {
    let server = Server::start();
    let path = "/api/v2/organizations/default/settings/idpsync/groups";
    for (target, body) in [
        (path.to_owned(), json!({"field": "x", "regex_filter": "("})),
        (format!("{path}/config"), json!({"field": "x", "regex_filter": "["})),
    ] {
        server.owner().patch(&target, body).refused(400);
    }
    assert_eq!(server.owner().get(path).json()["field"], "");
}
