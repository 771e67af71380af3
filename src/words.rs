//! Names for what was given none: easy to say, and rarely the same twice.

use crate::ids::Ids;

const QUALITIES: &[&str] = &[
    "amber", "ample", "blithe", "bold", "brave", "brisk", "calm", "candid", "clear", "clever", "cosy", "crisp", "deft",
    "eager", "early", "fair", "fleet", "fond", "frank", "fresh", "gentle", "glad", "golden", "grand", "handy", "hardy",
    "honest", "ideal", "jolly", "keen", "kind", "lively", "loyal", "lucid", "lucky", "mellow", "merry", "mild", "neat",
    "nimble", "noble", "patient", "placid", "plucky", "polite", "prime", "proud", "quick", "quiet", "rapid", "ready",
    "robust", "rosy", "sage", "serene", "sharp", "silent", "sleek", "smart", "snug", "solid", "spry", "steady",
    "sunny", "swift", "tidy", "trusty", "upbeat", "valiant", "vivid", "warm", "wise", "witty", "zesty",
];

const THINGS: &[&str] = &[
    "acorn", "alder", "anvil", "badger", "beacon", "birch", "bison", "brook", "canyon", "cedar", "cliff", "clover",
    "comet", "condor", "coral", "crane", "creek", "delta", "dune", "eagle", "ember", "falcon", "fern", "finch",
    "fjord", "flint", "forge", "glacier", "grove", "harbor", "hawk", "hazel", "heron", "ibis", "island", "jasper",
    "juniper", "kestrel", "lagoon", "lantern", "larch", "lark", "lynx", "maple", "marten", "meadow", "mesa", "moss",
    "oak", "otter", "pebble", "pine", "plover", "prairie", "quarry", "raven", "reef", "ridge", "river", "robin",
    "sparrow", "spruce", "stork", "summit", "swan", "thistle", "tundra", "valley", "walnut", "willow", "wren",
    "yarrow",
];

/// A quality and a thing with `separator` between, and a digit: `calm_otter7`.
pub fn name(ids: &Ids, separator: &str) -> String {
    let digit = ids.text(1, b"0123456789");
    format!("{}{separator}{}{digit}", pick(ids, QUALITIES), pick(ids, THINGS))
}

fn pick(ids: &Ids, words: &[&'static str]) -> &'static str {
    let mut bytes = [0; 8];
    ids.fill(&mut bytes);
    words[(u64::from_le_bytes(bytes) % words.len() as u64) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdk::names;

    #[test]
    fn every_name_is_a_name() {
        let ids = Ids::seeded(1);
        for _ in 0..100 {
            let name = name(&ids, "_");
            assert_eq!(names::template_version_name(&name), Ok(()), "{name}");
        }
        assert!(QUALITIES.iter().chain(THINGS).all(|word| names::name(word).is_ok() && word.len() <= 10));
    }
}
