//! The rules by which a message qualifies, and the reasons for which it does not.

/// Bytes of the header (RFC 1035, section 4.1.1).
pub(crate) const HEADER_BYTES: usize = 12;

/// Why a message gives no set. In the order of the checks, which is wire order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageReject {
    /// Fewer than the 12 bytes of a header.
    HeaderShort,
    /// The QR bit is 0.
    Query,
    /// RCODE is not 0.
    ErrorCode,
    /// RD or RA is 0: not the answer of a recursive resolver.
    NotRecursive,
    /// Not exactly one question; multicast messages may have none.
    QuestionCount,
    /// The question's name is invalid, or the message ends before its type and class.
    QuestionDamaged,
    /// The question is not for A, AAAA or ANY.
    QuestionType,
    /// The message ends in the answer section, an owner name is invalid, or the RDATA of an A, AAAA
    /// or CNAME record is not exactly an address or a name.
    AnswerDamaged,
    /// The different names up to the end of the answer section have more than 4 times as many bytes
    /// as the message once their pointers are followed: made to cost much, not to say something.
    NameBytes,
    /// No A and no AAAA in the answer section.
    NoAddress,
}

/// The rules by which a message qualifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The answer of a recursive resolver: QR, RD and RA are set, RCODE is 0, there is one
    /// question.
    Unicast,
    /// Multicast DNS: QR is set, RCODE is 0, there is one question or none, RD and RA are ignored
    /// (RFC 6762, section 18). Without a question, the owner of the first answer is the name asked
    /// for.
    Multicast,
}

/// Whether a message is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// As sent: a record that runs past its end is damaged.
    Whole,
    /// Cut by the snap length or a lost fragment: the records that are complete are used.
    Cut,
}
