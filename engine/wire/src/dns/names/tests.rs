//! What is a name and what is none, and that names read before change neither.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Bytes of a message that may have as much text as any of these.
const PLENTY: usize = 1 << 20;

/// The name at `at`, written out, and the offset behind it.
fn parse(message: &[u8], at: usize) -> Result<(Vec<u8>, usize), NameError> {
    let mut names = Names::default();
    names.next_message(PLENTY);
    let (_, behind) = names.keep(message, at)?;
    Ok((kept(&names).concat(), behind))
}

/// The names that were kept.
fn kept(names: &Names) -> Vec<Vec<u8>> {
    let (places, text) = names.kept();
    let name = |place: &NameText| place.within(text).to_vec();
    places.iter().map(name).collect()
}

#[test]
fn plain_and_root() {
    assert_eq!(
        parse(b"\x03www\x02Ex\x00rest", 0),
        Ok((b"\x03www\x02Ex\x00".to_vec(), 8))
    );
    assert_eq!(parse(b"\x00", 0), Ok((vec![0], 1)));
}

#[test]
fn pointers_forward_and_back() {
    let message = b"\x01a\x00\x01b\xc0\x00\xc0\x03\xc0\x0b\x01c\x00";
    assert_eq!(parse(message, 3), Ok((b"\x01b\x01a\x00".to_vec(), 7)));
    assert_eq!(parse(message, 7), Ok((b"\x01b\x01a\x00".to_vec(), 9)));
    assert_eq!(parse(message, 9), Ok((b"\x01c\x00".to_vec(), 11)));
}

#[test]
fn refusals() {
    assert_eq!(parse(b"\xc0\x00", 0), Err(NameError::Loop));
    assert_eq!(parse(b"\x01a\xc0\x00", 0), Err(NameError::Long));
    assert_eq!(parse(b"\x40a", 0), Err(NameError::LabelType));
    assert_eq!(parse(b"\x80a", 0), Err(NameError::LabelType));
    assert_eq!(parse(b"\x02a", 0), Err(NameError::Short));
    assert_eq!(parse(b"\xc0", 0), Err(NameError::Short));
    assert_eq!(parse(b"\xc0\x09", 0), Err(NameError::Short));
    assert_eq!(parse(b"", 0), Err(NameError::Short));
    assert_eq!(parse(b"\x00", 70_000), Err(NameError::Short));
}

#[test]
fn longest() {
    let mut message = Vec::new();
    for _ in 0..3 {
        message.push(63);
        message.extend([b'x'; 63]);
    }
    let mut fits = message.clone();
    fits.push(61);
    fits.extend([b'y'; 61]);
    fits.push(0);
    assert_eq!(
        parse(&fits, 0).map(|found| found.0.len()),
        Ok(MAX_NAME_BYTES)
    );
    message.push(62);
    message.extend([b'y'; 62]);
    message.push(0);
    assert_eq!(parse(&message, 0), Err(NameError::Long));
}

proptest! {
    #[test]
    fn any_bytes(message: Vec<u8>, at in 0_usize..80) {
        if let Ok((name, behind)) = parse(&message, at) {
            prop_assert!(behind > at && behind <= message.len());
            prop_assert!(name.len() <= MAX_NAME_BYTES);
            // What was written is a name of its own, and the same one.
            prop_assert_eq!(parse(&name, 0), Ok((name.clone(), name.len())));
        }
    }
}

/// The name at `at` by the rules alone: every label and pointer is followed anew.
fn followed(message: &[u8], at: usize) -> Result<(Vec<u8>, usize), NameError> {
    let (mut name, mut cursor, mut behind, mut pointers) = (Vec::new(), at, None, 0);
    loop {
        let byte = *message.get(cursor).ok_or(NameError::Short)?;
        if byte >= 0xc0 {
            let low = *message.get(cursor + 1).ok_or(NameError::Short)?;
            behind = behind.or(Some(cursor + 2));
            pointers += 1;
            if pointers > 127 {
                return Err(NameError::Loop);
            }
            cursor = usize::from(byte & 0x3f) << 8 | usize::from(low);
        } else if byte >= 0x40 {
            return Err(NameError::LabelType);
        } else {
            let end = cursor + 1 + usize::from(byte);
            if name.len() + end - cursor > MAX_NAME_BYTES {
                return Err(NameError::Long);
            }
            name.extend_from_slice(message.get(cursor..end).unwrap_or(&message[cursor..]));
            cursor = end;
            if byte == 0 {
                return Ok((name, behind.unwrap_or(cursor)));
            }
        }
    }
}

/// Whether two results are the same, but for which of two limits a name exceeds first: a mark tells
/// the sums of what is behind it, not their order.
fn agree<T: PartialEq>(one: &Result<T, NameError>, other: &Result<T, NameError>) -> bool {
    let limit = |error| matches!(error, NameError::Loop | NameError::Long);
    match (one, other) {
        (Err(one), Err(other)) if limit(*one) => limit(*other),
        _ => one == other,
    }
}

