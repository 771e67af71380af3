//! What a check costs, by who asks for what; a request makes a handful of them.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use rockpool::rbac::scopes::{self, AgentIds};
use rockpool::rbac::{Acl, Action, ActionSet, Object, Resource, RoleRef, ScopeSpec, Subject, SubjectSpec, roles};
use uuid::Uuid;

const ME: Uuid = Uuid::from_u128(1);
const OTHER: Uuid = Uuid::from_u128(2);
const WORKSPACE: Uuid = Uuid::from_u128(3);

fn org(n: u128) -> Uuid {
    Uuid::from_u128(0x100 + n)
}

/// A member of this many organizations, who also holds `more`.
fn spec(organizations: u128, more: &[RoleRef]) -> SubjectSpec {
    let member_of = |n| RoleRef::Org(roles::ORGANIZATION_MEMBER.to_owned(), org(n));
    SubjectSpec {
        id: ME,
        name: "bench".to_owned(),
        roles: [RoleRef::Site(roles::MEMBER.to_owned())]
            .into_iter()
            .chain((0..organizations).map(member_of))
            .chain(more.iter().cloned())
            .collect(),
        custom: (0..organizations).map(|n| roles::organization_member(false).stored(org(n))).collect(),
        groups: (0..20).map(Uuid::from_u128).collect(),
        scope: ScopeSpec::all(),
    }
}

fn subject(organizations: u128, more: &[RoleRef]) -> Subject {
    spec(organizations, more).compile().expect("has roles")
}

fn workspace(owner: Uuid) -> Object {
    Object::of(Resource::Workspace).id(WORKSPACE).org(org(0)).owner(owner)
}

fn checks(c: &mut Criterion) {
    let member = subject(1, &[]);
    let in_many = subject(50, &[]);
    let owner = subject(1, &[RoleRef::Site(roles::OWNER.to_owned())]);
    let ids = AgentIds { workspace: WORKSPACE, owner: ME, template: OTHER, version: OTHER, task: None };
    let agent = member.under_scope(scopes::workspace_agent(ids, false).expect("no nil ids"));
    let everyone: Acl = [(org(0), ActionSet::of(&[Action::Read, Action::Use]))].into_iter().collect();
    let template = Object::of(Resource::Template).id(OTHER).org(org(0)).acl_group(everyone);

    let mut group = c.benchmark_group("authorize");
    for (name, subject, action, object) in [
        ("owner, another's workspace", &owner, Action::Update, workspace(OTHER)),
        ("member, own workspace", &member, Action::Update, workspace(ME)),
        ("member of 50 organizations, own workspace", &in_many, Action::Update, workspace(ME)),
        ("member, another's workspace", &member, Action::Update, workspace(OTHER)),
        ("member, template shared with everyone", &member, Action::Read, template),
        ("agent, its workspace", &agent, Action::Update, workspace(ME)),
    ] {
        group.bench_function(name, |b| b.iter(|| black_box(subject).authorize(black_box(action), black_box(&object))));
    }
    group.finish();
}

fn preparation(c: &mut Criterion) {
    let member = subject(3, &[]);
    c.bench_function("filter workspaces, member of 3 organizations", |b| {
        b.iter(|| black_box(&member).filter(Action::Read, Resource::Workspace));
    });
    let spec = spec(3, &[]);
    c.bench_function("compile, member of 3 organizations", |b| b.iter(|| black_box(spec.clone()).compile()));
}

criterion_group!(benches, checks, preparation);
criterion_main!(benches);
