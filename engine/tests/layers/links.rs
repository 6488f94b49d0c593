//! Each link type and what may stand between it and IP, and the extension headers of IPv6.

use dnsflow_testkit::corpus::links as captures;

use crate::check;

check! {
    ethernet_and_tags
    length_and_llc
    token_ring_and_fddi
    address_families
    raw
    cooked
    point_to_point
    point_to_point_over_ethernet
    labels
    pseudowires_without_control_word
    arcnet
    ieee_80211
    headers_of_wireless_drivers
    netfilter
    extension_headers
}
