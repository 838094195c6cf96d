//! Which route a request takes.

use std::sync::Arc;

use overt::service::http::{
    Exchange, ExchangeContext, Params, Request, Responder, Response, Router, Site,
};
use overt::wire::http::{Method, RequestHead, ResponseHead, StatusCode};
use overt::{Never, Result};

use crate::{bench, only};

fn says(text: &'static str) -> impl Fn(&Request<'_>, Responder<'_, '_>) + Send + Sync + 'static {
    move |request, responder| {
        let id = request.param("id").unwrap_or_default();
        responder.send(Response::text(format!("{text}{id}")));
    }
}

fn router() -> Router {
    Router::new()
        .get("/", says("root"))
        .get("/items", says("items"))
        .post("/items", says("new item"))
        .get("/items/{id}", says("item "))
        .get("/items/special", says("special"))
        .route(Method::PATCH, "/items/{id}", says("patched "))
        .get("/files/{*id}", says("file "))
        .get("/{{braced}}/{id}", says("braced "))
        .any("/any", says("any"))
        .host("b.example")
        .get("/", says("root of b"))
        .host("*.c.example")
        .get("/{id}", says("of some c: "))
}

#[track_caller]
fn asked(method: &str, host: &str, path: &str) -> (u16, String, Option<String>) {
    let mut bench = bench(router());
    bench.data(format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
    let sent = bench.take_output();
    let head_only = method == "HEAD";
    let text = String::from_utf8(sent).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(!head_only || body.is_empty());
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let allow = head.lines().find_map(|line| line.strip_prefix("allow: ").map(str::to_owned));
    (status, body.to_owned(), allow)
}

#[test]
fn paths_lead_to_their_services() {
    for (method, path, text) in [
        ("GET", "/", "root"),
        ("GET", "/items", "items"),
        ("GET", "/items?a=/b", "items"),
        ("POST", "/items", "new item"),
        ("GET", "/items/7", "item 7"),
        ("GET", "/items/a%20b%2Fc", "item a b/c"),
        ("GET", "/items/special", "special"),
        ("PATCH", "/items/7", "patched 7"),
        ("GET", "/files/a/b.txt", "file a/b.txt"),
        ("GET", "/{braced}/7", "braced 7"),
        ("DELETE", "/any", "any"),
        ("GET", "http://a/items", "items"),
    ] {
        assert_eq!(asked(method, "a", path), (200, text.into(), None), "{method} {path}");
    }
}

#[test]
fn a_path_without_a_route_is_404_and_a_method_without_one_405() {
    for path in ["/nothing", "/items/", "/items/7/8", "/ITEMS", "/files/"] {
        assert_eq!(asked("GET", "a", path).0, 404, "{path}");
    }
    let (status, _, allow) = asked("DELETE", "a", "/items");
    assert_eq!((status, allow.as_deref()), (405, Some("GET, HEAD, OPTIONS, POST")));
    let (status, _, allow) = asked("DELETE", "a", "/items/7");
    assert_eq!((status, allow.as_deref()), (405, Some("GET, HEAD, OPTIONS, PATCH")));
}

#[test]
fn heads_and_options_are_answered_by_themselves() {
    assert_eq!(asked("HEAD", "a", "/items").0, 200);
    let (status, body, allow) = asked("OPTIONS", "a", "/items");
    assert_eq!((status, &*body), (204, ""));
    assert_eq!(allow.as_deref(), Some("GET, HEAD, OPTIONS, POST"));
    assert_eq!(asked("OPTIONS", "a", "*").0, 204);
    assert_eq!(asked("OPTIONS", "a", "/any").1, "any");
}

#[test]
fn a_host_has_its_own_routes_and_those_of_all() {
    assert_eq!(asked("GET", "b.example", "/").1, "root of b");
    assert_eq!(asked("GET", "B.Example:8080", "/").1, "root of b");
    assert_eq!(asked("GET", "b.example", "/items").1, "items");
    assert_eq!(asked("GET", "x.c.example", "/y").1, "of some c: y");
    assert_eq!(asked("GET", "c.example", "/y").0, 404);
    assert_eq!(asked("GET", "notc.example", "/y").0, 404);
}

#[test]
fn a_connection_may_take_one_route_after_another() {
    let mut bench = bench(router());
    for (path, text) in [("/", "root"), ("/items/1", "item 1"), ("/none", "Not Found\n")] {
        for _ in 0..2 {
            bench.data(&crate::get(path));
            assert_eq!(only(&mut bench).text(), text);
        }
    }
}

#[test]
fn a_wrong_route_shows_when_the_program_starts() {
    let panics = |add: fn(Router) -> Router| {
        std::panic::catch_unwind(|| add(Router::new().get("/a/{b}", says("")))).is_err()
    };
    assert!(panics(|router| router.get("/a/{c}", says(""))));
    assert!(panics(|router| router.get("/a/{b}", says(""))));
    assert!(panics(|router| router.get("/{a", says(""))));
    // These would lead nowhere, and one part of the path would hide another.
    assert!(panics(|router| router.get("a/c", says(""))));
    assert!(panics(|router| router.get("", says(""))));
    assert!(panics(|router| router.get("/b/{c}/{c}", says(""))));
    for name in ["a.example:80", "a b", "https://a.example", "*.", ""] {
        assert!(std::panic::catch_unwind(|| Router::new().host(name)).is_err(), "{name}");
    }
    for name in ["a.example", "*.a.example", "127.0.0.1", "[::1]"] {
        assert!(std::panic::catch_unwind(|| Router::new().host(name)).is_ok(), "{name}");
    }
    assert!(!panics(|router| router.post("/a/{b}", says(""))));
}

/// Holds something for as long as it lives.
pub(crate) struct Holds {
    _held: Arc<()>,
}

impl Holds {
    pub(crate) fn site(held: &Arc<()>) -> impl Site + use<> {
        let held = held.clone();
        move |_: &RequestHead, _: &Params| Self { _held: held.clone() }
    }
}

impl Exchange for Holds {
    type Message = Never;

    fn on_head(&mut self, _: &RequestHead, cx: &mut ExchangeContext<'_, Never>) -> Result {
        cx.answer(&ResponseHead::new(StatusCode::OK), b"hello");
        Ok(())
    }
}

#[test]
fn what_a_route_led_to_holds_nothing_while_the_connection_rests() {
    let held = Arc::new(());
    let mut bench = bench(Router::new().site("/", Holds::site(&held)));
    bench.data(&crate::get("/"));
    assert_eq!(only(&mut bench).text(), "hello");
    // The test's own, and the site's.
    assert_eq!(Arc::strong_count(&held), 2);
    bench.data(&crate::get("/"));
    assert_eq!(only(&mut bench).text(), "hello");
}
