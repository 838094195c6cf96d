//! [`Gzip`]: a body on its way out, compressed; and which answers are worth it.

use std::io::Write;

use flate2::write::GzEncoder;

use crate::wire::http::{BodyLength, ResponseHead, StatusCode};

/// That bodies may be compressed, and which.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offer {
    /// Whether this client takes them so.
    pub(super) is_accepted: bool,
    /// Bodies of known length are compressed from so many bytes on, and up to so many.
    pub(super) least: u64,
    pub(super) most: u64,
    /// 1, the fastest, to 9, the smallest.
    pub(super) level: u32,
}

/// What a compressor takes of memory while a body is on its way, about: two windows of the text,
/// its hash tables, and what waits to be written. Bytes.
pub(super) const HELD: usize = 320 << 10;

/// Compresses pieces of a body.
pub(super) struct Gzip {
    encoder: GzEncoder<Vec<u8>>,
}

impl Gzip {
    /// Changes the head of an answer that is to be compressed; `None` if it is to stay as it is.
    pub(super) fn begin(
        offer: Offer,
        head: &mut ResponseHead,
        length: &mut BodyLength,
    ) -> Option<Box<Self>> {
        if !may_be_coded(head) {
            return None;
        }
        // Whoever keeps the answer for others must know that it depends on this. These are fields
        // that can be sent.
        let _ = head.headers.append("vary", "accept-encoding");
        let is_worth_it = match *length {
            BodyLength::Empty => false,
            BodyLength::Known(length) => (offer.least..=offer.most).contains(&length),
            BodyLength::Unknown => true,
        };
        if !offer.is_accepted || !is_worth_it {
            return None;
        }
        let _ = head.headers.append("content-encoding", "gzip");
        // Not the same bytes any more, though they mean the same (RFC 9110, 8.8.1).
        if let Some(tag) = head.headers.get_str("etag").filter(|tag| !tag.starts_with("W/")) {
            let weak = format!("W/{tag}");
            let _ = head.headers.set("etag", weak);
        }
        let _ = head.headers.remove("accept-ranges");
        *length = BodyLength::Unknown;
        let level = flate2::Compression::new(offer.level.clamp(1, 9));
        Some(Box::new(Self { encoder: GzEncoder::new(Vec::new(), level) }))
    }

    /// Compresses a piece; what it gives is to be sent.
    pub(super) fn write(&mut self, piece: &[u8]) -> Vec<u8> {
        // Writing to memory does not fail.
        let _ = self.encoder.write_all(piece);
        std::mem::take(self.encoder.get_mut())
    }

    /// What was held back in the hope of more; the peer can read all so far with it.
    pub(super) fn flush(&mut self) -> Vec<u8> {
        let _ = self.encoder.flush();
        std::mem::take(self.encoder.get_mut())
    }

    /// The end.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        let _ = self.encoder.try_finish();
        std::mem::take(self.encoder.get_mut())
    }
}

/// Whether an answer has a body that compression could make smaller, and may.
fn may_be_coded(head: &ResponseHead) -> bool {
    let headers = &head.headers;
    let has_body = !head.status().is_informational()
        && !matches!(
            head.status(),
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED | StatusCode::PARTIAL_CONTENT
        );
    has_body
        && !headers.contains("content-encoding")
        && !headers.contains("content-range")
        && !headers.has_token("cache-control", "no-transform")
        && headers.get_str("content-type").is_some_and(is_text)
}

/// Whether a media type is text in some sense. A stream of events is, but lives from each of them
/// arriving at once.
fn is_text(media_type: &str) -> bool {
    let name = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let (kind, sort) = name.split_once('/').unwrap_or((&name, ""));
    match (kind, sort) {
        ("text", "event-stream") => false,
        ("text", _) => true,
        ("application", sort) => {
            let known = ["json", "javascript", "xml", "wasm", "x-ndjson", "manifest+json"];
            known.contains(&sort) || sort.ends_with("+json") || sort.ends_with("+xml")
        }
        ("image", sort) => sort == "svg+xml" || sort == "bmp",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_compressed_and_what_is_compressed_already_is_not() {
        for kind in ["text/html; charset=utf-8", "application/json", "Image/SVG+XML", "a/b+json"] {
            assert_eq!(is_text(kind), kind != "a/b+json", "{kind}");
        }
        for kind in ["text/event-stream", "image/png", "application/zip", "", "application/gzip"] {
            assert!(!is_text(kind), "{kind}");
        }
    }
}
