//! The product's decisions: the same as the naive evaluator's everywhere, and unchanged since they
//! were last looked at.

use std::fmt::Write;

use rockpool::rbac::explain::explain;
use rockpool::rbac::{Action, Filter, Object, Resource, RoleOptions, SubjectSpec};
use uuid::Uuid;

use super::cast::{self, Player, WITHOUT_LISTS, action_name, asked, product_allows};
use super::naive::Ballot;

/// Without optimisation the largest products are thinned to every so-manyth case.
const STRIDE: usize = if cfg!(debug_assertions) { 11 } else { 1 };

#[test]
fn every_role_decides_as_the_rules_say_on_every_shape() {
    let players: Vec<Player> = cast::players().into_iter().chain(cast::system_players()).collect();
    let mut allowed = 0;
    for kind in Resource::ALL {
        for asked in asked() {
            let props = cast::shapes(*kind, asked);
            for player in &players {
                let ballot = Ballot::cast(&player.naive, kind.as_str(), action_name(asked));
                for prop in &props {
                    let want = ballot.allows(&prop.naive);
                    let got = product_allows(&player.subject, asked, &prop.object);
                    let what = (&player.name, action_name(asked), kind, &prop.shape);
                    assert_eq!(got, want, "{what:?}");
                    allowed += usize::from(got);
                }
            }
        }
    }
    assert!(allowed > 100_000, "only {allowed} were allowed: the cast cannot tell much apart");
}

#[test]
fn every_scope_decides_as_the_rules_say_and_never_adds() {
    let wanted = ["owner", "member of A", "organization-admin of A", "template-admin, member of A"];
    let players = cast::players();
    let players = || players.iter().filter(|p| wanted.contains(&&*p.name));
    assert_eq!(players().count(), wanted.len());
    let (mut count, mut kept) = (0_usize, 0_usize);
    for scope in cast::named_scopes() {
        for player in players() {
            let subject = player.subject.under_scope(scope.spec.clone());
            let naive = super::naive::Subject { scope: scope.naive.clone(), ..player.naive.clone() };
            for kind in Resource::ALL {
                for asked in asked() {
                    count += 1;
                    if !count.is_multiple_of(STRIDE) {
                        continue;
                    }
                    let ballot = Ballot::cast(&naive, kind.as_str(), action_name(asked));
                    for prop in cast::shapes(*kind, asked).iter().take(WITHOUT_LISTS + 1) {
                        let got = product_allows(&subject, asked, &prop.object);
                        let what = (&player.name, &scope.name, action_name(asked), kind, &prop.shape);
                        assert_eq!(got, ballot.allows(&prop.naive), "{what:?}");
                        let unlimited = product_allows(&player.subject, asked, &prop.object);
                        assert!(unlimited || !got, "a scope added {what:?}");
                        kept += usize::from(got);
                    }
                }
            }
        }
    }
    assert!(kept > 1000, "only {kept} were allowed: the scopes cannot be told apart");
}

#[test]
fn access_lists_under_every_scope_decide_as_the_rules_say() {
    let wanted =
        ["member of A", "member of A and B", "organization-admin of A", "banned organization-admin of A", "owner"];
    let players = cast::players();
    let players = || players.iter().filter(|p| wanted.contains(&&*p.name));
    assert_eq!(players().count(), wanted.len());
    let scopes = cast::named_scopes();
    let (mut count, mut by_list) = (0_usize, 0_usize);
    for kind in Resource::ALL.iter().filter(|kind| kind.has_acl()) {
        for asked in asked() {
            let props = cast::shapes(*kind, asked);
            for player in players() {
                for scope in &scopes {
                    count += 1;
                    if !count.is_multiple_of(STRIDE) {
                        continue;
                    }
                    let subject = player.subject.under_scope(scope.spec.clone());
                    let naive = super::naive::Subject { scope: scope.naive.clone(), ..player.naive.clone() };
                    let ballot = Ballot::cast(&naive, kind.as_str(), action_name(asked));
                    for prop in &props[WITHOUT_LISTS..] {
                        let got = product_allows(&subject, asked, &prop.object);
                        let what = (&player.name, &scope.name, action_name(asked), kind, &prop.shape);
                        assert_eq!(got, ballot.allows(&prop.naive), "{what:?}");
                        by_list += usize::from(got && !ballot.role_allow(&prop.naive));
                    }
                }
            }
        }
    }
    assert!(by_list > 500, "only {by_list} were allowed by a list: scopes keep everything out");
}

