//! Processors: how many there are, and staying on one.

use std::io;

use super::Os;

impl Os {
    /// How many processors this process may run on; at least 1.
    pub(crate) fn processors() -> usize {
        std::thread::available_parallelism().map_or(1, usize::from)
    }

    /// Keeps this thread on one processor: the `number`th of those that it may run on, and round
    /// again if there are fewer.
    #[cfg(all(target_os = "linux", feature = "linux"))]
    pub(crate) fn pin(number: usize) -> io::Result<()> {
        use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
        let allowed = sched_getaffinity(None)?;
        let processors: Vec<_> = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu)).collect();
        let Some(cpu) = processors.get(number % processors.len().max(1)) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let mut one = CpuSet::new();
        one.set(*cpu);
        Ok(sched_setaffinity(None, &one)?)
    }

    /// Not available here.
    #[cfg(not(all(target_os = "linux", feature = "linux")))]
    pub(crate) fn pin(_number: usize) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "pinning needs Linux and its feature"))
    }
}
