//! [`Router`]: which service or site answers a request, by its host, path and method.

use std::fmt;
use std::sync::Arc;

use super::params::{PARAMS_MAX, Params};
use super::response::Response;
use super::routed::{Kind, Routed, Target};
use super::service::{Service, ServiceExchange};
use super::site::Site;
use crate::wire::http::{Method, RequestHead, StatusCode, is_authority};

/// Which service or site answers a request.
///
/// ```
/// use overt::service::http::{HttpServer, Request, Responder, Response, Router};
///
/// let router = Router::new()
///     .get("/", |_: &Request<'_>, responder: Responder<'_, '_>| responder.text("welcome\n"))
///     .get("/items/{id}", |request: &Request<'_>, responder: Responder<'_, '_>| {
///         let id = request.param("id").unwrap_or_default();
///         responder.send(Response::text(format!("item {id}\n")));
///     });
/// let http = HttpServer::new(router);
/// ```
///
/// A path is compared as it stands in the request, percent-encoded; `{name}` stands for one segment
/// of it or a part of one, `{*name}` for all the rest, and `{{` for a brace. What is written out
/// counts more than what is left open.
///
/// So another spelling of a path is another path, as `/%61dmin` is to `/admin`. What is behind the
/// one may be found behind the other if a fallback goes by what paths mean, as the backend of a
/// reverse proxy may do: a guard belongs around that site, by [`behind`](super::Onion::behind).
/// [`Files`](super::Files) and [`Embedded`](super::Embedded) lead all spellings to one.
///
/// A `HEAD` is answered as a `GET` without its body, and `OPTIONS` with the methods that there are,
/// unless the route has its own. A path with no route is 404, a method that its route does not have
/// is 405, with the field `allow`.
///
/// A router is a [`Site`], so it can be a route of another one, such as a part of a server that
/// stands behind a layer. It compares the whole path all the same, and knows the parts of it that
/// its own routes leave open:
///
/// ```
/// use overt::service::http::{Auth, Onion, Request, Responder, Router};
///
/// let list = |_: &Request<'_>, responder: Responder<'_, '_>| responder.text("none\n");
/// let api = Router::new().get("/api/items", list);
/// let auth = Auth::one_token("items", "a secret");
/// let router = Router::new().site("/api/{*rest}", api.behind(auth));
/// ```
pub struct Router {
    hosts: Vec<Host>,
    /// Where all goes that has no route.
    fallback: Option<Target>,
}

/// The routes of a host.
struct Host {
    /// In small letters; with a `*.` before it, for all names that end so; empty for all others.
    name: String,
    paths: matchit::Router<usize>,
    routes: Vec<Route>,
}

struct Route {
    pattern: String,
    names: Arc<[String]>,
    methods: Vec<(Method, Target)>,
    /// For all other methods.
    any: Option<Target>,
}

impl Default for Router {
    fn default() -> Self {
        Self::new()
    }
}

impl Router {
    /// Without routes.
    pub fn new() -> Self {
        Self { hosts: vec![Host::new("")], fallback: None }
    }

    /// Routes that are added from now on are those of `name` alone: a host name, or `*.` and the
    /// end of many. What has no route there is looked up among those of all hosts. If several fit,
    /// the one that was added last is asked first.
    ///
    /// # Panics
    /// It is no such name, or has a port.
    #[track_caller]
    pub fn host(mut self, name: &str) -> Self {
        let host = name.strip_prefix("*.").unwrap_or(name);
        let has_port = host.contains(':') && !host.ends_with(']');
        assert!(is_authority(host) && !has_port, "`{name}` is no host: write it without a port");
        self.hosts.push(Host::new(name));
        self
    }

    /// `GET`, and `HEAD`.
    ///
    /// # Panics
    /// The pattern is none, or the route exists: a mistake that shows when the program starts. So
    /// do all methods that add a route.
    #[track_caller]
    pub fn get(self, pattern: &str, service: impl Service) -> Self {
        self.route(Method::GET, pattern, service)
    }

    /// `POST`.
    #[track_caller]
    pub fn post(self, pattern: &str, service: impl Service) -> Self {
        self.route(Method::POST, pattern, service)
    }

