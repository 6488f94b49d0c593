//! Each rule by which a message qualifies, and each reason why it does not, on handwritten bytes.

use super::*;

const QR: u16 = 0x8000;
const TC: u16 = 0x0200;
const RD: u16 = 0x0100;
const RA: u16 = 0x0080;
const Z: u16 = 0x0040;
const AD: u16 = 0x0020;
const CD: u16 = 0x0010;

/// The flags of a recursive resolver's answer.
const ANSWER: u16 = QR | RD | RA;

const A: u16 = 1;
const NS: u16 = 2;
const CNAME: u16 = 5;
const MX: u16 = 15;
const AAAA: u16 = 28;
const DNAME: u16 = 39;
const RRSIG: u16 = 46;
const HTTPS: u16 = 65;
const ANY: u16 = 255;

/// A pointer to the question's name, right after the header.
const TO_QUESTION: &[u8] = b"\xc0\x0c";

/// A message of its parts; the counts are right.
#[derive(Clone)]
struct Draft {
    flags: u16,
    questions: Vec<Vec<u8>>,
    answers: Vec<Vec<u8>>,
    /// What follows the answer section, and the counts that announce it.
    rest: (u16, u16, Vec<u8>),
}

impl Draft {
    /// `www.example` asked for, as `kind`.
    fn asking(kind: u16) -> Self {
        Self {
            flags: ANSWER,
            questions: vec![question(kind)],
            answers: Vec::new(),
            rest: (0, 0, Vec::new()),
        }
    }

    fn answer(mut self, owner: &[u8], kind: u16, rdata: &[u8]) -> Self {
        self.answers.push(record(owner, kind, rdata));
        self
    }

    fn flags(mut self, flags: u16) -> Self {
        self.flags = flags;
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let count = |list: &[Vec<u8>]| u16::try_from(list.len()).expect("a short list");
        let counts = [
            count(&self.questions),
            count(&self.answers),
            self.rest.0,
            self.rest.1,
        ];
        let mut out = vec![0x12, 0x34];
        out.extend(self.flags.to_be_bytes());
        out.extend(counts.iter().flat_map(|count| count.to_be_bytes()));
        out.extend(self.questions.concat());
        out.extend(self.answers.concat());
        out.extend(&self.rest.2);
        out
    }
}

fn question(kind: u16) -> Vec<u8> {
    [
        b"\x03www\x07example\x00".as_slice(),
        &kind.to_be_bytes(),
        b"\x00\x01",
    ]
    .concat()
}

fn record(owner: &[u8], kind: u16, rdata: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rdata.len()).expect("RDATA is short");
    [
        owner,
        &kind.to_be_bytes(),
        b"\x00\x01\x00\x00\x0e\x10",
        &length.to_be_bytes(),
        rdata,
    ]
    .concat()
}

/// An answer with one address, which qualifies.
fn good() -> Draft {
    Draft::asking(A).answer(TO_QUESTION, A, &[192, 0, 2, 1])
}

/// Names, each with dots between its labels; IPv4 addresses, IPv6 addresses by their last byte;
/// extent.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    names: Vec<String>,
    ipv4: Vec<u8>,
    ipv6: Vec<u8>,
    extent: Extent,
}

fn parse(message: &[u8], dialect: Dialect, extent: Extent) -> Result<Found, MessageReject> {
    let mut scratch = Scratch::default();
    let answers = Answers::parse(message, dialect, extent, &mut scratch)?;
    let name = |name: Name<'_>| {
        let labels = name
            .labels()
            .map(|label| String::from_utf8_lossy(label).into_owned());
        labels.collect::<Vec<_>>().join(".")
    };
    Ok(Found {
        names: answers.names().map(name).collect(),
        ipv4: answers.ipv4().iter().map(|address| address[3]).collect(),
        ipv6: answers.ipv6().iter().map(|address| address[15]).collect(),
        extent: answers.extent(),
    })
}

fn unicast(draft: &Draft) -> Result<Found, MessageReject> {
    parse(&draft.bytes(), Dialect::Unicast, Extent::Whole)
}

fn multicast(draft: &Draft) -> Result<Found, MessageReject> {
    parse(&draft.bytes(), Dialect::Multicast, Extent::Whole)
}

fn found(names: &[&str], ipv4: &[u8], ipv6: &[u8]) -> Result<Found, MessageReject> {
    Ok(Found {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        ipv4: ipv4.to_vec(),
        ipv6: ipv6.to_vec(),
        extent: Extent::Whole,
    })
}

