//! [`Files`]: the files of a folder, read by workers, a piece at a time and no faster than they are
//! taken.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::plan::{Piece, Plan, Representation};
use super::spelling::{lead_to, respelled};
use super::types::media_type;
use crate::handler::{Close, Result};
use crate::net::files::{Folder, Found, OpenFile};
use crate::service::http::{Exchange, ExchangeContext, Params, Response, Site};
use crate::wire::http::{
    BodyLength, Method, RequestHead, StatusCode, choose_encoding, percent_decode,
};

/// So much is read at a time, and held for an answer: enough for a fast reader, and little enough
/// for thousands of slow ones. Bytes.
const PIECE: u64 = 128 * 1024;

/// The files of a folder, and nothing outside it. With ranges, conditions, and files that were
/// compressed before: `page.html.br` and `page.html.gz` are served as `page.html` to whoever takes
/// them so.
///
/// Put on a route that ends with `{*path}`, the rest of the path names the file; as a fallback, all
/// of it does. The name of a folder leads to its `index.html`. Names that begin with a dot are
/// nobody's business, and lead nowhere. A path that is not spelled in the usual way, such as
/// `/a//%62`, is redirected to where it is, `/a/b`: so a route that guards a part of the folder
/// guards it however that is spelled.
///
/// Files are opened and read by workers; in an engine without any (`Config::workers` of 0) the loop
/// does it, a piece at a time.
///
/// ```no_run
/// use overt::service::http::{Files, Router};
///
/// let router = Router::new().site("/static/{*path}", Files::of("public")?.cache("max-age=3600"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Files {
    shared: Arc<Shared>,
}

#[derive(Clone, Debug)]
struct Shared {
    folder: Folder,
    cache_control: Option<String>,
}

impl Files {
    /// Those of this folder.
    ///
    /// # Errors
    /// In one line that names it: there is no such folder, or it can't be read.
    pub fn of(folder: impl AsRef<Path>) -> io::Result<Self> {
        let cannot = |error: io::Error| {
            let name = folder.as_ref().display();
            io::Error::new(error.kind(), format!("cannot serve the files of `{name}`: {error}"))
        };
        let folder = Folder::open(&folder).map_err(cannot)?;
        Ok(Self { shared: Arc::new(Shared { folder, cache_control: None }) })
    }

    /// What caches may do with them: the field `cache-control`. Not sent unless set; then they ask
    /// whether a file is still the same.
    pub fn cache(self, cache_control: &str) -> Self {
        let cache_control = Some(cache_control.to_owned());
        Self { shared: Arc::new(Shared { cache_control, ..(*self.shared).clone() }) }
    }
}

impl Site for Files {
    type Exchange = FileExchange;

    fn exchange(&self, head: &RequestHead, params: &Params) -> FileExchange {
        let path = params.last(head.path()).unwrap_or(head.path());
        FileExchange {
            shared: self.shared.clone(),
            path: relative(path),
            request: None,
            file: None,
            first: None,
            pieces: VecDeque::new(),
            is_reading: false,
        }
    }
}

/// The file that a path of a request names, relative to the folder; `None` if it can't be one.
fn relative(path: &str) -> Option<PathBuf> {
    let path = percent_decode(path)?;
    let path = std::str::from_utf8(&path).ok()?;
    let mut relative = PathBuf::new();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        if part.starts_with('.') || part.contains(['\\', '\0', ':']) {
            return None;
        }
        relative.push(part);
    }
    Some(relative)
}

/// A request for a file.
pub struct FileExchange {
    shared: Arc<Shared>,
    path: Option<PathBuf>,
    /// Until the file is open.
    request: Option<RequestHead>,
    file: Option<Arc<OpenFile>>,
    /// The beginning of the file, which was read when it was opened.
    first: Option<Bytes>,
    /// What is still to be sent.
    pieces: VecDeque<Piece>,
    /// Whether a worker reads.
    is_reading: bool,
}

/// What a worker has done.
pub struct FileNews(News);

enum News {
    Opened(io::Result<Opened>),
    Read(io::Result<Bytes>),
}

