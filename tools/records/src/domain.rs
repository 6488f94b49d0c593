//! Which part of a name was registered, by the public suffix list.
//!
//! The list is the one that the program was built with: nothing is fetched.

use dnsflow_wire::dns::MAX_NAME_BYTES;
use psl::Psl;

/// How many labels stand before the registered domain of a name, which is one label more than its
/// public suffix. None if the name is not below a suffix that is in the list, or longer than names
/// of DNS are, as one of a record before version 5 can be.
///
/// ```
/// use dnsflow_records::domain::registered;
///
/// let labels = |name: &'static str| name.split('.').map(str::as_bytes);
/// assert_eq!(registered(labels("a.www.example.co.uk")), Some(2));
/// assert_eq!(registered(labels("example.co.uk")), Some(0));
/// assert_eq!(registered(labels("co.uk")), None);
/// ```
pub fn registered<'a>(name: impl IntoIterator<Item = &'a [u8]>) -> Option<usize> {
    let mut lower = [0; MAX_NAME_BYTES];
    // Each label and a dot.
    let (mut end, mut count) = (0, 0);
    for label in name {
        let room = lower.get_mut(end..=end + label.len())?;
        let (dot, room) = room.split_last_mut()?;
        *dot = b'.';
        room.copy_from_slice(label);
        room.make_ascii_lowercase();
        end += label.len() + 1;
        count += 1;
    }
    let labels = lower.get(..end)?.strip_suffix(b".")?;
    // A label with a dot is a name of another kind, which nobody has registered.
    let parts = labels.split(|byte| *byte == b'.');
    if parts.clone().count() != count {
        return None;
    }
    let suffix = psl::List.find(parts.clone().rev());
    suffix.typ?;
    let start = labels.len().checked_sub(suffix.len)?;
    let of_suffix = labels.get(start..)?.split(|byte| *byte == b'.').count();
    count.checked_sub(of_suffix + 1)
}