fn rejected(reason: MessageReject) -> Result<Found, MessageReject> {
    Err(reason)
}

#[test]
fn names_and_addresses_come_in_the_order_of_the_answers() {
    let draft = Draft::asking(ANY)
        .answer(TO_QUESTION, CNAME, b"\x03web\xc0\x10")
        .answer(b"\xc0\x29", AAAA, &[9; 16])
        .answer(b"\xc0\x29", A, &[192, 0, 2, 7])
        .answer(b"\xc0\x29", CNAME, b"\x01c\x00")
        .answer(b"\x05other\x00", A, &[192, 0, 2, 5]);
    let names = ["www.example", "web.example", "c"];
    assert_eq!(unicast(&draft), found(&names, &[7, 5], &[9]));
}

#[test]
fn case_stays_as_received() {
    let mut draft = good();
    draft.questions[0][1..4].copy_from_slice(b"wWw");
    assert_eq!(unicast(&draft), found(&["wWw.example"], &[1], &[]));
}

#[test]
fn other_types_are_passed_over_whatever_they_hold() {
    let draft = Draft::asking(A)
        .answer(TO_QUESTION, RRSIG, &[0xff; 40])
        .answer(TO_QUESTION, HTTPS, b"\x00\x01\xff")
        .answer(TO_QUESTION, DNAME, b"\xff\xff\xff")
        .answer(TO_QUESTION, NS, b"")
        .answer(TO_QUESTION, 65_280, &[0x80; 3])
        .answer(TO_QUESTION, A, &[192, 0, 2, 1]);
    assert_eq!(unicast(&draft), found(&["www.example"], &[1], &[]));
}

#[test]
fn every_prefix_of_a_header_is_short() {
    let message = good().bytes();
    for length in 0..HEADER_BYTES {
        let got = parse(&message[..length], Dialect::Unicast, Extent::Cut);
        assert_eq!(got, rejected(MessageReject::HeaderShort), "{length} bytes");
    }
}

#[test]
fn queries_are_rejected() {
    let query = good().flags(RD | RA);
    assert_eq!(unicast(&query), rejected(MessageReject::Query));
    assert_eq!(multicast(&query), rejected(MessageReject::Query));
}

#[test]
fn every_error_code_is_rejected() {
    for code in 1..=15 {
        let draft = good().flags(ANSWER | code);
        assert_eq!(
            unicast(&draft),
            rejected(MessageReject::ErrorCode),
            "RCODE {code}"
        );
    }
}

#[test]
fn both_recursion_bits_are_needed() {
    for flags in [QR, QR | RD, QR | RA] {
        assert_eq!(
            unicast(&good().flags(flags)),
            rejected(MessageReject::NotRecursive)
        );
    }
}

#[test]
fn no_other_bit_of_the_flags_matters() {
    for extra in [Z, AD, CD, TC, 0x0400, 0x7800, Z | AD | CD | TC] {
        let draft = good().flags(ANSWER | extra);
        assert_eq!(
            unicast(&draft),
            found(&["www.example"], &[1], &[]),
            "flags {extra:#06x}"
        );
    }
}

#[test]
fn one_question_is_needed() {
    let mut none = good();
    none.questions.clear();
    assert_eq!(unicast(&none), rejected(MessageReject::QuestionCount));
    let mut two = good();
    two.questions.push(question(A));
    assert_eq!(unicast(&two), rejected(MessageReject::QuestionCount));
    assert_eq!(multicast(&two), rejected(MessageReject::QuestionCount));
}

#[test]
fn a_question_that_is_not_whole_is_damaged() {
    let message = good().bytes();
    for length in HEADER_BYTES..HEADER_BYTES + question(A).len() {
        let got = parse(&message[..length], Dialect::Unicast, Extent::Cut);
        assert_eq!(
            got,
            rejected(MessageReject::QuestionDamaged),
            "{length} bytes"
        );
    }
    for name in [
        b"\xc0\x0c".as_slice(),
        b"\x40www\x00",
        b"\x80\x00",
        b"\x3fwww\x00",
    ] {
        let mut draft = good();
        draft.questions[0] = [name, b"\x00\x01\x00\x01"].concat();
        draft.answers.clear();
        assert_eq!(
            unicast(&draft),
            rejected(MessageReject::QuestionDamaged),
            "{name:?}"
        );
    }
}

