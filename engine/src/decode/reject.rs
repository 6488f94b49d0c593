//! The reasons for which a packet gives no set, each with a counter of its own.

use dnsflow_wire::message::MessageReject;

macro_rules! rejects {
    ($($name:ident $counter:literal $text:literal,)+) => {
        /// Why a packet gave no set. Every packet that does not is counted under exactly one of these.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Reject {
            $(#[doc = $text] $name,)+
        }

        impl Reject {
            /// All of them, in the order in which a packet meets them.
            pub const ALL: &[Reject] = &[$(Reject::$name,)+];

            /// The name of its counter.
            #[must_use]
            pub fn counter(self) -> &'static str {
                match self { $(Reject::$name => $counter,)+ }
            }

            /// What it means, in a sentence.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Reject::$name => $text,)+ }
            }
        }
    };
}

rejects! {
    Filtered "filtered" "The expression of -f does not match (files only: live, the kernel leaves these out).",
    Share "other_share" "Another member's share, by -m (files only: live, the kernel leaves these out).",
    Sampled "sampled_out" "Not in the sample of -s (files only: live, the kernel leaves these out).",
    LinkType "link_type" "A link type that is not read.",
    LinkDamaged "link_damaged" "The link layer's header is not whole.",
    NotIp "not_ip" "Neither IPv4 nor IPv6.",
    IpDamaged "ip_damaged" "An IP header that is not whole, or whose length can't be.",
    Fragment "fragment" "A fragment of an IP datagram.",
    NotUdp "not_udp" "Another protocol than UDP.",
    UdpDamaged "udp_damaged" "A UDP header that is not whole, or whose length can't be.",
    Port "port" "A source port that is not listened for.",
    Cut "cut" "Cut by the snap length of the capture.",
    HeaderShort "message_short" "Fewer bytes than a DNS header.",
    Query "query" "A query: the QR bit is 0.",
    ErrorCode "error_code" "RCODE is not 0.",
    NotRecursive "not_recursive" "RD or RA is 0: not the answer of a recursive resolver.",
    QuestionCount "question_count" "Not exactly one question.",
    QuestionDamaged "question_damaged" "The question is not whole or its name is none.",
    QuestionType "question_type" "Asks for something else than A, AAAA or ANY.",
    AnswerDamaged "answer_damaged" "A record of the answer section is not whole or not what its type calls for.",
    NoAddress "no_address" "No A and no AAAA in the answer section.",
}

impl Reject {
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();
}

impl From<MessageReject> for Reject {
    fn from(reason: MessageReject) -> Self {
        match reason {
            MessageReject::HeaderShort => Reject::HeaderShort,
            MessageReject::Query => Reject::Query,
            MessageReject::ErrorCode => Reject::ErrorCode,
            MessageReject::NotRecursive => Reject::NotRecursive,
            MessageReject::QuestionCount => Reject::QuestionCount,
            MessageReject::QuestionDamaged => Reject::QuestionDamaged,
            MessageReject::QuestionType => Reject::QuestionType,
            MessageReject::AnswerDamaged => Reject::AnswerDamaged,
            MessageReject::NoAddress => Reject::NoAddress,
        }
    }
}
