//! Random permission sets with negations and wildcards: both evaluators agree on all of them.

use rockpool::rbac::{Acl, Action, ActionSet, AllowList, Object, Resource, ScopeSpec, parse_permissions};
use uuid::Uuid;

use super::cast::{self, ME, ORG_A, ORG_B, ORG_C, OTHER, Part, Player, Prop};
use super::naive::{self, Ballot};

const SUBJECTS: usize = 4000;
const QUESTIONS: usize = 25;

/// SplitMix64: small, seeded, the same everywhere.
pub struct Dice(u64);

impl Dice {
    pub fn seeded(seed: u64) -> Dice {
        Dice(seed)
    }
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// Few kinds and actions, so that permissions meet questions and each other.
const KINDS: [Resource; 4] = [Resource::Workspace, Resource::Template, Resource::Group, Resource::ApiKey];
const ACTIONS: [Action; 3] = [Action::Read, Action::Update, Action::Delete];

fn permissions(dice: &mut Dice, negations: usize) -> Vec<naive::Permission> {
    let count = dice.below(4);
    (0..count)
        .map(|_| {
            let resource = if dice.one_in(6) { "*" } else { dice.pick(&KINDS).as_str() };
            let action = if dice.one_in(5) { "*" } else { dice.pick(&ACTIONS).as_str() };
            naive::Permission { negate: dice.one_in(negations), resource: resource.into(), action: action.into() }
        })
        .collect()
}

fn parts(dice: &mut Dice) -> Vec<Part> {
    let count = 1 + dice.below(4);
    (0..count)
        .map(|n| {
            let org = dice.pick(&[None, Some(ORG_A), Some(ORG_A), Some(ORG_B)]);
            let lists = [9, 4, 4, 4].map(|negations| permissions(dice, negations));
            cast::stored(&format!("role {n}"), org, lists)
        })
        .collect()
}

fn acl(dice: &mut Dice) -> Acl {
    let ids = [ME, OTHER, cast::GROUP, cast::FOREIGN_GROUP, ORG_A, ORG_B];
    let count = if dice.one_in(3) { 1 + dice.below(3) } else { 0 };
    let entry = |dice: &mut Dice| {
        let set = if dice.one_in(4) { ActionSet::ANY } else { ActionSet::of(&[dice.pick(&ACTIONS)]) };
        (dice.pick(&ids), set)
    };
    (0..count).map(|_| entry(dice)).collect()
}

fn object(dice: &mut Dice) -> Object {
    Object {
        resource: dice.pick(&KINDS),
        id: dice.pick(&[None, Some(cast::THING), Some(cast::OTHER_THING)]).map(Into::into),
        owner: dice.pick(&[None, Some(ME), Some(ME), Some(OTHER), Some(Uuid::nil())]),
        org: dice.pick(&[None, Some(ORG_A), Some(ORG_A), Some(ORG_B), Some(ORG_C), Some(Uuid::nil())]),
        any_org: dice.one_in(6),
        acl_user: acl(dice),
        acl_group: acl(dice),
    }
}

/// Half of the players are limited by a scope, with negations in it too.
fn dressed(dice: &mut Dice, player: Player) -> Player {
    if dice.one_in(2) {
        return player;
    }
    let site = [permissions(dice, 6), permissions(dice, 6)].concat();
    let entry = serde_json::Value::Array(
        site.iter()
            .map(|p| serde_json::json!({"negate": p.negate, "resource_type": p.resource, "action": p.action}))
            .collect(),
    );
    let entries: Vec<String> = (0..dice.below(4))
        .map(|_| {
            let kind = if dice.one_in(3) { "*" } else { dice.pick(&KINDS).as_str() };
            let id = dice.pick(&[None, Some(cast::THING), Some(cast::OTHER_THING)]);
            format!("{kind}:{}", id.map_or("*".to_owned(), |id| id.to_string()))
        })
        .collect();
    let spec = ScopeSpec {
        name: "random".into(),
        permissions: parse_permissions(&entry.to_string()).unwrap(),
        allow_list: AllowList::parse(&entries).unwrap(),
    };
    let pairs = entries.iter().map(|e| e.split_once(':').unwrap());
    let allow_list = pairs.map(|(kind, id)| (kind.to_owned(), id.to_owned())).collect();
    let naive = naive::Subject { scope: naive::Scope { site, allow_list }, ..player.naive };
    Player { subject: player.subject.under_scope(spec), naive, ..player }
}

#[test]
fn both_evaluators_agree_on_random_permission_sets() {
    let mut dice = Dice::seeded(412);
    let mut allowed = 0;
    for _ in 0..SUBJECTS {
        let player = cast::player("random", &parts(&mut dice));
        let player = dressed(&mut dice, player);
        for _ in 0..QUESTIONS {
            let prop = Prop::new("random", object(&mut dice));
            let asked = dice.pick(&[Some(ACTIONS[0]), Some(ACTIONS[1]), Some(ACTIONS[2]), None]);
            let got = cast::product_allows(&player.subject, asked, &prop.object);
            let ballot = Ballot::cast(&player.naive, &prop.naive.kind, cast::action_name(asked));
            assert_eq!(got, ballot.allows(&prop.naive), "{asked:?} {:?} {:?}", prop.naive, player.naive);
            if let (Some(action), false) = (asked, prop.object.any_org) {
                // A filter knows no access lists on kinds that have none.
                let bare = Object { acl_user: Acl::EMPTY, acl_group: Acl::EMPTY, ..prop.object.clone() };
                let row = if prop.object.resource.has_acl() { prop.object } else { bare };
                let filter = player.subject.filter(action, row.resource);
                assert_eq!(filter.matches(&row), player.subject.can(action, &row), "{filter:?} {row:?}");
            }
            allowed += usize::from(got);
        }
    }
    let share = allowed * 100 / (SUBJECTS * QUESTIONS);
    assert!((10..90).contains(&share), "{share} % allowed: the dice are too one-sided to tell");
}

#[test]
fn a_negative_permission_never_grants_by_roles() {
    let mut dice = Dice::seeded(409);
    let mut taken = 0;
    for _ in 0..SUBJECTS / 4 {
        let parts = parts(&mut dice);
        let before = cast::player("before", &parts);
        let negative = naive::Permission {
            negate: true,
            resource: dice.pick(&["*", "workspace", "template", "group", "api_key"]).into(),
            action: dice.pick(&["*", "read", "update", "delete"]).into(),
        };
        let at = dice.below(4);
        let mut lists: [Vec<naive::Permission>; 4] = Default::default();
        lists[at].push(negative);
        // It is added where the subject is a member already: membership itself may open access lists.
        let org = parts[dice.below(parts.len())].held.org();
        let after = cast::player("after", &[parts, vec![cast::stored("negative", org, lists)]].concat());
        for _ in 0..QUESTIONS {
            let object = object(&mut dice);
            for action in ACTIONS {
                let (was, is) = (before.subject.can(action, &object), after.subject.can(action, &object));
                assert!(was || !is, "{action} {object:?} {:?}", after.naive);
                taken += usize::from(was && !is);
            }
        }
    }
    assert!(taken > 500, "only {taken} taken away: the negatives do nothing");
}