/// Bytes that are mostly short labels, roots, and pointers among themselves.
fn tangled() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        3 => (0_u8..=255).prop_map(|low| vec![0xc0, low]),
        2 => (1_u8..4).prop_map(|length| vec![length; 1 + usize::from(length)]),
        1 => Just(vec![0]),
        1 => Just(vec![63]),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
    ];
    vec(piece, 0..120).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn what_was_read_before_changes_no_name(
        message in tangled(),
        places in vec((any::<bool>(), any::<prop::sample::Index>()), 1..100),
    ) {
        let mut names = Names::default();
        names.next_message(PLENTY);
        let (mut wanted, mut bytes, mut omitted, mut begun) = (Vec::new(), 0, 0, 0);
        for (keep, place) in &places {
            let at = place.index(message.len() + 1);
            let rule = followed(&message, at);
            let found = if *keep { names.keep(&message, at) } else { names.read(&message, at) };
            let found = found.map(|(_, behind)| behind);
            let wanted_end = rule.clone().map(|(_, behind)| behind);
            prop_assert!(agree(&found, &wanted_end), "{found:?}, not {wanted_end:?}, at {at}");
            // A message ends with its first damaged name.
            let Ok((name, behind)) = rule else { break };
            begun += behind - at;
            bytes += if *keep { name.len() } else { 0 };
            if *keep && bytes <= MAX_NAMES_BYTES {
                wanted.push(name);
            } else if *keep {
                omitted += 1;
            }
        }
        prop_assert_eq!(kept(&names), wanted);
        prop_assert_eq!(names.omitted(), omitted);
        // Where a name begins, it is read wherever it is; what pointers lead to is read once. A
        // damaged name may be a loop.
        let most = message.len() + begun + 2 * places.len() + 2 * MAX_NAME_BYTES;
        prop_assert!(names.steps <= most, "{} of {most}", names.steps);
    }
}

#[test]
fn a_chain_of_pointers_is_as_valid_as_without_marks() {
    // A root, and 130 pointers, each to what is before it.
    let mut message = vec![0];
    for target in [0]
        .into_iter()
        .chain((0..129).map(|pointer| 1 + 2 * pointer))
    {
        message.extend((0xc000_u16 | target).to_be_bytes());
    }
    let place = |pointer: usize| 1 + 2 * pointer;
    let (valid, more) = (place(126), place(127));
    for before in [
        vec![],
        vec![0],
        vec![place(60)],
        (0..127).map(place).collect(),
    ] {
        let mut names = Names::default();
        names.next_message(PLENTY);
        for at in before {
            assert_eq!(
                names.read(&message, at).is_ok(),
                followed(&message, at).is_ok()
            );
        }
        assert_eq!(
            names.read(&message, valid).map(|(_, behind)| behind),
            Ok(valid + 2)
        );
        assert_eq!(
            names.keep(&message, valid).map(|(_, behind)| behind),
            Ok(valid + 2)
        );
        assert_eq!(names.keep(&message, more), Err(NameError::Loop));
    }
}

#[test]
fn marks_of_another_message_are_not_known() {
    let mut names = Names::default();
    let (long, short) = (b"\x01a\x01b\0\xc0\x02", b"\x03a\x01b\0\xc0\x02");
    // The numbers of messages start over on the way.
    names.message = 0_u32.wrapping_sub(3 << 16);
    for _ in 0..3 {
        names.next_message(PLENTY);
        assert_eq!(names.keep(long, 5).map(|(_, behind)| behind), Ok(7));
        assert_eq!(kept(&names), [b"\x01b\0"]);
        names.next_message(PLENTY);
        assert_eq!(names.keep(short, 5).map(|(_, behind)| behind), Ok(7));
        assert_eq!(kept(&names), [b"\x01b\0"]);
        assert_ne!(names.message, 0);
    }
}

#[test]
fn names_are_kept_as_far_as_there_is_room() {
    // A name of 255 bytes, and a pointer to it.
    let mut message = Vec::new();
    for length in [63, 63, 63, 61] {
        message.push(length);
        message.extend(vec![b'x'; usize::from(length)]);
    }
    message.extend([0, 0xc0, 0, 0]);
    let mut names = Names::default();
    names.next_message(PLENTY);
    for _ in 0..20 {
        assert_eq!(names.keep(&message, 255).map(|(_, behind)| behind), Ok(257));
    }
    // A short one that follows is left out too: names are in order.
    assert_eq!(names.keep(&message, 257).map(|(_, behind)| behind), Ok(258));
    assert_eq!((kept(&names).len(), names.omitted()), (8, 13));
    assert!(kept(&names).iter().all(|name| name == &message[..255]));
    assert!(!names.is_empty());
    names.next_message(PLENTY);
    assert!(names.is_empty());
}

#[test]
fn text_is_bounded_by_the_bytes_of_the_message() {
    // A name of 253 bytes, then labels before pointers to it.
    let mut message = [&b"\x01a".repeat(126)[..], b"\0"].concat();
    let places: Vec<usize> = (0..10).map(|number| 253 + 4 * number).collect();
    for _ in &places {
        message.extend(b"\x01b\xc0\x00");
    }
    let mut names = Names::default();
    let mut read = |bytes| {
        names.next_message(bytes);
        places
            .iter()
            .map_while(|at| {
                names.read(&message, *at).err().map_or(Some(()), |error| {
                    assert_eq!(error, NameError::Excess);
                    None
                })
            })
            .count()
    };
    assert_eq!(
        (
            read(PLENTY),
            read(255 * 3 / 4),
            read(255 * 3 / 4 + 1),
            read(0)
        ),
        (10, 2, 3, 0)
    );
}
