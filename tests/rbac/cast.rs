//! The subjects and the things that the tests ask about, each once as data for the product and once
//! for the naive evaluator.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use rockpool::rbac::roles::{self, OrganizationMember};
use rockpool::rbac::{
    Acl, Action, ActionSet, AllowList, Object, ObjectId, Resource, RoleRef, ScopeSpec, StoredRole, Subject,
    SubjectSpec, scopes, system,
};
use serde_json::Value;
use uuid::Uuid;

use super::naive;

/// The facts that the tables are held against.
pub static FACTS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../fixtures/reference/rbac.json")).unwrap());

pub const ME: Uuid = Uuid::from_u128(0x10);
pub const OTHER: Uuid = Uuid::from_u128(0x11);
pub const ORG_A: Uuid = Uuid::from_u128(0xa);
pub const ORG_B: Uuid = Uuid::from_u128(0xb);
/// Nobody in the cast is a member of it.
pub const ORG_C: Uuid = Uuid::from_u128(0xc);
pub const GROUP: Uuid = Uuid::from_u128(0x20);
pub const FOREIGN_GROUP: Uuid = Uuid::from_u128(0x21);
pub const THING: Uuid = Uuid::from_u128(0x30);
pub const OTHER_THING: Uuid = Uuid::from_u128(0x31);

/// An action that this version does not know.
pub const UNKNOWN_ACTION: &str = "juggle";

/// A subject in both forms, under one name.
pub struct Player {
    pub name: String,
    /// What the subject was compiled from, where the product does not keep that to itself.
    pub spec: Option<SubjectSpec>,
    pub subject: Subject,
    pub naive: naive::Subject,
}

/// A permission list of the facts: `[{negate, resource, actions}]`.
pub fn fact_list(value: &Value) -> Vec<naive::Permission> {
    let mut list = Vec::new();
    for p in value.as_array().map(Vec::as_slice).unwrap_or_default() {
        for action in p["actions"].as_array().unwrap() {
            list.push(naive::Permission {
                negate: p["negate"].as_bool().unwrap(),
                resource: p["resource"].as_str().unwrap().to_owned(),
                action: action.as_str().unwrap().to_owned(),
            });
        }
    }
    list
}

fn fact_role(value: &Value, org: Option<Uuid>) -> naive::Role {
    let lists = org.map(|org| (org.to_string(), (fact_list(&value["org"]), fact_list(&value["org_member"]))));
    naive::Role { site: fact_list(&value["site"]), user: fact_list(&value["user"]), orgs: lists.into_iter().collect() }
}

/// The naive form of `coder:all`.
pub fn scope_all() -> naive::Scope {
    let site = fact_list(&FACTS["scopes"]["builtin"]["coder:all"]["site"]);
    naive::Scope { site, allow_list: vec![("*".into(), "*".into())] }
}

/// One role of a player: the reference to it, its row if it is stored, and its naive form.
#[derive(Clone)]
pub struct Part {
    pub held: RoleRef,
    pub stored: Option<StoredRole>,
    pub naive: naive::Role,
}

/// A built-in role of the facts.
pub fn builtin(name: &str, org: Option<Uuid>) -> Part {
    let mut all = FACTS["builtin_roles"].as_array().unwrap().iter();
    let fact = all.find(|r| r["name"] == name && r.get("variant").is_none()).unwrap();
    let held = match org {
        Some(org) => RoleRef::Org(name.to_owned(), org),
        None => RoleRef::Site(name.to_owned()),
    };
    Part { held, stored: None, naive: fact_role(fact, org) }
}

/// The role that every member of `org` has.
pub fn organization_member(org: Uuid, sharing_disabled: bool) -> Part {
    let variant = if sharing_disabled { "sharing_disabled" } else { "sharing_enabled" };
    let fact = FACTS["builtin_roles"].as_array().unwrap().iter().find(|r| r["variant"] == variant).unwrap();
    let table: OrganizationMember = roles::organization_member(sharing_disabled);
    let held = RoleRef::Org(roles::ORGANIZATION_MEMBER.to_owned(), org);
    Part { held, stored: Some(table.stored(org)), naive: fact_role(fact, Some(org)) }
}

