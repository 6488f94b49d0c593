//! Which records are expected, and in which format: the options of the sensor that decide it.

use std::str::FromStr;

use crate::message::{Message, flag, kind, type_named};

/// A version of the records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Version 4: names and addresses.
    #[default]
    V4,
    /// Version 5: everything that the answer section says.
    V5,
}

/// The options of the sensor that decide what it exports, and in which format.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "What is expected")]
pub struct Wanted {
    /// Format of the records: v4, or v5, which has more fields
    #[arg(long, value_enum, default_value_t = Format::V4, requires = "expect")]
    pub format: Format,

    /// Expect responses that ended this way, as the sensor's --select: a list of addresses, nodata,
    /// nxdomain, errors, or all; all but addresses need --format v5
    #[arg(
        long,
        value_name = "LIST",
        default_value = "addresses",
        requires = "expect"
    )]
    pub select: Select,

    /// Expect responses to questions for these types, as the sensor's --types: a list of A, AAAA, ANY
    /// (as TYPE255), HTTPS, MX, PTR, SRV, TXT, which are those that are made, or any; types without
    /// addresses need --format v5. Default: A, AAAA and questions for ANY
    #[arg(long, value_name = "LIST", requires = "expect")]
    pub types: Option<TypeList>,

    /// Expect responses that are not recursive, as the sensor's --authoritative
    #[arg(long, requires = "expect")]
    pub authoritative: bool,
}

/// The value of `--select`: how a response has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Select {
    addresses: bool,
    nodata: bool,
    nxdomain: bool,
    errors: bool,
}

/// The value of `--types`; `None` inside stands for every type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeList(Option<Vec<u16>>);

impl Wanted {
    /// Whether a sensor with these options exports the response. Not for queries.
    pub(crate) fn takes(&self, message: &Message) -> bool {
        let Some((_, asked)) = message.asked() else {
            return false;
        };
        let flags = message.flags();
        let has = |kind| message.answers().iter().any(|answer| answer.kind == kind);
        let of_addresses = [kind::A, kind::AAAA, kind::ANY].contains(asked);
        let is_recursive = flags & flag::RD != 0 && flags & flag::RA != 0;
        let is_of_type = match &self.types {
            None => of_addresses,
            Some(TypeList(listed)) => listed.as_ref().is_none_or(|listed| listed.contains(asked)),
        };
        let is_answered = has(kind::A) || has(kind::AAAA) || !of_addresses && has(*asked);
        let is_selected = match (flags & flag::RCODE, is_answered) {
            (0, true) => self.select.addresses,
            // Where answers are missing, nobody knows how it ended.
            (0, false) => self.select.nodata && flags & flag::TC == 0,
            (flag::NXDOMAIN, _) => self.select.nxdomain,
            _ => self.select.errors,
        };
        (is_recursive || self.authoritative) && is_of_type && is_selected
    }

    /// Checks that the format has what is selected.
    ///
    /// # Errors
    /// A message for the user.
    pub(crate) fn check(&self) -> Result<(), String> {
        let of_addresses = |kind: &u16| [kind::A, kind::AAAA, kind::ANY].contains(kind);
        let beyond = |TypeList(listed): &TypeList| {
            !listed
                .as_ref()
                .is_some_and(|listed| listed.iter().all(of_addresses))
        };
        if self.format == Format::V5 {
            return Ok(());
        }
        if self.select != Select::ADDRESSES {
            return Err("records of version 4 have only responses with addresses; add --format v5 to --select".into());
        }
        if self.types.as_ref().is_some_and(beyond) {
            return Err(
                "records of version 4 have only addresses; add --format v5 to --types".into(),
            );
        }
        Ok(())
    }
}

impl Select {
    const NONE: Self = Self {
        addresses: false,
        nodata: false,
        nxdomain: false,
        errors: false,
    };
    const ADDRESSES: Self = Self {
        addresses: true,
        ..Self::NONE
    };
}