#[test]
fn an_explanation_has_the_decision_for_its_end() {
    let players = cast::players();
    let scopes = cast::named_scopes();
    let (mut count, mut kinds) = (0_usize, std::collections::BTreeMap::<&str, usize>::new());
    for player in &players {
        let spec = player.spec.as_ref().expect("players have one");
        let unlimited = std::iter::once(&spec.scope).chain(scopes.iter().map(|named| &named.spec));
        for (at, scope) in unlimited.enumerate() {
            let subject = player.subject.under_scope(scope.clone());
            let spec = SubjectSpec { scope: scope.clone(), ..spec.clone() };
            for kind in Resource::ALL {
                for asked in asked() {
                    count += 1;
                    if !count.is_multiple_of(if at == 0 { STRIDE.min(5) } else { STRIDE * 31 }) {
                        continue;
                    }
                    for prop in cast::shapes(*kind, asked) {
                        let rule = explain(&spec, RoleOptions::default(), asked, &prop.object);
                        let what = (&player.name, &scope.name, action_name(asked), kind, &prop.shape);
                        assert_eq!(rule.allows(), product_allows(&subject, asked, &prop.object), "{what:?}: {rule:?}");
                        *kinds.entry(rule.kind()).or_default() += 1;
                    }
                }
            }
        }
    }
    let seen: Vec<&str> = kinds.keys().copied().collect();
    let all =
        ["allow_list", "everyone_acl", "group_acl", "negative_permission", "no_grant", "role", "scope", "user_acl"];
    assert_eq!(seen, all, "every sort of rule decides somewhere: {kinds:?}");
}

/// A row has one organization or none, and only some kinds of rows have access lists.
fn can_be_a_row(object: &Object) -> bool {
    let has_acl = !object.acl_user.is_empty() || !object.acl_group.is_empty();
    !object.any_org && object.id.is_some() && (object.resource.has_acl() || !has_acl)
}

#[test]
fn a_filter_passes_the_rows_that_the_single_check_allows() {
    let mut scopes = cast::named_scopes();
    scopes.retain(|c| {
        ["coder:all on", "workspace:read on", "coder:workspaces.create on"].iter().any(|s| c.name.starts_with(s))
    });
    assert_eq!(scopes.len(), 18);
    let players: Vec<Player> = cast::players().into_iter().chain(cast::system_players()).collect();
    let (mut count, mut outcomes) = (0_usize, [0_usize; 3]);
    for player in &players {
        for scope in &scopes {
            let subject = player.subject.under_scope(scope.spec.clone());
            for kind in Resource::ALL {
                for action in Action::ALL {
                    let listed = *action == Action::Read && kind.has_acl();
                    count += 1;
                    if !listed && !count.is_multiple_of(STRIDE * 3) {
                        continue;
                    }
                    let filter = subject.filter(*action, *kind);
                    outcomes[match filter {
                        Filter::All => 0,
                        Filter::None => 1,
                        Filter::Where(_) => 2,
                    }] += 1;
                    for prop in cast::shapes(*kind, Some(*action)).iter().filter(|p| can_be_a_row(&p.object)) {
                        let what = (&player.name, &scope.name, action, kind, &prop.shape, &filter);
                        assert_eq!(filter.matches(&prop.object), subject.can(*action, &prop.object), "{what:?}");
                    }
                }
            }
        }
    }
    assert!(outcomes.iter().all(|n| *n > 100), "all, none, some: {outcomes:?}");
}