/// A role of an organization's own making. Its lists are `!kind:action`, `*` allowed.
pub fn custom(name: &str, org: Uuid, site: &[&str], org_list: &[&str], user: &[&str], member: &[&str]) -> Part {
    let parse = |list: &[&str]| -> Vec<naive::Permission> {
        let entry = |text: &&str| {
            let (negate, text) = text.strip_prefix('!').map_or((false, *text), |rest| (true, rest));
            let (resource, action) = text.split_once(':').unwrap();
            naive::Permission { negate, resource: resource.to_owned(), action: action.to_owned() }
        };
        list.iter().map(entry).collect()
    };
    let lists = [site, org_list, user, member].map(parse);
    stored(name, Some(org), lists)
}

/// A stored role of these lists: site, org, user, member.
pub fn stored(name: &str, org: Option<Uuid>, lists: [Vec<naive::Permission>; 4]) -> Part {
    let json = lists.each_ref().map(|list| columns(list));
    let row = StoredRole::new(name, org).with_columns(&json[0], &json[1], &json[2], &json[3]).unwrap();
    let held = match org {
        Some(org) => RoleRef::Org(name.to_owned(), org),
        None => RoleRef::Site(name.to_owned()),
    };
    let [site, org_list, user, member] = lists;
    let orgs = org.map(|org| (org.to_string(), (org_list, member))).into_iter().collect();
    Part { held, stored: Some(row), naive: naive::Role { site, user, orgs } }
}

fn columns(list: &[naive::Permission]) -> String {
    let entry = |p: &naive::Permission| serde_json::json!({"negate": p.negate, "resource_type": p.resource, "action": p.action});
    Value::Array(list.iter().map(entry).collect()).to_string()
}

/// Puts a player together, in group [`GROUP`], under `coder:all`.
pub fn player(name: &str, parts: &[Part]) -> Player {
    let spec = SubjectSpec {
        id: ME,
        name: name.to_owned(),
        roles: parts.iter().map(|p| p.held.clone()).collect(),
        custom: parts.iter().filter_map(|p| p.stored.clone()).collect(),
        groups: vec![GROUP],
        scope: ScopeSpec::all(),
    };
    let roles = parts.iter().map(|p| p.naive.clone()).collect();
    let naive = naive::Subject { id: ME.to_string(), roles, groups: vec![GROUP.to_string()], scope: scope_all() };
    Player { name: name.to_owned(), subject: spec.clone().compile().unwrap(), spec: Some(spec), naive }
}

const SITE_ROLES: [&str; 5] = ["owner", "member", "auditor", "template-admin", "user-admin"];
const ORG_ROLES: [&str; 5] = [
    "organization-admin",
    "organization-auditor",
    "organization-user-admin",
    "organization-template-admin",
    "organization-workspace-creation-ban",
];

/// Every role alone, every role as people hold it (in A, or in A and B), bans, custom roles.
pub fn players() -> Vec<Player> {
    let mut all = Vec::new();
    let member = || builtin("member", None);
    for name in SITE_ROLES {
        all.push(player(name, &[builtin(name, None)]));
    }
    for name in ORG_ROLES {
        all.push(player(name, &[builtin(name, Some(ORG_A))]));
    }
    for sharing_disabled in [false, true] {
        let note = if sharing_disabled { " (no sharing)" } else { "" };
        let in_a = || organization_member(ORG_A, sharing_disabled);
        all.push(player(&format!("organization-member{note}"), &[in_a()]));
        all.push(player(&format!("member of A{note}"), &[member(), in_a()]));
        let in_b = organization_member(ORG_B, sharing_disabled);
        all.push(player(&format!("member of A and B{note}"), &[member(), in_a(), in_b]));
        for name in SITE_ROLES.into_iter().filter(|r| *r != "member") {
            all.push(player(&format!("{name}, member of A{note}"), &[builtin(name, None), member(), in_a()]));
        }
        for name in ORG_ROLES {
            all.push(player(&format!("{name} of A{note}"), &[builtin(name, Some(ORG_A)), member(), in_a()]));
        }
    }
    let (in_a, ban) = (organization_member(ORG_A, false), builtin("organization-workspace-creation-ban", Some(ORG_A)));
    let admin = builtin("organization-admin", Some(ORG_A));
    all.push(player("banned organization-admin of A", &[member(), in_a.clone(), admin, ban.clone()]));
    all.push(player("banned owner in A", &[member(), in_a.clone(), builtin("owner", None), ban]));
    let builder = custom("builder", ORG_A, &[], &["template:read", "template:use", "workspace:*"], &[], &["file:*"]);
    all.push(player("custom builder of A", &[member(), in_a.clone(), builder]));
    let odd =
        custom("odd", ORG_B, &["!template:*"], &["*:read", "!group:*"], &["!api_key:delete"], &["!task:*", "*:*"]);
    all.push(player("custom odd of B, member of A", &[member(), in_a, odd]));
    all
}

