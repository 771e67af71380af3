//! What must hold whatever the tables say.

use rockpool::rbac::roles::{Kind, listed};
use rockpool::rbac::scopes::{self, AgentIds};
use rockpool::rbac::{Action, Object, ObjectId, Resource, RoleOptions, RoleRef, ScopeSpec, SubjectSpec, system};
use uuid::Uuid;

use super::cast::{self, ME, ORG_A, asked, product_allows};

const WORKSPACE: Uuid = cast::THING;
const IDS: AgentIds = AgentIds {
    workspace: WORKSPACE,
    owner: ME,
    template: Uuid::from_u128(0x40),
    version: Uuid::from_u128(0x41),
    task: Some(Uuid::from_u128(0x42)),
};

#[test]
fn an_agent_never_exceeds_its_owner_or_its_ids() {
    let owned = [Resource::Workspace, Resource::Template, Resource::User, Resource::Task];
    let its = [WORKSPACE, IDS.template, IDS.version, ME, Uuid::from_u128(0x42)];
    let ids = its.into_iter().chain([cast::OTHER_THING, cast::OTHER, Uuid::nil()]).map(Some).chain([None]);
    for no_user_data in [false, true] {
        let scope = scopes::workspace_agent(IDS, no_user_data).unwrap();
        for player in cast::players() {
            let agent = player.subject.under_scope(scope.clone());
            for kind in Resource::ALL {
                for id in ids.clone() {
                    let object = Object { id: id.map(ObjectId::Uuid), ..Object::of(*kind).owner(ME).org(ORG_A) };
                    let alone = Object { org: None, ..object.clone() };
                    for (asked, object) in asked().flat_map(|asked| [(asked, &object), (asked, &alone)]) {
                        if product_allows(&agent, asked, object) {
                            let what = (&player.name, asked, object);
                            assert!(product_allows(&player.subject, asked, object), "more than its owner: {what:?}");
                            assert!(owned.contains(kind) && id.is_some_and(|id| its.contains(&id)), "{what:?}");
                            assert!(!no_user_data || *kind != Resource::User, "{what:?}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn an_agent_reaches_its_workspace_until_that_is_dormant() {
    let owner = cast::player("member", &[cast::builtin("member", None), cast::organization_member(ORG_A, false)]);
    let agent = owner.subject.under_scope(scopes::workspace_agent(IDS, false).unwrap());
    let workspace = |kind, id| Object::of(kind).id(id).owner(ME).org(ORG_A);
    for (object, want) in [
        (workspace(Resource::Workspace, WORKSPACE), true),
        (workspace(Resource::Workspace, cast::OTHER_THING), false),
        (workspace(Resource::WorkspaceDormant, WORKSPACE), false),
        (workspace(Resource::Task, Uuid::from_u128(0x42)), true),
        (Object::of(Resource::User).id(ME).owner(ME), true),
        (Object::of(Resource::User).id(cast::OTHER).owner(cast::OTHER), false),
    ] {
        assert_eq!(agent.can(Action::Read, &object), want, "{object:?}");
    }
    let private = owner.subject.under_scope(scopes::workspace_agent(IDS, true).unwrap());
    assert!(private.can(Action::Read, &workspace(Resource::Workspace, WORKSPACE)));
    assert!(!private.can(Action::Read, &Object::of(Resource::User).id(ME).owner(ME)));
    for ids in [AgentIds { workspace: Uuid::nil(), ..IDS }, AgentIds { version: Uuid::nil(), ..IDS }] {
        assert_eq!(scopes::workspace_agent(ids, false), Err(scopes::ScopeError::NilId));
    }
}

#[test]
fn owners_do_not_reach_secrets_usage_events_or_boundary_usage() {
    let owner = cast::player("owner", &[cast::builtin("owner", None)]);
    assert!(owner.subject.is_owner());
    for kind in [Resource::UserSecret, Resource::UsageEvent, Resource::BoundaryUsage] {
        for asked in asked() {
            for prop in cast::shapes(kind, asked).iter().filter(|p| p.object.acl_user.is_empty()) {
                assert!(!product_allows(&owner.subject, asked, &prop.object), "{asked:?} {kind} {}", prop.shape);
            }
        }
    }
}

#[test]
fn nobody_but_owners_and_system_subjects_reaches_the_system() {
    let bare = Object::of(Resource::System);
    for player in cast::players().iter().filter(|p| !p.name.contains("owner")) {
        for asked in asked() {
            assert!(!product_allows(&player.subject, asked, &bare), "{} {asked:?}", player.name);
        }
    }
    assert!(system::restricted().can(Action::Update, &bare));
}

#[test]
fn only_the_usage_tracker_reaches_boundary_usage() {
    let bare = Object::of(Resource::BoundaryUsage);
    let tracker = system::boundary_usage_tracker();
    for action in Resource::BoundaryUsage.actions() {
        assert!(tracker.can(*action, &bare), "{action}");
        for (name, subject) in system::every().filter(|s| s.0 != "boundary_usage_tracker") {
            // The restricted system subject reads everything.
            let reads_all = name == "restricted" && *action == Action::Read;
            assert_eq!(subject.can(*action, &bare), reads_all, "{name} {action}");
        }
        for player in cast::players() {
            assert!(!player.subject.can(*action, &bare), "{} {action}", player.name);
        }
    }
}

#[test]
fn an_owner_shares_any_workspace_whatever_its_organization_says() {
    let parts = [cast::builtin("owner", None), cast::organization_member(ORG_A, true)];
    let owner = cast::player("owner", &parts);
    let admin = cast::player("admin", &[cast::builtin("organization-admin", Some(ORG_A)), parts[1].clone()]);
    let prebuilt = Object::of(Resource::Workspace).id(WORKSPACE).org(ORG_A).owner(system::PREBUILDS_USER_ID);
    assert!(owner.subject.can(Action::Share, &prebuilt));
    assert!(!admin.subject.can(Action::Share, &prebuilt));
}

#[test]
fn the_switch_takes_owners_out_of_workspaces_and_nothing_else() {
    let spec = SubjectSpec {
        id: ME,
        name: "owner".into(),
        roles: vec![RoleRef::Site("owner".into())],
        custom: vec![],
        groups: vec![],
        scope: ScopeSpec::all(),
    };
    let open = spec.clone().compile().unwrap();
    let closed = spec.compile_with(RoleOptions { disable_owner_workspace_access: true }).unwrap();
    for kind in Resource::ALL {
        for asked in asked() {
            let taken = *kind == Resource::Workspace && matches!(asked, Some(Action::Ssh | Action::ApplicationConnect));
            let (was, is) = [&open, &closed].map(|s| product_allows(s, asked, &Object::of(*kind))).into();
            assert_eq!(is, was && !taken, "{asked:?} {kind}");
            assert!(was || !taken, "{asked:?} {kind}");
        }
    }
}

#[test]
fn a_refusal_names_who_asked_for_what() {
    let member = cast::player("member", &[cast::builtin("member", None)]);
    let denied = member.subject.authorize(Action::Delete, &Object::of(Resource::License)).unwrap_err();
    assert_eq!(denied.to_string(), format!("{ME} may not delete license"));
    assert!(member.subject.authorize(Action::Read, &Object::of(Resource::ApiKey).owner(ME)).is_ok());
}

#[test]
fn a_built_in_name_at_the_wrong_level_and_an_unknown_name_grant_nothing() {
    for role in [
        RoleRef::Org("owner".into(), ORG_A),
        RoleRef::Site("organization-admin".into()),
        RoleRef::Site("emperor".into()),
        RoleRef::Org("organization-member".into(), ORG_A),
    ] {
        let spec = SubjectSpec {
            id: ME,
            name: "odd".into(),
            roles: vec![role.clone()],
            custom: vec![],
            groups: vec![],
            scope: ScopeSpec::all(),
        };
        let subject = spec.compile().unwrap();
        assert!(subject.has_role(role.name()) && !subject.is_owner());
        assert_eq!(subject.organizations().len(), 0, "{role}");
        for kind in Resource::ALL {
            let mine = Object::of(*kind).owner(ME).org(ORG_A);
            assert!(asked().all(|asked| !product_allows(&subject, asked, &mine)), "{role} {kind}");
        }
    }
}

#[test]
fn people_choose_from_the_roles_that_have_a_name_for_people() {
    let names = |kind| listed(kind).map(|b| b.name).collect::<Vec<_>>();
    assert_eq!(names(Kind::Site), ["owner", "auditor", "template-admin", "user-admin"]);
    assert_eq!(names(Kind::Organization).len(), 5);
    assert!([Kind::Site, Kind::Organization].into_iter().flat_map(listed).all(|b| !b.display_name.is_empty()));
}