/// A file that was found.
struct Opened {
    file: OpenFile,
    first: Bytes,
    /// What it is called, without the ending of its coding.
    name: String,
    encoding: Option<&'static str>,
    varies: bool,
    /// Whether it is the index of a folder whose name was given without a slash behind it.
    lacks_slash: bool,
}

impl FileExchange {
    /// Lets a worker do something, or does it here if there are none.
    fn work(
        &mut self,
        work: impl FnOnce() -> News + Send + 'static,
        cx: &mut ExchangeContext<'_, FileNews>,
    ) -> Result {
        if cx.workers() > 0 {
            return cx.offload(move || FileNews(work()));
        }
        self.hear(work(), cx)
    }

    fn hear(&mut self, news: News, cx: &mut ExchangeContext<'_, FileNews>) -> Result {
        match news {
            News::Opened(Ok(opened)) => self.begin(opened, cx),
            News::Opened(Err(error)) => {
                answer(cx, &refusal(&error));
                Ok(())
            }
            News::Read(Ok(bytes)) => {
                self.is_reading = false;
                cx.share(bytes);
                Ok(())
            }
            // It became shorter: what was promised can't be kept.
            News::Read(Err(error)) => Err(Close::Io(error)),
        }
    }

    /// The file is open: how is the request answered?
    fn begin(&mut self, opened: Opened, cx: &mut ExchangeContext<'_, FileNews>) -> Result {
        let Some(request) = self.request.take() else { return Ok(()) };
        if opened.lacks_slash {
            lead_to(format!("{}/", request.path()), &request, cx);
            return Ok(());
        }
        let (len, modified) = (opened.file.len(), opened.file.modified());
        let representation = Representation {
            media_type: media_type(&opened.name),
            encoding: opened.encoding,
            varies: opened.varies,
            len,
            etag: &format!("\"{modified:x}-{len:x}\""),
            modified: Some((modified / 1_000_000_000) as u64),
            cache_control: self.shared.cache_control.as_deref(),
        };
        let plan = Plan::of(&request, &representation, || cx.random());
        cx.respond(&plan.head, BodyLength::Known(plan.len()));
        self.pieces = plan.pieces.into();
        (self.file, self.first) = (Some(Arc::new(opened.file)), Some(opened.first));
        Ok(())
    }

    /// Sends what is there, and has more read if more can be sent.
    fn go_on(&mut self, cx: &mut ExchangeContext<'_, FileNews>) -> Result {
        while cx.is_answered() && !cx.is_finished() && !self.is_reading && !cx.is_congested() {
            let Some(file) = self.file.clone() else { break };
            match self.pieces.front_mut() {
                None => cx.finish(),
                Some(Piece::Text(text)) => {
                    cx.send(text);
                    self.pieces.pop_front();
                }
                Some(Piece::Stored(part)) if part.is_empty() => {
                    self.pieces.pop_front();
                }
                Some(Piece::Stored(part)) => {
                    let (start, count) = (part.start, PIECE.min(part.end - part.start));
                    let known = self.first.as_ref().and_then(|first| {
                        let start = usize::try_from(start).ok()?;
                        let end = first.len().min(start.saturating_add(count as usize));
                        (start < end).then(|| first.slice(start..end))
                    });
                    if let Some(bytes) = known {
                        part.start += bytes.len() as u64;
                        cx.share(bytes);
                        continue;
                    }
                    part.start += count;
                    self.first = None;
                    self.is_reading = true;
                    let read =
                        move || News::Read(file.read(start, count as usize).map(Bytes::from));
                    self.work(read, cx)?;
                }
            }
        }
        Ok(())
    }
}

impl Exchange for FileExchange {
    type Message = FileNews;

