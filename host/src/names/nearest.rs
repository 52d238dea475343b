//! Guessing what a misspelled word was meant to be.

/// The candidate that is nearest to `word`, if one is near: at most one letter in three, and at least one, is changed, added, left out
/// or swapped with its neighbour.
#[must_use]
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let most = (word.chars().count() / 3).max(1);
    let near = candidates.into_iter().map(|candidate| (distance(word, candidate), candidate));
    near.filter(|(distance, _)| *distance <= most).min_by_key(|(distance, _)| *distance).map(|(_, candidate)| candidate)
}

/// How many letters to change, add, leave out or swap with a neighbour (optimal string alignment).
#[must_use]
pub fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    let mut previous_letter = None;
    for (index, letter) in one.chars().enumerate() {
        let mut next = vec![index + 1];
        let mut left_letter = None;
        for (column, target) in other.iter().enumerate() {
            let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX / 2);
            let mut best = (at(&row, column) + usize::from(letter != *target)).min(at(&row, column + 1) + 1).min(at(&next, column) + 1);
            if previous_letter == Some(*target) && left_letter == Some(letter) && column > 0 {
                best = best.min(at(&before, column - 1) + 1);
            }
            next.push(best);
            left_letter = Some(*target);
        }
        before = std::mem::replace(&mut row, next);
        previous_letter = Some(letter);
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_counts_changed_added_missing_and_swapped_letters() {
        for (one, other, expected) in [
            ("", "", 0),
            ("", "ab", 2),
            ("timeout", "timeout", 0),
            ("timout", "timeout", 1),
            ("lcoal", "local", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(one, other), expected, "{one} {other}");
            assert_eq!(distance(other, one), expected, "{other} {one}");
        }
    }

    #[test]
    fn a_near_word_is_guessed_and_a_far_one_is_not() {
        let known = ["timeout", "stdin", "output"];
        assert_eq!(nearest("timout", known), Some("timeout"));
        assert_eq!(nearest("outptu", known), Some("output"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest("x", known), None);
    }
}