/// The system subjects, with the name of their function; permissions from the facts.
pub fn system_players() -> Vec<Player> {
    let mut all: Vec<(String, Subject)> =
        system::every().map(|(name, subject)| (name.to_owned(), Subject::clone(subject))).collect();
    all.push(("sub_agent_api".into(), Subject::clone(&system::sub_agent_api(ME, ORG_A))));
    all.into_iter()
        .map(|(name, subject)| {
            let fact =
                FACTS["system_subjects"].as_array().unwrap().iter().find(|s| system_function(s) == name).unwrap();
            let role = fact_role(fact, (name == "sub_agent_api").then_some(ORG_A));
            let id = subject.id().to_string();
            let naive = naive::Subject { id, roles: vec![role], groups: vec![], scope: scope_all() };
            Player { name: format!("system {name}"), spec: None, subject, naive }
        })
        .collect()
}

/// The function in `system` that stands for a system subject of the facts.
pub fn system_function(fact: &Value) -> &str {
    match fact["key"].as_str().unwrap() {
        "(none)" => "tailnet_coordinator",
        key => key.strip_prefix("system_").unwrap_or(key),
    }
}

/// Something to ask about, in both forms.
pub struct Prop {
    pub shape: String,
    pub object: Object,
    pub naive: naive::Object,
}

impl Prop {
    pub fn new(shape: impl Into<String>, object: Object) -> Prop {
        let text = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
        let acl = |acl: &Acl| -> BTreeMap<String, Vec<String>> {
            acl.entries().iter().map(|(id, set)| (id.to_string(), set.names().map(str::to_owned).collect())).collect()
        };
        let id = match &object.id {
            Some(ObjectId::Uuid(id)) => id.to_string(),
            Some(ObjectId::Text(id)) => id.to_string(),
            None => String::new(),
        };
        let naive = naive::Object {
            kind: object.resource.as_str().to_owned(),
            id,
            owner: text(object.owner),
            org: text(object.org),
            any_org: object.any_org,
            acl_user: acl(&object.acl_user),
            acl_group: acl(&object.acl_group),
        };
        Prop { shape: shape.into(), object, naive }
    }
}

/// How many of [`shapes`] come first that have no access lists.
pub const WITHOUT_LISTS: usize = 13;

