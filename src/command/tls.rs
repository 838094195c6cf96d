//! [`Tls`]: the arguments by which a service of the command speaks TLS.

use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;
use crate::net::transport::{Identity, Roots, TlsServer};

#[derive(Args)]
#[command(next_help_heading = "TLS")]
pub(super) struct Tls {
    /// Speak TLS, with the certificates in this PEM file; `overt cert` makes one for development.
    /// At SIGHUP it and its key are read again
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The key that belongs to the first of them
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Clients must show a certificate that leads to one in this PEM file
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_client_ca: Option<PathBuf>,
}

impl Tls {
    /// How TLS is to be spoken, if it is; `protocols` are those that a client may ask for. From now
    /// on SIGHUP has the files read again.
    pub(super) fn server(&self, protocols: &[&str]) -> Result<Option<TlsServer>, Failure> {
        let (Some(chain), Some(key)) = (&self.tls_cert, &self.tls_key) else { return Ok(None) };
        let failed = |error| Failure::system("cannot speak TLS", &error);
        let identity = Identity::from_files(chain, key).map_err(failed)?;
        let mut server = TlsServer::builder().identity(identity).alpn(protocols);
        if let Some(roots) = &self.tls_client_ca {
            server = server.require_client(Roots::none().and_file(roots).map_err(failed)?);
        }
        let server = server.build().map_err(failed)?;
        #[cfg(all(unix, feature = "signals"))]
        super::reload::at_hangup(server.clone()).map_err(failed)?;
        Ok(Some(server))
    }
}