#[test]
fn one_organization_and_any_organization_at_once_are_refused() {
    let owner = cast::player("owner", &[cast::builtin("owner", None)]);
    let object = Object { any_org: true, ..Object::of(Resource::Template).org(cast::ORG_A) };
    assert!(!owner.subject.can(Action::Read, &object));
    assert!(owner.subject.can(Action::Read, &Object::of(Resource::Template).org(Uuid::nil())));
}

/// One letter an action, as reviewers read them.
fn letter(action: Action) -> char {
    use Action::*;
    match action {
        Create => 'C',
        Read => 'R',
        Update => 'U',
        Delete => 'D',
        Use => 'u',
        ViewInsights => 'v',
        Ssh => 's',
        ApplicationConnect => 'a',
        Start => 't',
        Stop => 'p',
        CreateAgent => 'g',
        DeleteAgent => 'x',
        Share => 'h',
        ReadPersonal => 'r',
        UpdatePersonal => 'w',
        Assign => 'A',
        Unassign => 'N',
    }
}

/// For every kind, for each of its defined actions, the things of every shape.
type Stage = Vec<(Resource, Vec<(Action, Vec<cast::Prop>)>)>;

fn stage() -> Stage {
    let actions = |kind: &Resource| -> Vec<(Action, Vec<cast::Prop>)> {
        kind.actions().iter().map(|action| (*action, cast::shapes(*kind, Some(*action)))).collect()
    };
    Resource::ALL.iter().map(|kind| (*kind, actions(kind))).collect()
}

/// What a player may do to the things of one shape: the kinds, each with the letters of its defined actions.
fn line(player: &Player, stage: &Stage, shape: usize) -> String {
    let mut line = String::new();
    for (kind, actions) in stage {
        let allowed = actions.iter().filter(|(action, props)| player.subject.can(*action, &props[shape].object));
        let letters: String = allowed.map(|(action, _)| letter(*action)).collect();
        if letters.len() == actions.len() {
            write!(line, " {kind}").unwrap();
        } else if !letters.is_empty() {
            write!(line, " {kind}:{letters}").unwrap();
        }
    }
    if line.is_empty() { " -".to_owned() } else { line }
}

const GOLDEN_HEAD: &str = "\
# What every role may do to things of every shape, under the scope coder:all. Shapes of one outcome share a line.
# Access lists ask roles for nothing but membership, so one member stands for all of them.
# A kind alone stands for all of its actions, else its letters follow: C create, R read, U update, D delete, u use,
# v view_insights, s ssh, a application_connect, t start, p stop, g create_agent, x delete_agent, h share,
# r read_personal, w update_personal, A assign, N unassign.
# After a change that is meant, write it again: ROCKPOOL_BLESS=1 cargo test --test it rbac::decisions
";

#[test]
fn decisions_change_only_where_a_reviewer_sees_it() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/rbac/decisions.txt");
    let shapes: Vec<String> =
        cast::shapes(Resource::Workspace, Some(Action::Read)).into_iter().map(|p| p.shape).collect();
    let stage = stage();
    let mut text = GOLDEN_HEAD.to_owned();
    for player in cast::players().iter().chain(&cast::system_players()) {
        writeln!(text, "\n{}", player.name).unwrap();
        let mut lines: Vec<(String, Vec<&str>)> = Vec::new();
        for (at, shape) in shapes.iter().enumerate().filter(|s| s.0 < WITHOUT_LISTS || player.name == "member of A") {
            let line = line(player, &stage, at);
            match lines.iter_mut().find(|l| l.0 == line) {
                Some(same) => same.1.push(shape),
                None => lines.push((line, vec![shape])),
            }
        }
        for (line, shapes) in lines {
            writeln!(text, "  {}:{line}", shapes.join("; ")).unwrap();
        }
    }
    if std::env::var_os("ROCKPOOL_BLESS").is_some() {
        std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/rbac")).unwrap();
        return std::fs::write(path, text).unwrap();
    }
    let golden = std::fs::read_to_string(path).unwrap();
    for (number, (got, want)) in text.lines().zip(golden.lines()).enumerate() {
        assert_eq!(got, want, "line {} of fixtures/rbac/decisions.txt", number + 1);
    }
    assert_eq!(text.lines().count(), golden.lines().count());
}