#[test]
fn questions_for_addresses_and_for_anything_are_taken() {
    for kind in 0..=300 {
        let mut draft = good();
        draft.questions[0] = question(kind);
        let wanted = if [A, AAAA, ANY].contains(&kind) {
            found(&["www.example"], &[1], &[])
        } else {
            rejected(MessageReject::QuestionType)
        };
        assert_eq!(unicast(&draft), wanted, "QTYPE {kind}");
    }
}

#[test]
fn the_root_can_be_asked_for() {
    let mut draft = good();
    draft.questions[0] = b"\x00\x00\x01\x00\x01".to_vec();
    assert_eq!(unicast(&draft), found(&[""], &[1], &[]));
}

#[test]
fn an_address_has_its_type_s_length() {
    for (kind, right) in [(A, 4), (AAAA, 16)] {
        for length in (0..40).filter(|length| *length != right) {
            let draft = good().answer(TO_QUESTION, kind, &vec![1; length]);
            let wanted = rejected(MessageReject::AnswerDamaged);
            assert_eq!(unicast(&draft), wanted, "TYPE {kind} of {length} bytes");
        }
    }
}

#[test]
fn a_cname_is_one_name_and_nothing_else() {
    for rdata in [
        b"".as_slice(),
        b"\x01",
        b"\x01a",
        b"\x01a\x00\x00",
        b"\x40\x00",
        b"\xc0",
        b"\xc0\x0c\x00",
        b"\xff\xff",
    ] {
        let draft = good().answer(TO_QUESTION, CNAME, rdata);
        assert_eq!(
            unicast(&draft),
            rejected(MessageReject::AnswerDamaged),
            "{rdata:?}"
        );
    }
}

#[test]
fn a_cname_that_runs_into_the_next_record_is_damaged() {
    let draft = Draft::asking(A)
        .answer(TO_QUESTION, CNAME, b"\x02a")
        .answer(TO_QUESTION, A, &[192, 0, 2, 1]);
    assert_eq!(unicast(&draft), rejected(MessageReject::AnswerDamaged));
}

#[test]
fn an_owner_has_to_be_a_name() {
    for owner in [b"\x40".as_slice(), b"\xff\xff", b"\xc0\x1d"] {
        let draft = Draft::asking(A).answer(owner, A, &[192, 0, 2, 1]);
        assert_eq!(
            unicast(&draft),
            rejected(MessageReject::AnswerDamaged),
            "{owner:?}"
        );
    }
}

#[test]
fn a_repeated_owner_is_not_taken_for_another() {
    // The second owner has the bytes of the first, but for the last bit.
    let draft = good().answer(b"\xc0\x0d", A, &[192, 0, 2, 2]);
    assert_eq!(unicast(&draft), rejected(MessageReject::AnswerDamaged));
}

#[test]
fn fewer_answers_than_announced_are_damage_unless_the_message_was_cut() {
    let whole = good().answer(TO_QUESTION, AAAA, &[6; 16]).bytes();
    let first_ends = good().bytes().len();
    for length in first_ends..whole.len() {
        let got = |extent| parse(&whole[..length], Dialect::Unicast, extent);
        assert_eq!(
            got(Extent::Whole),
            rejected(MessageReject::AnswerDamaged),
            "{length} bytes"
        );
        let left = Found {
            names: vec!["www.example".to_owned()],
            ipv4: vec![1],
            ipv6: vec![],
            extent: Extent::Cut,
        };
        assert_eq!(got(Extent::Cut), Ok(left), "{length} bytes");
    }
    let all = parse(&whole, Dialect::Unicast, Extent::Cut);
    assert_eq!(
        all,
        found(&["www.example"], &[1], &[6]),
        "the cut came later"
    );
}

#[test]
fn a_cut_does_not_excuse_wrong_bytes() {
    let draft = good().answer(TO_QUESTION, A, &[1; 5]);
    let got = parse(&draft.bytes(), Dialect::Unicast, Extent::Cut);
    assert_eq!(got, rejected(MessageReject::AnswerDamaged));
}

#[test]
fn an_answer_without_an_address_is_none() {
    let alias = Draft::asking(A).answer(TO_QUESTION, CNAME, b"\x01c\x00");
    let mail = Draft::asking(ANY).answer(TO_QUESTION, MX, b"\x00\x01\x01m\x00");
    for draft in [Draft::asking(A), alias, mail] {
        assert_eq!(unicast(&draft), rejected(MessageReject::NoAddress));
    }
}

