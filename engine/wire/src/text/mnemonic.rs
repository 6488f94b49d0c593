//! Mnemonics of types, classes and response codes.

use core::fmt::{self, Display};

/// A type by its mnemonic, or as `TYPE65280` (RFC 3597, section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeText(pub u16);

/// A class by its mnemonic, or as `CLASS32769` (RFC 3597, section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassText(pub u16);

/// A response code by its mnemonic, or as `RCODE3841`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RcodeText(pub u16);

/// "Resource Record (RR) TYPEs" of IANA's registry of DNS parameters; in order.
const TYPES: &[(u16, &str)] = &[
    (1, "A"),
    (2, "NS"),
    (3, "MD"),
    (4, "MF"),
    (5, "CNAME"),
    (6, "SOA"),
    (7, "MB"),
    (8, "MG"),
    (9, "MR"),
    (10, "NULL"),
    (11, "WKS"),
    (12, "PTR"),
    (13, "HINFO"),
    (14, "MINFO"),
    (15, "MX"),
    (16, "TXT"),
    (17, "RP"),
    (18, "AFSDB"),
    (19, "X25"),
    (20, "ISDN"),
    (21, "RT"),
    (22, "NSAP"),
    (23, "NSAP-PTR"),
    (24, "SIG"),
    (25, "KEY"),
    (26, "PX"),
    (27, "GPOS"),
    (28, "AAAA"),
    (29, "LOC"),
    (30, "NXT"),
    (33, "SRV"),
    (35, "NAPTR"),
    (36, "KX"),
    (37, "CERT"),
    (38, "A6"),
    (39, "DNAME"),
    (41, "OPT"),
    (42, "APL"),
    (43, "DS"),
    (44, "SSHFP"),
    (45, "IPSECKEY"),
    (46, "RRSIG"),
    (47, "NSEC"),
    (48, "DNSKEY"),
    (49, "DHCID"),
    (50, "NSEC3"),
    (51, "NSEC3PARAM"),
    (52, "TLSA"),
    (53, "SMIMEA"),
    (55, "HIP"),
    (59, "CDS"),
    (60, "CDNSKEY"),
    (61, "OPENPGPKEY"),
    (62, "CSYNC"),
    (63, "ZONEMD"),
    (64, "SVCB"),
    (65, "HTTPS"),
    (99, "SPF"),
    (104, "NID"),
    (105, "L32"),
    (106, "L64"),
    (107, "LP"),
    (108, "EUI48"),
    (109, "EUI64"),
    (249, "TKEY"),
    (250, "TSIG"),
    (251, "IXFR"),
    (252, "AXFR"),
    (253, "MAILB"),
    (254, "MAILA"),
    (255, "ANY"),
    (256, "URI"),
    (257, "CAA"),
    (32768, "TA"),
    (32769, "DLV"),
];

/// "DNS CLASSes" of the same registry.
const CLASSES: &[(u16, &str)] = &[(1, "IN"), (3, "CH"), (4, "HS"), (254, "NONE"), (255, "ANY")];

/// "DNS RCODEs" of the same registry. 16 is BADVERS in a response (RFC 6891, section 9).
const RCODES: &[(u16, &str)] = &[
    (0, "NOERROR"),
    (1, "FORMERR"),
    (2, "SERVFAIL"),
    (3, "NXDOMAIN"),
    (4, "NOTIMP"),
    (5, "REFUSED"),
    (6, "YXDOMAIN"),
    (7, "YXRRSET"),
    (8, "NXRRSET"),
    (9, "NOTAUTH"),
    (10, "NOTZONE"),
    (11, "DSOTYPENI"),
    (16, "BADVERS"),
    (17, "BADKEY"),
    (18, "BADTIME"),
    (19, "BADMODE"),
    (20, "BADNAME"),
    (21, "BADALG"),
    (22, "BADTRUNC"),
    (23, "BADCOOKIE"),
];

/// Writes the mnemonic of a value; `prefix` and the value if there is none.
fn write(
    f: &mut fmt::Formatter<'_>,
    table: &[(u16, &str)],
    prefix: &str,
    value: u16,
) -> fmt::Result {
    let found = table.binary_search_by_key(&value, |(value, _)| *value);
    match found.ok().and_then(|at| table.get(at)) {
        Some((_, mnemonic)) => f.write_str(mnemonic),
        None => write!(f, "{prefix}{value}"),
    }
}

impl Display for TypeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, TYPES, "TYPE", self.0)
    }
}

/// From a mnemonic in any case, or `TYPE` and a number.
impl core::str::FromStr for TypeText {
    type Err = UnknownType;

    fn from_str(word: &str) -> Result<Self, UnknownType> {
        let known = TYPES
            .iter()
            .find(|(_, name)| name.eq_ignore_ascii_case(word));
        if let Some((value, _)) = known {
            return Ok(Self(*value));
        }
        let (prefix, digits) = word.split_at_checked(4).ok_or(UnknownType)?;
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        if !prefix.eq_ignore_ascii_case("TYPE") || !is_number {
            return Err(UnknownType);
        }
        digits.parse().map(Self).map_err(|_| UnknownType)
    }
}

/// A word that is no type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownType;

impl Display for ClassText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, CLASSES, "CLASS", self.0)
    }
}

impl Display for RcodeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, RCODES, "RCODE", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_in_order() {
        for table in [TYPES, CLASSES, RCODES] {
            assert!(table.is_sorted_by(|one, other| one.0 < other.0));
        }
    }

    #[test]
    fn what_has_no_mnemonic_is_a_number() {
        assert_eq!(TypeText(65).to_string(), "HTTPS");
        assert_eq!(TypeText(65280).to_string(), "TYPE65280");
        assert_eq!(ClassText(0x8001).to_string(), "CLASS32769");
        assert_eq!(RcodeText(3).to_string(), "NXDOMAIN");
        assert_eq!(RcodeText(4095).to_string(), "RCODE4095");
    }
}
