//! [`HttpLimits`]: how much of everything a message may have.

/// How much of everything a message may have. What is beyond is refused as soon as it is seen, with
/// the status that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// Bytes of a head, from its first to the end of the empty line behind it: 431 beyond. 32 KiB
    /// unless set: twice what browsers send with all the cookies that they keep for a site.
    pub head_max: u32,
    /// Fields in a head: 431 beyond. 100 unless set, as in nginx and hyper; at most 128, so that
    /// they are found without an allocation.
    pub headers_max: u16,
    /// Bytes of a method: 501 beyond. 24 unless set: longer than any that is registered.
    pub method_max: u16,
    /// Bytes of a target: 414 beyond. 8,000 unless set: RFC 9112, 3 asks for as many.
    pub target_max: u32,
    /// Bytes of a body: 413 beyond. 1 GiB unless set. A body is streamed and takes no memory here;
    /// this bounds for how long one message can go on.
    pub body_max: u64,
    /// Bytes of extensions in all chunks of a body together: 400 beyond. 4 KiB unless set: nobody
    /// uses them, and who sends one byte with a long extension each time would make us read much
    /// for little.
    pub extensions_max: u32,
    /// Bytes of the fields behind a body: 431 beyond. 8 KiB unless set.
    pub trailers_max: u32,
    /// Fields behind a body: 431 beyond. 32 unless set, and at most 64.
    pub trailer_fields_max: u16,
    /// Empty lines before a request, which old clients send after a body: 400 beyond. 2 unless set.
    pub empty_lines_max: u8,
    /// Interim responses (1xx) before the final one: 502 beyond. 16 unless set.
    pub interim_max: u8,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            head_max: 32 * 1024,
            headers_max: 100,
            method_max: 24,
            target_max: 8_000,
            body_max: 1 << 30,
            extensions_max: 4 * 1024,
            trailers_max: 8 * 1024,
            trailer_fields_max: 32,
            empty_lines_max: 2,
            interim_max: 16,
        }
    }
}
