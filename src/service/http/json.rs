//! JSON in and out, typed by serde (features `http` and `json`).

use serde::{Deserialize, Serialize};
use serde_json::error::Category;

use super::request::Request;
use super::response::Response;
use crate::wire::http::{MediaType, StatusCode};

impl<'a> Request<'a> {
    /// The body, read as JSON. It may borrow from the body.
    ///
    /// # Errors
    /// What to answer instead: 415 if the request does not say that it is JSON; 400 if it is none,
    /// with the place where it ends to be one; 422 if it is JSON of another kind.
    #[allow(clippy::result_large_err, reason = "it is what is sent next")]
    pub fn json<T: Deserialize<'a>>(&self) -> Result<T, Response> {
        let kind = self.head().headers.get("content-type").and_then(MediaType::read);
        if !kind.is_some_and(|kind| kind.is_json()) {
            let refusal =
                Refusal { error: "send it as application/json", line: None, column: None };
            return Err(Response::json(&refusal).with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        serde_json::from_slice(self.body()).map_err(|error| {
            let status = match error.classify() {
                Category::Data => StatusCode::UNPROCESSABLE_ENTITY,
                _ => StatusCode::BAD_REQUEST,
            };
            let what = error.to_string();
            // The place has fields of its own.
            let what = what.rsplit_once(" at line ").map_or(&*what, |(what, _)| what);
            let (line, column) = (Some(error.line()), Some(error.column()));
            Response::json(&Refusal { error: what, line, column }).with_status(status)
        })
    }
}

impl Response {
    /// 200 with this value as JSON. A value that JSON has no form for, such as a map whose keys are
    /// no text, is 500, and logged.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Self {
        match serde_json::to_vec(value) {
            Ok(text) => Self::bytes("application/json", text),
            Err(error) => {
                log::error!("an answer has no form in JSON: {error}");
                Self::status_only(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }
}

/// What was wrong with a request.
#[derive(Serialize)]
struct Refusal<'a> {
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
}