impl FromStr for Select {
    type Err = String;

    fn from_str(list: &str) -> Result<Self, String> {
        let mut selected = Self::NONE;
        for word in list.split(',').map(str::trim) {
            match word {
                "addresses" => selected.addresses = true,
                "nodata" => selected.nodata = true,
                "nxdomain" => selected.nxdomain = true,
                "errors" => selected.errors = true,
                "all" => {
                    selected = Self {
                        addresses: true,
                        nodata: true,
                        nxdomain: true,
                        errors: true,
                    };
                }
                _ => {
                    return Err(format!(
                        "`{word}` is none of addresses, nodata, nxdomain, errors, all; separate several by commas"
                    ));
                }
            }
        }
        Ok(selected)
    }
}

impl FromStr for TypeList {
    type Err = String;

    fn from_str(list: &str) -> Result<Self, String> {
        let mut types = Vec::new();
        for word in list.split(',').map(str::trim) {
            // As in the sensor, where a question for ANY has to be written as a number.
            if word.eq_ignore_ascii_case("any") {
                return Ok(Self(None));
            }
            types.push(type_named(word).ok_or_else(|| {
                format!(
                    "`{word}` is none of A, AAAA, TYPE255, HTTPS, MX, PTR, SRV, TXT, any; separate several by commas"
                )
            })?);
        }
        Ok(Self(Some(types)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(format: Format, select: &str, types: Option<&str>) -> Wanted {
        Wanted {
            format,
            select: select.parse().expect("words"),
            types: types.map(|types| types.parse().expect("types")),
            authoritative: false,
        }
    }

    #[test]
    fn version_4_has_addresses_only() {
        assert_eq!(
            wanted(Format::V4, "addresses", Some("A,AAAA,TYPE255")).check(),
            Ok(())
        );
        for (select, types) in [("nodata", None), ("all", None), ("addresses", Some("any"))] {
            assert!(wanted(Format::V4, select, types).check().is_err());
            assert_eq!(wanted(Format::V5, select, types).check(), Ok(()));
        }
    }

    #[test]
    fn words_that_are_none() {
        for wrong in ["", "addresses,", "ALL", "none"] {
            assert!(wrong.parse::<Select>().is_err(), "{wrong}");
        }
        for wrong in ["", "A,", "NS", "TYPE1x"] {
            assert!(wrong.parse::<TypeList>().is_err(), "{wrong}");
        }
        assert_eq!("a, https".parse(), Ok(TypeList(Some(vec![1, 65]))));
        assert_eq!("A,Any".parse(), Ok(TypeList(None)));
    }

    #[test]
    fn how_a_response_ended() {
        let made = |flags: u16, asked: u16, address: bool| {
            let mut message = Message::default();
            message.begin(1, flag::QR | flags, true);
            message.question(b"\x01a", asked);
            if address {
                let section = crate::message::Section::Answer;
                message.record(section, b"\x01a", kind::A, 1, &[192, 0, 2, 1]);
            }
            message
        };
        let recursive = flag::RD | flag::RA;
        let cases = [
            (made(recursive, kind::A, true), "addresses"),
            (made(recursive, kind::A, false), "nodata"),
            (made(recursive | flag::NXDOMAIN, kind::A, false), "nxdomain"),
            (made(recursive | flag::REFUSED, kind::A, false), "errors"),
        ];
        for (message, word) in &cases {
            for (_, select) in &cases {
                let taken = wanted(Format::V5, select, None).takes(message);
                assert_eq!(taken, word == select, "{word} with --select {select}");
            }
        }
        let all = wanted(Format::V5, "all", None);
        assert!(!all.takes(&made(recursive | flag::TC, kind::A, false)));
        assert!(!all.takes(&made(flag::RD, kind::A, true)));
        assert!(!all.takes(&made(recursive, kind::MX, true)));
        assert!(wanted(Format::V5, "all", Some("MX")).takes(&made(recursive, kind::MX, true)));
    }
}
