//! Steps from the link layer to the IP header, as instructions.
//!
//! The capture filter and the balance programs both have to find the IP header. What they know at
//! the start differs, a link type or the EtherType at the network header, and so does what they
//! count from. The way from there is the same: VLAN tags in any mix, then an LLC header, an MPLS
//! label stack or a PPPoE session header.
//!
//! Headers that nest deeper, or in another order, end at a target of their own: the packet may be
//! IP, and the caller decides whether to keep it.

mod ether_type;
mod link_type;
mod llc;
mod pseudowire;
mod way;

pub use ether_type::{MAX_MPLS_LABELS, MAX_VLAN_TAGS};

pub(crate) use ether_type::from_type;
pub(crate) use link_type::{Header, Steps, header};
pub(crate) use way::{Targets, one_of};
