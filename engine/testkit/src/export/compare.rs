//! Sorted lists of sets, compared as multisets.

/// # Panics
/// If they differ: with how many and the first few.
#[track_caller]
pub fn assert_same(expected: &[String], got: &[String]) {
    assert_same_of("sets", expected, got);
}

/// The same, saying what was compared.
///
/// # Panics
/// As [`assert_same`].
#[track_caller]
pub fn assert_same_of(what: &str, expected: &[String], got: &[String]) {
    let (missing, extra) = difference(expected, got);
    assert!(
        missing.is_empty() && extra.is_empty(),
        "{what}: of {} expected, {} are missing and {} too many came\nmissing: {:#?}\ntoo many: {:#?}",
        expected.len(),
        missing.len(),
        extra.len(),
        &missing[..missing.len().min(5)],
        &extra[..extra.len().min(5)],
    );
}

/// # Panics
/// If `got` has something that `expected` has not, or more often.
#[track_caller]
pub fn assert_within(expected: &[String], got: &[String]) {
    let (_, extra) = difference(expected, got);
    let first = &extra[..extra.len().min(5)];
    assert!(
        extra.is_empty(),
        "{} too many of {}: {first:#?}",
        extra.len(),
        got.len()
    );
}

/// What is only in the one and only in the other of two sorted lists.
fn difference<'a>(ours: &'a [String], theirs: &'a [String]) -> (Vec<&'a str>, Vec<&'a str>) {
    assert!(ours.is_sorted() && theirs.is_sorted());
    let (mut only_ours, mut only_theirs) = (Vec::new(), Vec::new());
    let (mut ours, mut theirs) = (ours.iter().peekable(), theirs.iter().peekable());
    loop {
        match (ours.peek(), theirs.peek()) {
            (None, None) => return (only_ours, only_theirs),
            (Some(mine), Some(other)) if mine == other => {
                ours.next();
                theirs.next();
            }
            (Some(mine), other) if other.is_none_or(|other| mine < other) => {
                only_ours.push(mine.as_str());
                ours.next();
            }
            _ => only_theirs.extend(theirs.next().map(String::as_str)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn differences_are_found() {
        let list = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
        let compare = |ours: &str, theirs: &str| {
            let (ours, theirs) = (list(ours), list(theirs));
            let (missing, extra) = difference(&ours, &theirs);
            (missing.concat(), extra.concat())
        };
        let found = |missing: &str, extra: &str| (missing.to_owned(), extra.to_owned());
        assert_eq!(compare("abc", "abc"), found("", ""));
        assert_eq!(compare("aabc", "abcc"), found("a", "c"));
        assert_eq!(compare("", "ab"), found("", "ab"));
        assert_eq!(compare("ab", ""), found("ab", ""));
        assert_eq!(compare("adf", "bde"), found("af", "be"));
    }
}
