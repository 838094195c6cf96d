//! The heads of messages, once they are complete: httparse finds the parts, and what it lets pass
//! that others might read differently is refused here.

use std::mem::MaybeUninit;

use ::http::{Method, StatusCode, Version};
use httparse::{EMPTY_HEADER, Error, Header, ParserConfig, Request, Response, Status};

use crate::wire::http::{Headers, HttpError, HttpLimits, RequestHead, ResponseHead};
use crate::wire::http::{is_authority, is_token_byte, known};

/// So many fields are found without an allocation.
const FIELDS_MAX: usize = 128;
const TRAILERS_MAX: usize = 64;

/// Reads the head of a request from the front of `bytes`; tells how long it is, or `None` if it is
/// not complete.
///
/// # Errors
/// It is no proper one. If it is not complete either, the error may be another than it will be.
pub(super) fn read_request(
    bytes: &[u8],
    head: &mut RequestHead,
    limits: &HttpLimits,
) -> Result<Option<usize>, HttpError> {
    let mut fields = [const { MaybeUninit::uninit() }; FIELDS_MAX];
    let fields =
        fields.get_mut(..usize::from(limits.headers_max).min(FIELDS_MAX)).unwrap_or_default();
    let mut request = Request::new(&mut []);
    let len = match request.parse_with_uninit_headers(bytes, fields) {
        Ok(Status::Complete(len)) => len,
        Ok(Status::Partial) => return Ok(None),
        Err(error) => return Err(diagnose(bytes, error, limits)),
    };
    let (Some(method), Some(target)) = (request.method, request.path) else { return Ok(None) };
    set_request_line(head, method, target, request.version == Some(0), limits)?;
    take_fields(&mut head.headers, bytes.get(..len).unwrap_or_default(), request.headers)?;
    check_host(head)?;
    Ok(Some(len))
}

/// Whether a request that has no whole line yet is wrong already: in the same way as it will be
/// once all of its head has come. `is_settled` tells, of a call before and of this one, that the
/// target is not too long, so that its bytes are looked at once.
pub(super) fn check_beginning(
    bytes: &[u8],
    is_settled: bool,
    limits: &HttpLimits,
) -> Result<bool, HttpError> {
    let method_max = usize::from(limits.method_max);
    let beginning = bytes.get(..=method_max).unwrap_or(bytes);
    let method = beginning.split(|byte| *byte == b' ').next().unwrap_or_default();
    if !method.iter().all(|byte| is_token_byte(*byte)) || beginning.first() == Some(&b' ') {
        return Err(HttpError::bad("a method that is no token"));
    }
    if method.len() > method_max {
        return Err(METHOD_TOO_LONG);
    }
    let target_max = limits.target_max as usize;
    match bytes.get(method.len() + 1..).and_then(|rest| rest.get(..=target_max)) {
        Some(target) if !is_settled && !target.contains(&b' ') => Err(TARGET_TOO_LONG),
        rest => Ok(rest.is_some()),
    }
}

/// Whether the first line of a request, which has come, is wrong: in the same way as it will be
/// once all of the head has come.
pub(super) fn check_request_line(bytes: &[u8], limits: &HttpLimits) -> Result<(), HttpError> {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let line = bytes.get(..end).unwrap_or_default();
    check_beginning(line, false, limits)?;
    let mut request = Request::new(&mut []);
    match request.parse(bytes.get(..=end).unwrap_or_default()) {
        Err(Error::Version) => Err(version_error(line)),
        Err(_) => Err(HttpError::bad("a request line that is none")),
        Ok(_) => {
            let (method, target) = (request.method.unwrap_or_default(), request.path);
            let is_old = request.version == Some(0);
            let mut head = RequestHead::default();
            set_request_line(&mut head, method, target.unwrap_or_default(), is_old, limits)?;
            match line.ends_with(b"\r") {
                true => Ok(()),
                false => Err(BARE_LINE_FEED),
            }
        }
    }
}

const BARE_LINE_FEED: HttpError = HttpError::bad("a line that ends without a carriage return");
const METHOD_TOO_LONG: HttpError =
    HttpError::new(StatusCode::NOT_IMPLEMENTED, "a method that is too long");
const TARGET_TOO_LONG: HttpError =
    HttpError::new(StatusCode::URI_TOO_LONG, "a target that is too long");

/// Versions that look like one are another matter than what doesn't.
#[cold]
fn version_error(line: &[u8]) -> HttpError {
    let version = line.split(|byte| *byte == b' ').nth(2).unwrap_or_default();
    match version.strip_suffix(b"\r").unwrap_or(version) {
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => HttpError::new(
            StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            "a version other than 1.0 and 1.1",
        ),
        _ => HttpError::bad("a request line without a version"),
    }
}

/// What was wrong with a head, all of which has come, that httparse refused.
#[cold]
fn diagnose(bytes: &[u8], error: Error, limits: &HttpLimits) -> HttpError {
    match check_request_line(bytes, limits) {
        Err(error) => error,
        Ok(()) => field_error(error),
    }
}

#[cold]
fn field_error(error: Error) -> HttpError {
    match error {
        Error::TooManyHeaders => HttpError::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "more fields than are allowed",
        ),
        Error::HeaderName => HttpError::bad("a name of a field that is no token"),
        Error::HeaderValue => HttpError::bad("a control character in a value"),
        Error::NewLine => BARE_LINE_FEED,
        _ => HttpError::bad("a head that is none"),
    }
}