    /// `PUT`.
    #[track_caller]
    pub fn put(self, pattern: &str, service: impl Service) -> Self {
        self.route(Method::PUT, pattern, service)
    }

    /// `DELETE`.
    #[track_caller]
    pub fn delete(self, pattern: &str, service: impl Service) -> Self {
        self.route(Method::DELETE, pattern, service)
    }

    /// Any one method.
    #[track_caller]
    pub fn route(self, method: Method, pattern: &str, service: impl Service) -> Self {
        self.add(Some(method), pattern, Target::Service(Arc::new(service)))
    }

    /// All methods that have no route of their own.
    #[track_caller]
    pub fn any(self, pattern: &str, service: impl Service) -> Self {
        self.add(None, pattern, Target::Service(Arc::new(service)))
    }

    /// All methods that have no route of their own, to what streams, upgrades, or stands behind a
    /// [layer](super::Layer).
    #[track_caller]
    pub fn site(self, pattern: &str, site: impl Site) -> Self {
        self.add(None, pattern, Target::Site(Arc::new(site)))
    }

    /// One method, to what streams, upgrades, or stands behind a [layer](super::Layer).
    #[track_caller]
    pub fn route_site(self, method: Method, pattern: &str, site: impl Site) -> Self {
        self.add(Some(method), pattern, Target::Site(Arc::new(site)))
    }

    /// What has no route, in place of 404.
    pub fn fallback(mut self, service: impl Service) -> Self {
        self.fallback = Some(Target::Service(Arc::new(service)));
        self
    }

    /// What has no route, in place of 404.
    pub fn fallback_site(mut self, site: impl Site) -> Self {
        self.fallback = Some(Target::Site(Arc::new(site)));
        self
    }

    #[track_caller]
    fn add(mut self, method: Option<Method>, pattern: &str, target: Target) -> Self {
        if let Some(host) = self.hosts.last_mut() {
            host.add(method, pattern, target);
        }
        self
    }

    /// What answers this request, and what its route left open.
    fn find(&self, head: &RequestHead) -> (Found<'_>, Params) {
        let name = if self.hosts.len() > 1 { head.host().unwrap_or_default() } else { "" };
        let mut wrong_method = None;
        // The most particular first, and the routes of all hosts last.
        for host in self.hosts.iter().rev() {
            if !host.is_for(name) {
                continue;
            }
            let Some((route, params)) = host.find(head.path()) else { continue };
            match route.target(head.method()) {
                Some(target) => return (Found::Target(target), params),
                None => wrong_method = wrong_method.or(Some(route)),
            }
        }
        let found = match (wrong_method, &self.fallback) {
            (Some(route), _) => Found::WrongMethod(route),
            (None, _) if head.target() == "*" => Found::Server,
            (None, Some(fallback)) => Found::Target(fallback),
            (None, None) => Found::Nothing,
        };
        (found, Params::default())
    }
}

