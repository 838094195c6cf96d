//! How many descriptors the process may have.

use std::io;

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the limit of open descriptors as far as a process may do so itself: to the hard one. Each
/// connection needs a descriptor, and the limit that a shell gives is often 1,024. Tells the limit.
///
/// It holds for the whole process, and its children inherit it: so a library leaves this to the
/// program. (A child that uses `select` on descriptors above 1,023 would break.)
///
/// # Errors
/// The system refuses.
pub fn raise_descriptor_limit() -> io::Result<u64> {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        setrlimit(Resource::Nofile, limit)?;
    }
    Ok(limit.current.unwrap_or(u64::MAX))
}
