//! Documents: stretches of octets worth reading, on their way from a protocol decoder (`proto`) through unwrapping
//! (`content`) to the scanner (`scan`).
//!
//! ```text
//! proto    DocumentStart, octets..., end         what the protocol carried, transfer coding already removed
//! content  DocumentPath + text pieces            compression, multipart, form and JSON coding removed
//! scan     Finding                               the value itself goes no further
//! ```

use std::sync::Arc;

use super::packet::names;

names! {
    /// What a protocol decoder found a document in.
    DocumentKind {
        /// Octets of a half-stream that no decoder recognised.
        Stream = "stream",
        /// Payload of datagrams that no decoder recognised.
        Datagram = "datagram",
        /// HTTP request line and header fields.
        HttpRequestHead = "http-request-head",
        /// HTTP request body.
        HttpRequestBody = "http-request-body",
        /// HTTP status line and header fields.
        HttpResponseHead = "http-response-head",
        /// HTTP response body.
        HttpResponseBody = "http-response-body",
        /// A WebSocket message, or all compressed ones of a direction.
        WebSocketMessage = "websocket-message",
        /// Names and texts in a DNS message.
        DnsMessage = "dns-message",
        /// What a client says of itself: user name, password, database, client identifier. Has fields.
        Login = "login",
        /// A statement in SQL; its literals have fields where the statement names their columns. Has fields.
        SqlQuery = "sql-query",
        /// Values bound to the parameters of a prepared statement. Has fields.
        SqlParameters = "sql-parameters",
        /// Rows of a result, named by their columns, and messages of the server. Has fields.
        SqlRows = "sql-rows",
        /// A table as COPY or LOAD DATA moves it: text, CSV or binary.
        SqlCopy = "sql-copy",
        /// A Redis command, its arguments named by the key or member they belong to. Has fields.
        RedisCommand = "redis-command",
        /// A Redis reply. Has fields.
        RedisReply = "redis-reply",
        /// BSON documents, one after the other, as MongoDB's older messages carry them.
        Bson = "bson",
        /// Flags and sections of a MongoDB message (OP_MSG).
        MongoMessage = "mongodb-message",
        /// A message given to or by a broker (MQTT, AMQP): `name` is its topic or routing key, and the field of its payload.
        Message = "message",
        /// Batches of records that Kafka stores: `name` is their topic, and the field of their values.
        KafkaRecords = "kafka-records",
        /// What stands around a message: topic, keys, properties. Has fields.
        MessageHead = "message-head",
        /// Lines of a text dialogue that a client sends: a verb and its argument (SMTP, POP3, IMAP, FTP).
        Command = "command",
        /// Lines that a server answers with.
        Reply = "reply",
        /// `name: value` lines, made from credentials, attributes or parameters that were sent in another form.
        Fields = "fields",
        /// A message of RFC 5322, with its MIME parts.
        MailMessage = "mail-message",
        /// Start line and header fields of SIP or MSRP.
        SipHead = "sip-head",
        /// What a message protocol carries (SIP, MSRP, SMPP, HL7).
        MessageBody = "message-body",
        /// Octets of a file that was read or written.
        FileContent = "file-content",
        /// Messages of syslog.
        LogRecord = "log-record",
    }
}

impl DocumentKind {
    /// Whether a decoder of this kind says which field its octets are the value of, as it gives them out.
    pub const fn has_fields(self) -> bool {
        matches!(
            self,
            Self::Login
                | Self::SqlQuery
                | Self::SqlParameters
                | Self::SqlRows
                | Self::RedisCommand
                | Self::RedisReply
                | Self::MessageHead
        )
    }
}

/// How a document begins: all that unwrapping needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentStart {
    /// What it was found in.
    pub kind: DocumentKind,
    /// Content codings in the order they were applied (HTTP `Content-Encoding`), lower case.
    pub codings: Vec<Coding>,
    /// Media type as sent, lower case, with parameters (`multipart/form-data; boundary=x`); empty if none was given.
    /// Parameter values keep their case.
    pub media_type: String,
    /// Name of the field, file or resource that the octets belong to, if the protocol gives one.
    pub name: Option<Arc<str>>,
    /// Offset of the first octet within the half-stream (or datagram).
    pub stream_offset: u64,
}

names! {
    /// A coding around a document's octets.
    Coding {
        /// RFC 1952.
        Gzip = "gzip",
        /// zlib, RFC 1950; raw RFC 1951 is accepted too, as browsers do.
        Deflate = "deflate",
        /// Brotli, RFC 7932.
        Brotli = "br",
        /// Zstandard, RFC 8878.
        Zstd = "zstd",
        /// Snappy: a block by itself, the framing format, or snappy-java's.
        Snappy = "snappy",
        /// LZ4 frames.
        Lz4 = "lz4",
        /// A coding that cannot be removed: the document is opaque.
        Unknown = "unknown",
    }
}

/// A piece of readable text handed to the scanner.
pub struct Text<'a> {
    /// The octets, decoded.
    pub octets: &'a [u8],
    /// Where the first of them stands in the innermost document, before decoding of escapes.
    pub at: u64,
    /// Key path, form field, multipart name, column or header that the octets are the value of: `user.ids[].ssn`. `None` for
    /// free text and for structure (keys, brackets).
    pub field: Option<&'a str>,
}

names! {
    /// Why octets of a counted packet were not read. Each is a limit, a loss, or a lock; none is ever "clean".
    UninspectedReason {
        /// Encrypted: TLS, DTLS, QUIC, SSH, IPsec...
        Encrypted = "encrypted",
        /// The other end is a tunnel, VPN or proxy end whose inside cannot be read.
        Relay = "relay",
        /// A protocol or coding that no decoder reads, and that is not text.
        UnknownProtocol = "unknown-protocol",
        /// A coding announced or found that cannot be removed, or that is damaged.
        Undecodable = "undecodable",
        /// The capture cut the frame (snaplen).
        Snaplen = "snaplen",
        /// Octets of the stream are not in the capture.
        Gap = "gap",
        /// A decompression or nesting limit was reached.
        DecodeLimit = "decode-limit",
        /// The reassembly budget was used up.
        ReassemblyLimit = "reassembly-limit",
        /// The scanning or document budget was used up.
        ScanLimit = "scan-limit",
        /// The flow was evicted or could not be tracked.
        FlowLimit = "flow-limit",
        /// The packet path could not keep up: payload was left behind unread.
        Overload = "overload",
        /// A transport header that was cut off or wrong.
        Malformed = "malformed",
    }
}

impl UninspectedReason {
    /// Whether the octets were locked (opaque) rather than lost to a limit or a gap (missed).
    pub const fn is_opaque(self) -> bool {
        matches!(self, Self::Encrypted | Self::Relay | Self::UnknownProtocol | Self::Undecodable)
    }
}
