//! Why a packet or message is not exported, and what was lost of others. Each reason has a counter
//! of its own.

use dnsflow_wire::dns::MessageReject;

macro_rules! reasons {
    ($(#[doc = $doc:literal])* $kind:ident: $($name:ident $counter:literal $text:literal,)+) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $kind {
            $(#[doc = $text] $name,)+
        }

        impl $kind {
            /// All reasons, in the order in which a packet meets them. The place of a reason is its
            /// discriminant.
            pub const ALL: &[$kind] = &[$($kind::$name,)+];

            /// Number of reasons.
            pub const COUNT: usize = Self::ALL.len();

            /// Name of the counter: lower case words joined by underscores.
            #[must_use]
            pub fn counter(self) -> &'static str {
                match self { $($kind::$name => $counter,)+ }
            }

            /// Meaning, as a sentence for operators.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $($kind::$name => $text,)+ }
            }
        }
    };
}

reasons! {
    /// Why a packet, or a datagram or message reassembled from several, is not exported. Each that
    /// is not has exactly one reason.
    Reject:
    Filtered "filtered" "The expression of -f does not match (files only: live, the kernel leaves these out).",
    Share "other_share" "Another member's share, by -m (files only: live, the kernel leaves these out).",
    Sampled "sampled_out" "Not in the sample of -s (live, the kernel leaves these out, but for clients in tunnels).",
    LinkType "link_type" "A link type that is not read.",
    LinkDamaged "link_damaged" "The link layer's header is not whole.",
    NotIp "not_ip" "Neither IPv4 nor IPv6.",
    IpDamaged "ip_damaged" "An IP header that is not whole, or whose length can't be.",
    TunnelDamaged "tunnel_damaged" "A tunnel's header that is not whole or not what it should be.",
    TunnelDepth "tunnel_depth" "More tunnels inside each other than are followed.",
    Fragment "fragment" "A fragment of an IP datagram, taken to put the datagram together.",
    FragmentDuplicate "fragment_duplicate" "A fragment that was there already.",
    FragmentOverlap "fragment_overlap" "A fragment of a datagram in which two overlap (RFC 5722).",
    FragmentDamaged "fragment_damaged" "A fragment whose place or length can't be.",
    FragmentForeign "fragment_foreign" "A fragment of a datagram whose first one shows a port or protocol that is not selected.",
    DatagramHeadless "datagram_headless" "Fragments of a datagram whose first one never came, so that its port is not known.",
    Protocol "protocol" "Neither UDP nor TCP.",
    UdpDamaged "udp_damaged" "A UDP header that is not whole, or whose length can't be.",
    TcpDamaged "tcp_damaged" "A TCP header that is not whole.",
    Port "port" "A source port that is not listened for.",
    Segment "segment" "A TCP segment, taken to put messages together.",
    SegmentEmpty "segment_empty" "A TCP segment without data.",
    SegmentDuplicate "segment_duplicate" "A TCP segment whose data were there already.",
    ClientExcluded "client_excluded" "A client that --not-clients lists.",
    ClientUnlisted "client_unlisted" "A client that --clients does not list.",
    ResolverExcluded "resolver_excluded" "A resolver that --not-resolvers lists.",
    ResolverUnlisted "resolver_unlisted" "A resolver that --resolvers does not list.",
    NameExcluded "name_excluded" "Asks for a name that --not-names lists.",
    NameUnlisted "name_unlisted" "Asks for a name that --names does not list.",
    HeaderShort "message_short" "Fewer bytes than a DNS header.",
    Query "query" "A query: the QR bit is 0.",
    ErrorCode "error_code" "RCODE is not 0, and --select does not take it.",
    NotRecursive "not_recursive" "RD or RA is 0: not the answer of a recursive resolver (--authoritative takes those too).",
    QuestionCount "question_count" "Not exactly one question.",
    QuestionDamaged "question_damaged" "The question is not whole or its name is none.",
    QuestionType "question_type" "Asks for a type that --types does not take (by default: not A, AAAA or ANY).",
    AnswerDamaged "answer_damaged" "A record of the answer section is not whole or not what its type calls for.",
    NameBytes "name_bytes" "The names in it have more than 4 times as many bytes as the message, once their pointers are followed.",
    NoAddress "no_address" "What was asked for is not in the answer section (by default: no A and no AAAA), and --select does not take that.",
    Answered "answered" "What was asked for is in the answer section, and --select takes other responses only.",
    Cut "cut" "Cut by the snap length of the capture before the first address.",
}

reasons! {
    /// What reassembly lost: parts of datagrams, streams and messages, and aliases that were left out
    /// of a record. Counted besides packets.
    Loss:
    Partial "partial" "A response of which the end is missing; what was whole was exported.",
    DatagramTimeout "datagram_timeout" "A datagram of which fragments did not come in time.",
    DatagramEvicted "datagram_evicted" "A datagram that was given up because too many wait for fragments.",
    DatagramIncomplete "datagram_incomplete" "A datagram that was not whole when the capture ended.",
    StreamGap "stream_gap" "Bytes of a TCP stream that never came, or that no message could be made of.",
    StreamEvicted "stream_evicted" "A TCP stream that was given up because too many bytes wait.",
    MessageIncomplete "message_incomplete" "A DNS message over TCP of which a part never came.",
    Oversized "oversized" "A response of which aliases were left out: the names of one message have at most 2 KiB.",
}

impl From<MessageReject> for Reject {
    fn from(reason: MessageReject) -> Self {
        match reason {
            MessageReject::HeaderShort => Self::HeaderShort,
            MessageReject::Query => Self::Query,
            MessageReject::ErrorCode => Self::ErrorCode,
            MessageReject::NotRecursive => Self::NotRecursive,
            MessageReject::QuestionCount => Self::QuestionCount,
            MessageReject::QuestionDamaged => Self::QuestionDamaged,
            MessageReject::QuestionType => Self::QuestionType,
            MessageReject::AnswerDamaged => Self::AnswerDamaged,
            MessageReject::NameBytes => Self::NameBytes,
            MessageReject::NoAddress => Self::NoAddress,
            MessageReject::Answered => Self::Answered,
        }
    }
}
