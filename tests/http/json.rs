//! JSON in and out, and clear words for what is none.

use std::collections::BTreeMap;

use overt::service::http::{Request, Responder, Response, Serve};
use serde::{Deserialize, Serialize};

use crate::{bench, only};

#[derive(Deserialize, Serialize)]
struct Point<'a> {
    name: &'a str,
    x: i32,
}

fn doubles(request: &Request<'_>, responder: Responder<'_, '_>) {
    match request.json::<Point<'_>>() {
        Ok(point) => responder.send(Response::json(&Point { x: 2 * point.x, ..point })),
        Err(refusal) => responder.send(refusal),
    }
}

#[track_caller]
fn posted(kind: &str, body: &str) -> (u16, String) {
    let mut bench = bench(Serve::new(doubles));
    let length = body.len();
    bench.data(
        format!("POST / HTTP/1.1\r\nHost: a\r\n{kind}\r\nContent-Length: {length}\r\n\r\n{body}")
            .as_bytes(),
    );
    let answer = only(&mut bench);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    (answer.status, answer.text().to_owned())
}

const JSON: &str = "Content-Type: application/json; charset=utf-8";

#[test]
fn a_value_comes_in_and_one_goes_out() {
    let answer = posted(JSON, "{\"name\": \"a\", \"x\": 21}");
    assert_eq!(answer, (200, "{\"name\":\"a\",\"x\":42}".into()));
    let answer = posted("Content-Type: application/geo+JSON", "{\"name\": \"a\", \"x\": 21}");
    assert_eq!(answer.0, 200);
}

#[test]
fn what_is_no_json_is_told_where_it_ends_to_be() {
    let (status, text) = posted(JSON, "{\n  \"name\": \"a\",\n  \"x\" 1}");
    assert_eq!((status, &*text), (400, "{\"error\":\"expected `:`\",\"line\":3,\"column\":7}"));
    assert_eq!(posted(JSON, "").0, 400);
    assert_eq!(posted(JSON, &format!("{{\"name\": \"a\", \"y\": {}", "[".repeat(99_999))).0, 400);
}

#[test]
fn json_of_another_kind_is_told_what_is_missing() {
    let (status, text) = posted(JSON, "{\"name\": \"a\"}");
    assert_eq!(status, 422);
    assert!(text.contains("missing field `x`"), "{text}");
}

#[test]
fn what_does_not_say_that_it_is_json_is_415() {
    assert_eq!(posted("Content-Type: text/plain", "{}").0, 415);
    assert_eq!(posted("X-Nothing: 1", "{}").0, 415);
}

#[test]
fn a_value_without_a_form_in_json_is_500() {
    let response = Response::json(&BTreeMap::from([(vec![1], 2)]));
    assert_eq!(response.status().as_u16(), 500);
}
