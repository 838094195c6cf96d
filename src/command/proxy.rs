//! [`ProxyArguments`]: what can be set of `overt proxy`, and the proxy that it means.

use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::failure::Failure;
use super::units::{size, time};
use crate::handler::Dial;
use crate::service::http::client::{ClientConfig, Url};
use crate::service::http::proxy::{
    Backend, Forwarding, HostRule, ProxyConfig, ReverseProxy, Rewriting,
};
use crate::service::http::{HttpConfig, HttpDeadlines, HttpServer};
use crate::tls::{Roots, TlsClient};
use crate::wire::http::HttpLimits;

#[derive(Args)]
#[command(next_help_heading = "Proxy")]
pub(super) struct ProxyArguments {
    /// A backend: HOST:PORT, unix:/path, http://HOST or https://HOST; several take turns
    #[arg(long, value_name = "ADDR", required = true)]
    to: Vec<To>,
    /// What backends are told in Host: what the client wrote (keep), their own name (backend), or
    /// always NAME
    #[arg(long, value_name = "keep|backend|NAME", value_parser = host, default_value = "keep")]
    host: HostRule,
    /// What becomes of Forwarded and X-Forwarded-* that clients send; the client's own address is
    /// put in their place, or behind them, or nothing is changed
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Forwarded::Replace)]
    forwarded: Forwarded,
    /// Until a connection to a backend is open
    #[arg(long, value_name = "TIME", value_parser = wait, default_value = "10s")]
    connect_timeout: Duration,
    /// From the end of a request until the first byte of its answer
    #[arg(long, value_name = "TIME", value_parser = wait, default_value = "60s")]
    answer_timeout: Duration,
    /// While a backend sends nothing in the middle of an answer
    #[arg(long, value_name = "TIME", value_parser = wait, default_value = "60s")]
    silence_timeout: Duration,
    /// From the beginning of a request until the end of its answer
    #[arg(long, value_name = "TIME", value_parser = wait, default_value = "1d")]
    total_timeout: Duration,
    /// The largest body of a request
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "1G")]
    body_max: usize,
    /// Connections to each backend that rest, on each loop
    #[arg(long, value_name = "N", default_value_t = 1024)]
    resting: usize,
    /// Trust these roots as well for backends of https (PEM)
    #[arg(long, value_name = "FILE")]
    backend_ca: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Forwarded {
    Replace,
    Append,
    Keep,
}

/// Reads how long something is waited for.
fn wait(text: &str) -> Result<Duration, String> {
    match time(text)? {
        Duration::ZERO => Err("nothing comes in no time: write more than 0".into()),
        time => Ok(time),
    }
}

/// Reads what is to become of `Host`.
fn host(text: &str) -> Result<HostRule, String> {
    match text {
        "keep" => Ok(HostRule::Keep),
        "backend" => Ok(HostRule::Backend),
        name if names_a_host(name) => Ok(HostRule::Set(name.into())),
        _ => Err("write keep, backend, or the name of a host, maybe with a port".into()),
    }
}

/// Whether this is a host, maybe with a port, and nothing else.
fn names_a_host(text: &str) -> bool {
    let url = format!("http://{text}").parse::<Url>();
    url.is_ok_and(|url| url.target() == "/") && !text.contains(['/', '#'])
}

/// A backend as it is written.
#[derive(Clone)]
enum To {
    At(Dial, String),
    Url(Url),
}

impl FromStr for To {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains("://") {
            let url: Url = text.parse().map_err(|error| format!("{error}"))?;
            return match url.target() {
                "/" => Ok(Self::Url(url)),
                _ => Err("a backend has no path: write it without".into()),
            };
        }
        let dial = text.parse().map_err(|error: io::Error| error.to_string())?;
        if text.starts_with("unix:") {
            return Ok(Self::At(dial, "localhost".into()));
        }
        // It stands in `Host` where a client names none.
        match names_a_host(text) {
            true => Ok(Self::At(dial, text.into())),
            false => Err("write HOST:PORT, unix:PATH or a URL without a path".into()),
        }
    }
}

impl ProxyArguments {
    /// The proxy that was asked for.
    pub(super) fn server(
        &self,
        deadlines: HttpDeadlines,
    ) -> Result<HttpServer<ReverseProxy>, Failure> {
        let backends = self.backends().map_err(|error| Failure::system("cannot proxy", &error))?;
        let site = ReverseProxy::with(self.config(), backends);
        let limits = HttpLimits { body_max: self.body_max as u64, ..HttpLimits::default() };
        let config = HttpConfig { limits, deadlines, ..HttpConfig::default() };
        Ok(HttpServer::with(config, site))
    }

    fn backends(&self) -> io::Result<Vec<Backend>> {
        let is_secure = |to: &To| matches!(to, To::Url(url) if url.origin().is_secure());
        let tls = match self.to.iter().any(is_secure) {
            true => Some(self.backend_tls()?),
            false => None,
        };
        let backend = |to: &To| match (to, &tls) {
            (To::At(dial, authority), _) => Ok(Backend::at(dial.clone(), authority)),
            (To::Url(url), Some(tls)) if url.origin().is_secure() => {
                Ok(Backend::secure(url.origin(), tls))
            }
            (To::Url(url), _) => Backend::new(url.origin()),
        };
        self.to.iter().map(backend).collect()
    }

    fn backend_tls(&self) -> io::Result<TlsClient> {
        let roots = match &self.backend_ca {
            Some(file) => Roots::system().and_file(file)?,
            None => Roots::system(),
        };
        TlsClient::builder().roots(roots).build()
    }

    fn config(&self) -> ProxyConfig {
        let client = ClientConfig {
            connect: self.connect_timeout,
            first_byte: self.answer_timeout,
            idle: self.silence_timeout,
            total: self.total_timeout,
            resting_per_origin: self.resting,
            resting: self.resting.saturating_mul(self.to.len()),
            ..ClientConfig::default()
        };
        let rewriting = Rewriting {
            host: self.host.clone(),
            forwarding: match self.forwarded {
                Forwarded::Replace => Forwarding::Replace,
                Forwarded::Append => Forwarding::Append,
                Forwarded::Keep => Forwarding::Keep,
            },
            ..Rewriting::default()
        };
        ProxyConfig { client, rewriting, ..ProxyConfig::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_kept_or_named() {
        assert_eq!(host("keep"), Ok(HostRule::Keep));
        assert_eq!(host("app:81"), Ok(HostRule::Set("app:81".into())));
        for text in ["", "a b", "a/", "a/b", "a?b", "a#b", "a\r\nb", "user@a"] {
            assert!(host(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_backend_is_an_address_or_an_origin() {
        for text in ["127.0.0.1:80", "[::1]:80", "unix:/run/app", "app:80", "https://app"] {
            assert!(text.parse::<To>().is_ok(), "{text}");
        }
        for text in ["", "app", "http://app/path", "ftp://app", "http://user@app"] {
            assert!(text.parse::<To>().is_err(), "{text}");
        }
        for text in ["127.0.0.1:0", "a b:80", "user@app:80", "app:80/"] {
            assert!(text.parse::<To>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_wait_of_no_time_is_none() {
        assert_eq!(wait("1ms"), Ok(Duration::from_millis(1)));
        assert!(wait("0s").is_err() && wait("1").is_err());
    }
}