/// Things of one kind in every shape that makes a difference. `asked` matters for access lists only.
pub fn shapes(kind: Resource, asked: Option<Action>) -> Vec<Prop> {
    let of = || Object::of(kind);
    let thing = || of().id(THING);
    let mut all = vec![
        Prop::new("bare", of()),
        Prop::new("with an id", thing()),
        Prop::new("mine without organization", thing().owner(ME)),
        Prop::new("another's without organization", thing().owner(OTHER)),
        Prop::new("in A", thing().org(ORG_A)),
        Prop::new("mine in A", thing().org(ORG_A).owner(ME)),
        Prop::new("another's in A", thing().org(ORG_A).owner(OTHER)),
        Prop::new("mine in B", thing().org(ORG_B).owner(ME)),
        Prop::new("another's in B", thing().org(ORG_B).owner(OTHER)),
        Prop::new("mine in C", thing().org(ORG_C).owner(ME)),
        Prop::new("mine in the nil organization", thing().org(Uuid::nil()).owner(ME)),
        Prop::new("any organization", of().any_org()),
        Prop::new("mine in any organization", of().any_org().owner(ME)),
    ];
    assert_eq!(all.len(), WITHOUT_LISTS);
    let other = if asked == Some(Action::Read) { Action::Update } else { Action::Read };
    let mut lists = vec![("*", ActionSet::ANY), ("another action", ActionSet::of(&[other]))];
    lists.extend(asked.map(|action| ("the action", ActionSet::of(&[action]))));
    let places = [("in A", thing().org(ORG_A)), ("in C", thing().org(ORG_C)), ("without organization", thing())];
    for (what, set) in lists {
        for (place, object) in &places {
            let entry = |id| [(id, set)].into_iter().collect::<Acl>();
            let mut add = |whom, object| all.push(Prop::new(format!("{place}, {what} for {whom}"), object));
            add("me", object.clone().acl_user(entry(ME)));
            add("my group", object.clone().acl_group(entry(GROUP)));
            add("a foreign group", object.clone().acl_group(entry(FOREIGN_GROUP)));
            add("everyone", object.clone().acl_group(entry(object.org.unwrap_or(ORG_A))));
        }
        let entry = |id| [(id, set)].into_iter().collect::<Acl>();
        all.push(Prop::new(
            format!("in any organization, {what} for my group"),
            of().any_org().acl_group(entry(GROUP)),
        ));
    }
    all
}

/// A scope in both forms.
pub struct NamedScope {
    pub name: String,
    pub spec: ScopeSpec,
    pub naive: naive::Scope,
}

/// Every built-in and composite scope and a few low-level ones, each under every sort of allow list.
pub fn named_scopes() -> Vec<NamedScope> {
    let facts = &FACTS["scopes"];
    let named = ["builtin", "composite"].into_iter().flat_map(|group| facts[group].as_object().unwrap());
    let mut lists: Vec<(String, Vec<naive::Permission>)> =
        named.map(|(name, fact)| (name.clone(), fact_list(&fact["site"]))).collect();
    for name in ["workspace:read", "workspace:*", "template:use", "api_key:delete", "user:read_personal"] {
        let (resource, action) = name.split_once(':').unwrap();
        let permission = naive::Permission { negate: false, resource: resource.into(), action: action.into() };
        lists.push((name.to_owned(), vec![permission]));
    }
    let (this, other) = (format!("workspace:{THING}"), format!("workspace:{OTHER_THING}"));
    let (any_this, both) = (format!("*:{THING}"), vec![this.as_str(), "template:*"]);
    let allow_lists = [vec!["*:*"], vec!["workspace:*"], both, vec![&*other], vec![&*any_this], vec![]];
    let mut all = Vec::new();
    for (name, site) in lists {
        for entries in &allow_lists {
            let allow_list = AllowList::parse(entries).unwrap();
            let spec = ScopeSpec {
                name: name.clone(),
                permissions: scopes::expand(&name).unwrap(),
                allow_list: AllowList::any().intersect(&allow_list),
            };
            let pairs = entries.iter().map(|e| e.split_once(':').unwrap());
            let allow_list = pairs.map(|(kind, id)| (kind.to_owned(), id.to_owned())).collect();
            let naive = naive::Scope { site: site.clone(), allow_list };
            all.push(NamedScope { name: format!("{name} on {entries:?}"), spec, naive });
        }
    }
    all
}

/// Every action, and at the end one that this version does not know.
pub fn asked() -> impl Iterator<Item = Option<Action>> {
    Action::ALL.iter().copied().map(Some).chain([None])
}

/// The name of what [`asked`] yields.
pub fn action_name(asked: Option<Action>) -> &'static str {
    asked.map_or(UNKNOWN_ACTION, Action::as_str)
}

/// The product's answer.
pub fn product_allows(subject: &Subject, asked: Option<Action>, object: &Object) -> bool {
    match asked {
        Some(action) => subject.can(action, object),
        None => subject.can_unknown(object),
    }
}
