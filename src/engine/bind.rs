//! Binding datagram sockets: by the engine before it runs, or while it does.

use std::io;
use std::sync::Arc;

use super::check::cannot;
use super::engine::{Engine, Handle};
use super::limits::Sessions;
use super::order::Order;
use super::socket::Service;
use super::state::EventLoop;
use crate::handler::datagrams::{Single, Whole};
use crate::handler::{Datagrams, Session};
use crate::net::{Bind, Endpoint, IntoBind, Net, Os, Remote};

impl<N: Net> Engine<N> {
    /// Binds a datagram socket at an address: a `SocketAddr`, `"127.0.0.1:7003"`,
    /// `"unix:/run/overt.sock"`, a [`Bind`], or a socket that is bound already. `handler` makes the
    /// state machine that gets its datagrams. Tells the address bound.
    ///
    /// Where the system spreads datagrams over sockets of one address (`SO_REUSEPORT`), each loop
    /// has a socket and a state machine of its own, and all datagrams of one peer come to the same
    /// loop. Otherwise, and with [`Bind::single`], the first loop has the only one.
    ///
    /// # Errors
    /// In one line: what is no address, or why the system won't bind to it.
    pub fn bind<D: Datagrams>(
        &mut self,
        at: impl IntoBind,
        handler: impl Fn() -> D + Send + Sync + 'static,
    ) -> io::Result<Endpoint> {
        self.bind_service(at.into_bind()?, whole(handler))
    }

    /// As [`bind`](Self::bind), with a state machine for each peer, which `handler` makes when the
    /// first datagram comes from it.
    pub fn bind_sessions<S: Session>(
        &mut self,
        at: impl IntoBind,
        sessions: Sessions,
        handler: impl Fn(&Remote) -> S + Send + Sync + 'static,
    ) -> io::Result<Endpoint> {
        sessions.check()?;
        self.bind_service(at.into_bind()?, single(sessions, handler))
    }

    fn bind_service(&mut self, how: Bind, service: Service) -> io::Result<Endpoint> {
        let several = self.loops.len() > 1 && N::REUSE_PORT_SPREADS && how.can_be_several();
        let probed = self.loops[0].core.net.bind(&Bind { reuse_port: false, ..how.clone() });
        let (probe, at) = probed.map_err(cannot("bind to", &how.at))?;
        if !several {
            self.loops[0].add_socket((probe, at.clone()), service)?;
            return Ok(at);
        }
        // With the option set, a port that is in use already would be shared without a word.
        drop(probe);
        for event_loop in &mut self.loops {
            let how = Bind { at: at.clone(), reuse_port: true, ..how.clone() };
            let bound = event_loop.core.net.bind(&how).map_err(cannot("bind to", &at))?;
            event_loop.add_socket(bound, service.clone())?;
        }
        Ok(at)
    }
}

impl Handle {
    /// Binds a datagram socket while the engine runs, on the loop with the fewest connections: see
    /// [`Engine::bind`].
    pub fn bind<D: Datagrams>(
        &self,
        at: impl IntoBind,
        handler: impl Fn() -> D + Send + Sync + 'static,
    ) -> io::Result<Endpoint> {
        self.bind_service(&at.into_bind()?, whole(handler))
    }

    /// As [`bind`](Self::bind), with a state machine for each peer: see [`Engine::bind_sessions`].
    pub fn bind_sessions<S: Session>(
        &self,
        at: impl IntoBind,
        sessions: Sessions,
        handler: impl Fn(&Remote) -> S + Send + Sync + 'static,
    ) -> io::Result<Endpoint> {
        sessions.check()?;
        self.bind_service(&at.into_bind()?, single(sessions, handler))
    }

    fn bind_service(&self, how: &Bind, service: Service) -> io::Result<Endpoint> {
        let (socket, at) = Os::open_datagram(how).map_err(cannot("bind to", &how.at))?;
        let order = Order::<Os>::Serve { socket, at: at.clone(), service };
        let ended = |_| io::Error::new(io::ErrorKind::NotConnected, "the engine has ended");
        order.post(&self.shared.least().home).map_err(ended)?;
        Ok(at)
    }
}

impl<N: Net> EventLoop<N> {
    /// A socket was bound for this loop.
    pub(super) fn serve(&mut self, socket: N::Datagram, at: Endpoint, service: Service) {
        if let Err(error) = self.add_socket((socket, at.clone()), service) {
            log::error!("the datagram socket at {at} is lost: {error}");
        }
    }
}

fn whole<D: Datagrams>(handler: impl Fn() -> D + Send + Sync + 'static) -> Service {
    let factory = Arc::new(move |_: &Remote| Box::new(Whole(handler())) as _);
    Service { factory, sessions: None }
}

fn single<S: Session>(
    sessions: Sessions,
    handler: impl Fn(&Remote) -> S + Send + Sync + 'static,
) -> Service {
    let factory = Arc::new(move |peer: &Remote| Box::new(Single(handler(peer))) as _);
    Service { factory, sessions: Some(sessions) }
}