    fn on_head(&mut self, head: &RequestHead, cx: &mut ExchangeContext<'_, FileNews>) -> Result {
        if ![Method::GET, Method::HEAD].contains(head.method()) {
            let response = Response::status_only(StatusCode::METHOD_NOT_ALLOWED);
            answer(cx, &response.header("allow", "GET, HEAD"));
            return Ok(());
        }
        let Some(path) = self.path.take() else {
            answer(cx, &Response::status_only(StatusCode::NOT_FOUND));
            return Ok(());
        };
        if let Some(proper) = respelled(head.path()) {
            lead_to(proper, head, cx);
            return Ok(());
        }
        let encoding = choose_encoding(&head.headers, &["br", "gzip"]);
        let takes = |coding| choose_encoding(&head.headers, &[coding]).is_some();
        let wanted = match encoding {
            // Liked best first.
            Some("gzip") => [Some(GZIP), takes("br").then_some(BROTLI)],
            Some(_) => [Some(BROTLI), takes("gzip").then_some(GZIP)],
            None => [None, None],
        };
        let (shared, has_slash) = (self.shared.clone(), head.path().ends_with('/'));
        self.request = Some(head.clone());
        self.work(move || News::Opened(open(&shared.folder, path, wanted, has_slash)), cx)?;
        self.go_on(cx)
    }

    fn on_message(
        &mut self,
        FileNews(news): FileNews,
        cx: &mut ExchangeContext<'_, FileNews>,
    ) -> Result {
        self.hear(news, cx)?;
        self.go_on(cx)
    }

    fn on_writable(&mut self, cx: &mut ExchangeContext<'_, FileNews>) -> Result {
        self.go_on(cx)
    }
}

/// A content coding, and the ending of files that are stored in it.
type Coding = (&'static str, &'static str);

const BROTLI: Coding = ("br", "br");
const GZIP: Coding = ("gzip", "gz");

/// Opens a file, in the first of the codings that it is stored in, and reads its beginning.
fn open(
    folder: &Folder,
    path: PathBuf,
    wanted: [Option<Coding>; 2],
    has_slash: bool,
) -> io::Result<Opened> {
    let (path, plain, is_index) = match folder.find(&path)? {
        Found::File(_) if has_slash => return Err(io::ErrorKind::NotFound.into()),
        Found::File(file) => (path, file, false),
        Found::Folder => {
            let path = path.join("index.html");
            match folder.find(&path)? {
                Found::File(file) => (path, file, true),
                Found::Folder => return Err(io::ErrorKind::NotFound.into()),
            }
        }
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let stored = |ending: &str| {
        let mut path = path.clone().into_os_string();
        path.push(format!(".{ending}"));
        match folder.find(Path::new(&path)) {
            Ok(Found::File(file)) => Some(file),
            _ => None,
        }
    };
    let coded = wanted
        .into_iter()
        .flatten()
        .find_map(|(coding, ending)| stored(ending).map(|file| (file, Some(coding))));
    let varies = coded.is_some() || [BROTLI, GZIP].iter().any(|(_, it)| stored(it).is_some());
    let (file, encoding) = coded.unwrap_or((plain, None));
    let first = file.read(0, file.len().min(PIECE) as usize)?.into();
    Ok(Opened { file, first, name, encoding, varies, lacks_slash: is_index && !has_slash })
}

fn answer(cx: &mut ExchangeContext<'_, FileNews>, response: &Response) {
    cx.answer(response.head(), response.body());
}

/// What is said of a file that could not be opened. That one exists but may not be read is no
/// business of a stranger.
fn refusal(error: &io::Error) -> Response {
    use io::ErrorKind::{InvalidFilename, InvalidInput, NotADirectory, NotFound, PermissionDenied};
    match error.kind() {
        NotFound | NotADirectory | PermissionDenied | InvalidFilename | InvalidInput => {
            Response::status_only(StatusCode::NOT_FOUND)
        }
        _ => {
            log::error!("a file could not be opened: {error}");
            Response::status_only(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leaves_the_folder() {
        assert_eq!(relative("/a/b.txt"), Some(PathBuf::from("a/b.txt")));
        assert_eq!(relative("//a//%62"), Some(PathBuf::from("a/b")));
        assert_eq!(relative("/"), Some(PathBuf::new()));
        for wrong in [
            "/../a",
            "/a/../b",
            "/%2e%2e/a",
            "/a/%2E%2E%2Fb",
            "/.git/config",
            "/a\\..\\b",
            "/%00",
            "/a/./b",
            "/c:/a",
            "/%ff",
            "/%",
        ] {
            assert_eq!(relative(wrong), None, "{wrong}");
        }
    }
}