#[inline]
fn set_request_line(
    head: &mut RequestHead,
    method: &str,
    target: &str,
    is_old: bool,
    limits: &HttpLimits,
) -> Result<(), HttpError> {
    if method.len() > usize::from(limits.method_max) {
        return Err(METHOD_TOO_LONG);
    }
    if target.len() > limits.target_max as usize {
        return Err(TARGET_TOO_LONG);
    }
    let method = Method::from_bytes(method.as_bytes())
        .map_err(|_| HttpError::bad("a method that is no token"))?;
    head.set(method, target, if is_old { Version::HTTP_10 } else { Version::HTTP_11 })
}

/// Takes over the lines of `head` that are fields, with the parts that were found in them. Each
/// line, those before and behind the fields too, must end with `\r\n`.
#[inline]
fn take_fields(headers: &mut Headers, head: &[u8], fields: &[Header<'_>]) -> Result<(), HttpError> {
    let base = head.as_ptr() as usize;
    let place = |part: &[u8]| (part.as_ptr() as usize).wrapping_sub(base);
    let start = fields.first().map_or(head.len(), |first| place(first.name.as_bytes()));
    let lines = head.get(start..head.len().saturating_sub(2)).unwrap_or_default();
    let (mut is_strict, mut is_short) = (head.ends_with(b"\r\n\r\n"), true);
    let places = fields.iter().map(|field| {
        let at = place(field.name.as_bytes());
        is_short &= field.name.len() <= Headers::NAME_MAX;
        is_strict &= at == 0 || head.get(at.wrapping_sub(2)..at) == Some(b"\r\n");
        let value = match field.value {
            b"" => at + field.name.len() + 1,
            value => place(value),
        };
        (at - start, field.name.as_bytes(), value - start, field.value.len())
    });
    headers.adopt(lines, places);
    match (is_strict, is_short) {
        (true, true) => Ok(()),
        (false, _) => Err(BARE_LINE_FEED),
        (true, false) => Err(HttpError::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "a name of a field that is too long",
        )),
    }
}

/// RFC 9112, 3.2: exactly one, and a proper one.
fn check_host(head: &RequestHead) -> Result<(), HttpError> {
    if !head.headers.has(known::HOST) {
        return match head.version() {
            Version::HTTP_11 => Err(HttpError::bad("no host")),
            _ => Ok(()),
        };
    }
    let mut hosts = head.headers.get_all("host");
    let (host, another) = (hosts.next().unwrap_or_default(), hosts.next());
    match is_authority(host) {
        _ if another.is_some() => Err(HttpError::bad("more than one host")),
        true => Ok(()),
        false => Err(HttpError::bad("a host that is none")),
    }
}

/// Reads the head of a response from the front of `bytes`; tells how long it is, or `None` if it is
/// not complete.
///
/// # Errors
/// As for [`read_request`].
pub(super) fn read_response(
    bytes: &[u8],
    head: &mut ResponseHead,
    limits: &HttpLimits,
) -> Result<Option<usize>, HttpError> {
    let mut fields = [const { MaybeUninit::uninit() }; FIELDS_MAX];
    let fields =
        fields.get_mut(..usize::from(limits.headers_max).min(FIELDS_MAX)).unwrap_or_default();
    let mut response = Response::new(&mut []);
    let config = ParserConfig::default();
    let len = match config.parse_response_with_uninit_headers(&mut response, bytes, fields) {
        Ok(Status::Complete(len)) => len,
        Ok(Status::Partial) => return Ok(None),
        Err(Error::Version) => return Err(HttpError::bad("a version other than 1.0 and 1.1")),
        Err(Error::Status) => return Err(HttpError::bad("a status line that is none")),
        Err(error) => return Err(field_error(error)),
    };
    let code = response.code.and_then(|code| StatusCode::from_u16(code).ok());
    let status = code.ok_or(HttpError::bad("a status that is none"))?;
    let is_old = response.version == Some(0);
    head.set(status, if is_old { Version::HTTP_10 } else { Version::HTTP_11 });
    take_fields(&mut head.headers, bytes.get(..len).unwrap_or_default(), response.headers)?;
    Ok(Some(len))
}

/// Reads the fields behind a body; `bytes` end with the empty line. They can't say where the body
/// ends, nor whom the request is for (RFC 9110, 6.5.1).
pub(super) fn trailers_of(
    bytes: &[u8],
    trailers: &mut Headers,
    limits: &HttpLimits,
) -> Result<(), HttpError> {
    let mut fields = [EMPTY_HEADER; TRAILERS_MAX];
    let fields = fields
        .get_mut(..usize::from(limits.trailer_fields_max).min(TRAILERS_MAX))
        .unwrap_or_default();
    match httparse::parse_headers(bytes, fields) {
        Ok(Status::Complete((_, found))) => {
            let first = found.first().map(|field| field.name.as_ptr() as usize);
            if first != Some(bytes.as_ptr() as usize) {
                return Err(BARE_LINE_FEED);
            }
            take_fields(trailers, bytes, found)?;
        }
        Ok(Status::Partial) => return Err(HttpError::bad("fields behind a body that are none")),
        Err(error) => return Err(field_error(error)),
    }
    let framing = known::CONTENT_LENGTH | known::TRANSFER_ENCODING | known::HOST;
    match trailers.has(framing | known::CONNECTION) {
        true => Err(HttpError::bad("a field behind a body that belongs before it")),
        false => Ok(()),
    }
}
