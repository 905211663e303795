//! Patterns of policies: `*` stands for any characters or none, `?` for any one.

/// Whether the whole text fits the pattern. The work is bounded by the product of the lengths.
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    // what follows the last star, and what that star has not taken yet
    let mut last_star = None;
    loop {
        let (mut pattern_rest, mut text_rest) = (pattern.clone(), text.clone());
        match (pattern_rest.next(), text_rest.next()) {
            (Some('*'), _) => {
                last_star = Some((pattern_rest.clone(), text.clone()));
                pattern = pattern_rest;
                continue;
            }
            (Some(wanted), Some(found)) if wanted == '?' || wanted == found => {
                (pattern, text) = (pattern_rest, text_rest);
                continue;
            }
            (None, None) => return true,
            _ => {}
        }
        let Some((after_star, mut left)) = last_star else { return false };
        if left.next().is_none() {
            return false;
        }
        (pattern, text) = (after_star.clone(), left.clone());
        last_star = Some((after_star, left));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naive(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), _) => (0..=text.len()).any(|taken| naive(rest, &text[taken..])),
            (Some(('?', rest)), Some((_, left))) => naive(rest, left),
            (Some((wanted, rest)), Some((found, left))) => wanted == found && naive(rest, left),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn a_pattern_fits_what_the_plain_definition_says(
            pattern in "[abé*?]{0,10}", text in "[abé*]{0,10}",
        ) {
            let characters = |text: &str| text.chars().collect::<Vec<_>>();
            let expected = naive(&characters(&pattern), &characters(&text));
            prop_assert_eq!(fits(&pattern, &text), expected);
        }
    }

    #[test]
    fn many_stars_take_no_long_time() {
        let pattern = "*a".repeat(500) + "b";
        assert!(!fits(&pattern, &"a".repeat(1024)));
    }
}
