//! The values of `--select` and `--types`: which responses are exported, by how they ended and by
//! what was asked for.

use std::fmt;
use std::str::FromStr;

use dnsflow_wire::dns::{Outcome, Outcomes, Types};
use dnsflow_wire::text::TypeText;

/// The words of `--select`, but for `all`.
const OUTCOMES: [(&str, Outcome); 4] = [
    ("addresses", Outcome::Answered),
    ("nodata", Outcome::Nodata),
    ("nxdomain", Outcome::Nxdomain),
    ("errors", Outcome::Error),
];

/// The value of `--select`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Select(pub Outcomes);

impl Select {
    /// Whether only responses with addresses are selected, as every format can say them.
    #[must_use]
    pub fn is_addresses(self) -> bool {
        self.0 == Outcomes::NONE.with(Outcome::Answered)
    }
}

impl FromStr for Select {
    type Err = String;

    fn from_str(list: &str) -> Result<Self, String> {
        let mut selected = Outcomes::NONE;
        for word in list.split(',').map(str::trim) {
            let known = OUTCOMES.iter().find(|(name, _)| *name == word);
            selected = match (word, known) {
                (_, Some((_, outcome))) => selected.with(*outcome),
                ("all", None) => Outcomes::ALL,
                _ => {
                    return Err(format!(
                        "`{word}` is none of addresses, nodata, nxdomain, errors, all; separate several by commas"
                    ));
                }
            };
        }
        Ok(Self(selected))
    }
}

impl fmt::Display for Select {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let selected = OUTCOMES.iter().filter(|(_, outcome)| self.0.has(*outcome));
        let mut separator = "";
        for (word, _) in selected {
            write!(to, "{separator}{word}")?;
            separator = ",";
        }
        Ok(())
    }
}

/// The value of `--types`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeList(pub Types);

impl TypeList {
    /// The first type that is listed which a record of addresses alone can't stand for; `None` if
    /// there is none.
    #[must_use]
    pub fn beyond_addresses(&self) -> Option<String> {
        const ADDRESSES: [u16; 3] = [1, 28, 255];
        match self.0.listed() {
            None => Some("any".to_owned()),
            Some(types) => {
                let other = types.iter().find(|kind| !ADDRESSES.contains(kind));
                other.map(|kind| TypeText(*kind).to_string())
            }
        }
    }
}

impl FromStr for TypeList {
    type Err = String;

    fn from_str(list: &str) -> Result<Self, String> {
        let mut types = Vec::new();
        for word in list.split(',').map(str::trim) {
            if word.eq_ignore_ascii_case("any") {
                return Ok(Self(Types::any()));
            }
            types.push(word.parse::<TypeText>().map_err(|_| {
                format!(
                    "`{word}` is no type, such as A, AAAA, HTTPS, TYPE65 or any; separate several by commas"
                )
            })?);
        }
        Ok(Self(Types::of(types.into_iter().map(|kind| kind.0))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_for_outcomes() {
        let nodata: Select = "nodata, nxdomain".parse().unwrap();
        assert_eq!(nodata.to_string(), "nodata,nxdomain");
        assert_eq!("all".parse(), Ok(Select(Outcomes::ALL)));
        assert!("addresses".parse::<Select>().unwrap().is_addresses());
        for wrong in ["", "addresses,", "none", "ALL"] {
            let error = wrong.parse::<Select>().unwrap_err();
            assert!(error.contains("is none of addresses"), "{error}");
        }
    }

    #[test]
    fn types_by_mnemonic_and_number() {
        let list: TypeList = "a,Https,TYPE65280".parse().unwrap();
        assert_eq!(list.0, Types::of([1, 65, 65280]));
        assert_eq!(list.beyond_addresses().as_deref(), Some("HTTPS"));
        assert_eq!("A,any".parse(), Ok(TypeList(Types::any())));
        assert_eq!(
            "A,AAAA".parse::<TypeList>().unwrap().beyond_addresses(),
            None
        );
        assert_eq!(
            "any"
                .parse::<TypeList>()
                .unwrap()
                .beyond_addresses()
                .as_deref(),
            Some("any")
        );
        for wrong in ["", "A,", "hosts", "TYPE65536", "TYPE", "TYPE-1"] {
            assert!(wrong.parse::<TypeList>().is_err(), "{wrong}");
        }
    }
}
