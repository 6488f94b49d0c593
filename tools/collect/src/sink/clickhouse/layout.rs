//! Whether a column takes the bytes that are written for it.
//!
//! RowBinary is blind to types: what has the same bytes will do. So `LowCardinality(String)` is
//! `String`, and on a server that has no `IPv6` an address may be `FixedString(16)`.

/// How deep types are followed; ours are 3 deep.
const DEPTH: usize = 8;

/// Whether values of one type have the bytes of the other.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    layout(one, DEPTH) == layout(other, DEPTH)
}

/// The layout of a type's values; types that are not known stand for themselves.
fn layout(kind: &str, depth: usize) -> String {
    let kind = kind.trim();
    let (name, inner) = match kind.split_once('(') {
        Some((name, rest)) if depth > 0 => (name, rest.strip_suffix(')').unwrap_or(rest)),
        Some(_) => return kind.to_owned(),
        None => (kind, ""),
    };
    let parts = split(inner);
    match (name, &parts[..]) {
        ("LowCardinality", [inner]) | ("SimpleAggregateFunction", [_, inner]) => {
            layout(inner, depth - 1)
        }
        ("Nullable" | "Array", [inner]) => format!("{name}({})", layout(inner, depth - 1)),
        ("Tuple", items) => {
            let items: Vec<String> = items
                .iter()
                .map(|item| layout(without_name(item), depth - 1))
                .collect();
            format!("Tuple({})", items.join(","))
        }
        ("IPv6", _) | ("FixedString", ["16"]) => String::from("16 bytes"),
        ("DateTime64", ["6", ..]) | ("Int64" | "UInt64", _) => String::from("8 bytes"),
        ("DateTime" | "Int32" | "UInt32", _) => String::from("4 bytes"),
        ("Date" | "Int16" | "UInt16", _) => String::from("2 bytes"),
        ("Bool" | "Int8" | "UInt8", _) => String::from("1 byte"),
        _ => kind.to_owned(),
    }
}

/// Splits at commas outside of parentheses and quotes.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut open, mut quoted, mut start) = (Vec::new(), 0_i32, false, 0);
    for (at, one) in text.char_indices() {
        match one {
            '\'' => quoted = !quoted,
            '(' if !quoted => open += 1,
            ')' if !quoted => open -= 1,
            ',' if !quoted && open == 0 => {
                parts.push(text.get(start..at).unwrap_or_default().trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or_default().trim());
    parts
}

/// The type of an element of a tuple, which can have a name before it.
fn without_name(element: &str) -> &str {
    match element.split_once(' ') {
        Some((name, kind)) if !name.contains('(') => kind,
        _ => element,
    }
}

#[cfg(test)]
mod tests {
    use super::is_same;

    #[test]
    fn types_with_the_same_bytes_are_the_same() {
        for (one, other) in [
            ("IPv6", "FixedString(16)"),
            ("DateTime64(6, 'UTC')", "UInt64"),
            ("DateTime64(6)", "Int64"),
            ("DateTime('Europe/Berlin')", "UInt32"),
            ("LowCardinality(Nullable(String))", "Nullable(String)"),
            ("Array(LowCardinality(String))", "Array(String)"),
            ("Nullable(IPv6)", "Nullable(FixedString(16))"),
            ("Bool", "UInt8"),
            (
                "SimpleAggregateFunction(min, DateTime64(6, 'UTC'))",
                "DateTime64(6, 'Asia/Tokyo')",
            ),
            (
                "Array(Tuple(a String, `b` LowCardinality(String)))",
                "Array(Tuple(String, String))",
            ),
            (
                "Array(Tuple(t DateTime64(6, 'UTC')))",
                "Array(Tuple(UInt64))",
            ),
        ] {
            assert!(is_same(one, other), "{one} {other}");
        }
    }

    #[test]
    fn other_bytes_are_not() {
        for (one, other) in [
            ("IPv6", "IPv4"),
            ("IPv6", "String"),
            ("DateTime64(6)", "DateTime64(3)"),
            ("DateTime64(6)", "DateTime"),
            ("Nullable(UInt16)", "UInt16"),
            ("Array(String)", "String"),
            ("Array(Tuple(a String, b String))", "Array(Tuple(a String))"),
            ("String", "AggregateFunction(count, String)"),
        ] {
            assert!(!is_same(one, other), "{one} {other}");
        }
    }

    #[test]
    fn no_text_panics() {
        let deep = "Array(".repeat(10_000);
        for kind in [
            "", "(", ")", "Tuple(", "Tuple()", "Array(,)", "'", "é(é", &deep,
        ] {
            assert!(!is_same(kind, "String"));
        }
    }
}
