//! Finds the word that somebody probably meant.

/// The one of `known` that is closest to `word`, if it is close enough to be a slip of the finger.
pub fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).clamp(1, 2);
    let scored = known.into_iter().map(|candidate| (distance(word, candidate), candidate));
    scored.filter(|(score, _)| *score <= limit).min_by_key(|(score, _)| *score).map(|(_, candidate)| candidate)
}

/// Levenshtein distance: insertions, deletions and replacements of one letter.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognized_and_strangers_are_not() {
        let known = ["http-address", "tls-address", "access-url", "trace"];
        for (word, want) in [
            ("htp-address", Some("http-address")),
            ("acess-url", Some("access-url")),
            ("race", Some("trace")),
            ("trade", Some("trace")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(closest(word, known), want, "{word:?}");
        }
    }
}