#[test]
fn addresses_of_other_sections_do_not_count() {
    let mut draft = Draft::asking(A);
    draft.rest = (0, 1, record(TO_QUESTION, A, &[192, 0, 2, 1]));
    assert_eq!(unicast(&draft), rejected(MessageReject::NoAddress));
}

#[test]
fn damage_after_the_answers_costs_nothing() {
    let wanted = found(&["www.example"], &[1], &[]);
    for rest in [
        b"".as_slice(),
        b"\xff",
        b"\xc0\x0c\x00\x01",
        &record(b"\xff\xff", A, &[1; 5]),
        &[0x40; 500],
    ] {
        let mut draft = good();
        draft.rest = (1, u16::MAX, rest.to_vec());
        assert_eq!(unicast(&draft), wanted, "{rest:?}");
    }
}

#[test]
fn mdns_needs_no_question_and_no_recursion() {
    let mut draft = Draft::asking(A)
        .flags(QR | 0x0400)
        .answer(b"\x07printer\x05local\x00", A, &[192, 0, 2, 1])
        .answer(b"\xc0\x0c", AAAA, &[2; 16]);
    draft.questions.clear();
    let wanted = found(&["printer.local"], &[1], &[2]);
    assert_eq!(multicast(&draft), wanted);
    assert_eq!(unicast(&draft), rejected(MessageReject::NotRecursive));
    assert_eq!(
        multicast(&draft.flags(ANSWER | Z)),
        wanted,
        "RD, RA and Z say nothing"
    );
}

#[test]
fn mdns_takes_the_first_owner_whatever_its_type() {
    let mut draft = Draft::asking(A)
        .flags(QR)
        .answer(b"\x04_ipp\x05local\x00", 12, b"\x01x\xc0\x11")
        .answer(b"\x01h\xc0\x11", CNAME, b"\x01c\xc0\x11")
        .answer(b"\x01c\xc0\x11", A, &[192, 0, 2, 1]);
    draft.questions.clear();
    assert_eq!(
        multicast(&draft),
        found(&["_ipp.local", "c.local"], &[1], &[])
    );
}

#[test]
fn mdns_with_a_question_answers_it() {
    assert_eq!(
        multicast(&good().flags(QR)),
        found(&["www.example"], &[1], &[])
    );
    let mut other = good().flags(QR);
    other.questions[0] = question(MX);
    assert_eq!(multicast(&other), rejected(MessageReject::QuestionType));
}

#[test]
fn mdns_without_an_answer_has_no_address() {
    let mut draft = Draft::asking(A).flags(QR);
    draft.questions.clear();
    assert_eq!(multicast(&draft), rejected(MessageReject::NoAddress));
}

#[test]
fn scratch_forgets_the_message_before() {
    let mut scratch = Scratch::default();
    let rich = good().answer(TO_QUESTION, AAAA, &[6; 16]).bytes();
    let poor = good().bytes();
    for message in [&rich, &poor, &rich, &poor] {
        let parsed = Answers::parse(message, Dialect::Unicast, Extent::Whole, &mut scratch);
        let answers = parsed.expect("both qualify");
        assert_eq!(answers.names().len(), 1);
        assert_eq!(answers.ipv4().len(), 1);
        assert_eq!(
            answers.ipv6().len(),
            usize::from(message.len() > poor.len())
        );
    }
}

#[test]
fn all_of_the_largest_message_is_noted() {
    let mut scratch = Scratch::default();
    for rdata in [b"\x00".as_slice(), &[1; 4], &[1; 16]] {
        let kind = match rdata.len() {
            1 => CNAME,
            4 => A,
            _ => AAAA,
        };
        let mut draft = Draft::asking(ANY).answer(b"\x00", A, &[1; 4]);
        let record = record(b"\x00", kind, rdata);
        let records = (65_535 - draft.bytes().len()) / record.len();
        draft.answers.extend(std::iter::repeat_n(record, records));
        let message = draft.bytes();
        let parsed = Answers::parse(&message, Dialect::Unicast, Extent::Whole, &mut scratch);
        let answers = parsed.expect("all records are whole");
        let names = answers.names().len() + answers.omitted_names();
        assert_eq!(
            names + answers.ipv4().len() + answers.ipv6().len(),
            2 + records
        );
    }
}