/// What a request was found to be for.
enum Found<'r> {
    Target(&'r Target),
    WrongMethod(&'r Route),
    /// The server as a whole: `OPTIONS *`.
    Server,
    Nothing,
}

impl Host {
    fn new(name: &str) -> Self {
        let (paths, routes) = (matchit::Router::new(), Vec::new());
        Self { name: name.to_ascii_lowercase(), paths, routes }
    }

    fn is_for(&self, name: &str) -> bool {
        if self.name.is_empty() {
            return true;
        }
        match self.name.strip_prefix('*') {
            Some(end) => {
                let start = name.len().saturating_sub(end.len());
                start > 0 && name.get(start..).is_some_and(|it| it.eq_ignore_ascii_case(end))
            }
            None => self.name.eq_ignore_ascii_case(name),
        }
    }

    #[track_caller]
    fn add(&mut self, method: Option<Method>, pattern: &str, target: Target) {
        let known = self.routes.iter().position(|route| route.pattern == pattern);
        let at = known.unwrap_or_else(|| {
            if let Err(error) = self.paths.insert(pattern, self.routes.len()) {
                panic!("the route `{pattern}` cannot be: {error}");
            }
            self.routes.push(Route::new(pattern));
            self.routes.len() - 1
        });
        let route = &mut self.routes[at];
        let is_taken = match &method {
            Some(method) => route.methods.iter().any(|(known, _)| known == method),
            None => route.any.is_some(),
        };
        assert!(!is_taken, "there is a route `{pattern}` for this method already");
        match method {
            Some(method) => route.methods.push((method, target)),
            None => route.any = Some(target),
        }
    }

    fn find(&self, path: &str) -> Option<(&Route, Params)> {
        let found = self.paths.at(path).ok()?;
        let route = self.routes.get(*found.value)?;
        let params = match route.names.is_empty() {
            true => Params::default(),
            false => Params::new(&route.names, path, found.params.iter().map(|(_, value)| value)),
        };
        Some((route, params))
    }
}

impl Route {
    #[track_caller]
    fn new(pattern: &str) -> Self {
        // Two braces stand for one that is meant as it is.
        let plain = pattern.replace("{{", "").replace("}}", "");
        let open = plain.split('{').skip(1).filter_map(|part| part.split_once('}'));
        let names = open.map(|(name, _)| name.trim_start_matches('*').to_owned());
        let names: Arc<[String]> = names.collect();
        assert!(names.len() <= PARAMS_MAX, "`{pattern}` leaves more than {PARAMS_MAX} parts open");
        assert!(
            pattern.starts_with('/'),
            "the route `{pattern}` begins with no slash, as paths do"
        );
        let is_twice = |name: &&String| names.iter().filter(|it| it == name).count() > 1;
        let twice = names.iter().find(is_twice);
        assert!(twice.is_none(), "the route `{pattern}` has two parts of one name");
        Self { pattern: pattern.to_owned(), names, methods: Vec::new(), any: None }
    }

    fn target(&self, method: &Method) -> Option<&Target> {
        let own = |wanted: &Method| {
            self.methods.iter().find(|(known, _)| known == wanted).map(|(_, target)| target)
        };
        let as_get = || if *method == Method::HEAD { own(&Method::GET) } else { None };
        own(method).or_else(as_get).or(self.any.as_ref())
    }

    /// The methods that it has, as `allow` tells them.
    fn allow(&self) -> String {
        let mut names: Vec<&str> = self.methods.iter().map(|(method, _)| method.as_str()).collect();
        if names.contains(&"GET") && !names.contains(&"HEAD") {
            names.push("HEAD");
        }
        if !names.contains(&"OPTIONS") {
            names.push("OPTIONS");
        }
        names.sort_unstable();
        names.join(", ")
    }
}

impl Found<'_> {
    fn exchange(&self, head: &RequestHead, params: Params) -> Routed {
        let fixed = |response| Routed(Kind::Fixed(response));
        match self {
            Self::Target(Target::Service(service)) => {
                Routed(Kind::Service(ServiceExchange::new(service.clone(), params)))
            }
            Self::Target(Target::Site(site)) => Routed(Kind::Other(site.exchange(head, &params))),
            Self::WrongMethod(route) if head.method() == Method::OPTIONS => {
                fixed(Response::new(StatusCode::NO_CONTENT).header("allow", route.allow()))
            }
            Self::WrongMethod(route) => fixed(
                Response::status_only(StatusCode::METHOD_NOT_ALLOWED)
                    .header("allow", route.allow()),
            ),
            Self::Server => fixed(Response::new(StatusCode::NO_CONTENT)),
            Self::Nothing => fixed(Response::status_only(StatusCode::NOT_FOUND)),
        }
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let routes = self.hosts.iter().flat_map(|host| {
            host.routes
                .iter()
                .map(|route| format!("{}{} {}", host.name, route.pattern, route.allow()))
        });
        f.debug_tuple("Router").field(&routes.collect::<Vec<_>>()).finish()
    }
}

impl Site for Router {
    type Exchange = Routed;
    const RENEWS: bool = true;

    fn exchange(&self, head: &RequestHead, _: &Params) -> Routed {
        let (found, params) = self.find(head);
        found.exchange(head, params)
    }

    fn renew(&self, exchange: &mut Routed, head: &RequestHead, _: &Params) {
        let (found, params) = self.find(head);
        match (&found, &mut exchange.0) {
            (Found::Target(Target::Service(service)), Kind::Service(kept)) => {
                kept.renew(service, params);
            }
            _ => *exchange = found.exchange(head, params),
        }
    }
}
