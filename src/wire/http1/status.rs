//! The first lines of responses, as constants.

use ::http::StatusCode;

use crate::base::Output;

macro_rules! lines {
    ($($code:literal $reason:literal,)*) => {
        fn line(code: u16) -> Option<&'static [u8]> {
            match code {
                $($code => {
                    Some(concat!("HTTP/1.1 ", $code, " ", $reason, "\r\n").as_bytes())
                })*
                _ => None,
            }
        }
    };
}

// Those that are common; others are put together.
lines! {
    100 "Continue",
    101 "Switching Protocols",
    200 "OK",
    201 "Created",
    202 "Accepted",
    204 "No Content",
    206 "Partial Content",
    301 "Moved Permanently",
    302 "Found",
    303 "See Other",
    304 "Not Modified",
    307 "Temporary Redirect",
    308 "Permanent Redirect",
    400 "Bad Request",
    401 "Unauthorized",
    403 "Forbidden",
    404 "Not Found",
    405 "Method Not Allowed",
    408 "Request Timeout",
    500 "Internal Server Error",
    502 "Bad Gateway",
    503 "Service Unavailable",
    504 "Gateway Timeout",
}

/// Appends the first line of a response. It says HTTP/1.1 whatever the request said (RFC 9110,
/// 2.5).
#[inline]
pub(super) fn put_status_line(status: StatusCode, output: &mut Output) {
    if let Some(line) = line(status.as_u16()) {
        return output.put(line);
    }
    output.put(b"HTTP/1.1 ");
    output.put(status.as_str().as_bytes());
    output.put(b" ");
    output.put(status.canonical_reason().unwrap_or_default().as_bytes());
    output.put(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_what_would_be_put_together() {
        for code in 100..1000 {
            let status = StatusCode::from_u16(code).unwrap();
            let mut output = Output::default();
            put_status_line(status, &mut output);
            let reason = status.canonical_reason().unwrap_or_default();
            let expected = format!("HTTP/1.1 {code} {reason}\r\n");
            assert_eq!(output.to_vec(), expected.as_bytes());
        }
    }
}
