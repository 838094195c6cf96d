//! [`Embedded`]: files that are part of the program, and are served from memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::plan::{Piece, Plan, Representation};
use super::spelling::{lead_to, respelled};
use super::types::media_type;
use crate::handler::{Never, Result};
use crate::service::http::{Exchange, ExchangeContext, Params, Response, Site};
use crate::wire::http::{
    BodyLength, Method, RequestHead, StatusCode, choose_encoding, percent_decode,
};

/// One file that is part of the program.
#[derive(Clone, Debug)]
pub struct Asset {
    path: String,
    media_type: String,
    bytes: Bytes,
    gzip: Option<Bytes>,
    cache_control: Option<String>,
}

impl Asset {
    /// A file at this path, which begins with a slash. What it is, its name says.
    pub fn new(path: &str, bytes: impl Into<Bytes>) -> Self {
        let name = if path.ends_with('/') { "index.html" } else { path };
        Self {
            path: path.to_owned(),
            media_type: media_type(name).to_owned(),
            bytes: bytes.into(),
            gzip: None,
            cache_control: None,
        }
    }

    /// Of another media type than its name says.
    pub fn media_type(self, media_type: &str) -> Self {
        Self { media_type: media_type.to_owned(), ..self }
    }

    /// The same, compressed by gzip, for those who take it so.
    pub fn gzip(self, bytes: impl Into<Bytes>) -> Self {
        Self { gzip: Some(bytes.into()), ..self }
    }

    /// What caches may do with it: the field `cache-control`. Not sent unless set; then they ask
    /// whether it is still the same.
    pub fn cache_control(self, cache_control: &str) -> Self {
        Self { cache_control: Some(cache_control.to_owned()), ..self }
    }
}

/// Files that are part of the program, by their paths. They are served as files of a folder are,
/// with ranges and conditions, and nothing is read or copied for it.
///
/// ```
/// use overt::service::http::{Asset, Embedded, Router};
///
/// // include_bytes!("page/index.html") and so on, in a real program.
/// let page = Embedded::new([Asset::new("/", "<p>hello"), Asset::new("/page.css", "p {}")]);
/// let router = Router::new().fallback_site(page);
/// ```
#[derive(Clone, Debug)]
pub struct Embedded {
    assets: BTreeMap<String, Arc<Stored>>,
}

/// An asset with its tags.
#[derive(Debug)]
struct Stored {
    asset: Asset,
    etag: String,
    gzip_etag: String,
}

impl Embedded {
    /// These files. Of two with one path, the later counts.
    pub fn new(assets: impl IntoIterator<Item = Asset>) -> Self {
        let stored = |asset: Asset| {
            let etag = etag(&asset.bytes);
            let gzip_etag = asset.gzip.as_deref().map(self::etag).unwrap_or_default();
            (asset.path.clone(), Arc::new(Stored { asset, etag, gzip_etag }))
        };
        Self { assets: assets.into_iter().map(stored).collect() }
    }
}

/// A tag that is another if the bytes are (FNV-1a; nobody attacks what is part of the program).
fn etag(bytes: &[u8]) -> String {
    let hash = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    format!("\"{:016x}-{:x}\"", bytes.iter().fold(0xcbf2_9ce4_8422_2325, hash), bytes.len())
}

impl Site for Embedded {
    type Exchange = EmbeddedExchange;

    fn exchange(&self, head: &RequestHead, _: &Params) -> EmbeddedExchange {
        let path = percent_decode(head.path());
        let path = path.as_deref().and_then(|path| std::str::from_utf8(path).ok());
        EmbeddedExchange { stored: path.and_then(|path| self.assets.get(path)).cloned() }
    }
}

/// A request for one of them.
pub struct EmbeddedExchange {
    stored: Option<Arc<Stored>>,
}

impl Exchange for EmbeddedExchange {
    type Message = Never;

    fn on_head(&mut self, head: &RequestHead, cx: &mut ExchangeContext<'_, Never>) -> Result {
        let refused = match (&self.stored, head.method()) {
            (None, _) => Some(Response::status_only(StatusCode::NOT_FOUND)),
            (_, &Method::GET | &Method::HEAD) => None,
            _ => Some(
                Response::status_only(StatusCode::METHOD_NOT_ALLOWED).header("allow", "GET, HEAD"),
            ),
        };
        if let Some(refused) = refused {
            cx.answer(refused.head(), refused.body());
        } else if let Some(proper) = respelled(head.path()) {
            lead_to(proper, head, cx);
        } else if let Some(stored) = &self.stored {
            stored.answer(head, cx);
        }
        Ok(())
    }
}

impl Stored {
    fn answer(&self, head: &RequestHead, cx: &mut ExchangeContext<'_, Never>) {
        let asset = &self.asset;
        let takes_gzip = || choose_encoding(&head.headers, &["gzip"]).is_some();
        let gzip = asset.gzip.as_ref().filter(|_| takes_gzip());
        let (bytes, etag) = match gzip {
            Some(bytes) => (bytes, &self.gzip_etag),
            None => (&asset.bytes, &self.etag),
        };
        let representation = Representation {
            media_type: &asset.media_type,
            encoding: gzip.map(|_| "gzip"),
            varies: asset.gzip.is_some(),
            len: bytes.len() as u64,
            etag,
            modified: None,
            cache_control: asset.cache_control.as_deref(),
        };
        let plan = Plan::of(head, &representation, || cx.random());
        cx.respond(&plan.head, BodyLength::Known(plan.len()));
        for piece in plan.pieces {
            match piece {
                Piece::Text(text) => cx.send(&text),
                Piece::Stored(part) => {
                    cx.share(bytes.slice(part.start as usize..part.end as usize));
                }
            }
        }
        cx.finish();
    }
}
