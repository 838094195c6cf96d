//! [`Secrets`]: random bytes that nobody can guess, for keys and nonces. All other chance is
//! [`Net::random`](super::Net::random), which is faster and can be guessed.

/// So many bytes are asked of the system at a time: the keys of a thousand frames.
const POOL: usize = 4096;

/// Random bytes that nobody can guess. The pool is filled when it is first asked.
pub struct Secrets {
    source: Source,
    pool: Vec<u8>,
    used: usize,
}

enum Source {
    System,
    /// A simulation is the same in every run, and has nothing to hide.
    Seed(u64),
}

impl Secrets {
    /// From the system's generator.
    pub(crate) fn of_the_system() -> Self {
        Self { source: Source::System, pool: Vec::new(), used: 0 }
    }

    /// The same for the same seed: for simulations.
    pub(crate) fn of_a_seed(seed: u64) -> Self {
        Self { source: Source::Seed(seed), pool: Vec::new(), used: 0 }
    }

    /// The next bytes.
    ///
    /// # Panics
    /// If the system has no random bytes, which Linux has from early in its boot on: there is no
    /// good way to go on without.
    pub(crate) fn take<const COUNT: usize>(&mut self) -> [u8; COUNT] {
        const { assert!(COUNT <= POOL, "the pool is not that large") };
        if let Some(bytes) = self.pool.get(self.used..).and_then(<[u8]>::first_chunk) {
            self.used += COUNT;
            return *bytes;
        }
        self.fill();
        self.take()
    }

    #[cold]
    fn fill(&mut self) {
        self.pool.resize(POOL, 0);
        self.used = 0;
        match &mut self.source {
            Source::System => {
                if let Err(error) = getrandom::fill(&mut self.pool) {
                    panic!("the system has no random bytes: {error}");
                }
            }
            Source::Seed(seed) => {
                for bytes in self.pool.chunks_exact_mut(8) {
                    *seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                    bytes.copy_from_slice(&(*seed ^ *seed >> 32).to_be_bytes());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_comes_twice() {
        for mut secrets in [Secrets::of_the_system(), Secrets::of_a_seed(1)] {
            let mut seen: Vec<[u8; 12]> = (0..1000).map(|_| secrets.take()).collect();
            seen.sort();
            seen.dedup();
            assert_eq!(seen.len(), 1000);
        }
    }

    #[test]
    fn a_seed_gives_the_same_in_every_run() {
        let take = |seed| Secrets::of_a_seed(seed).take::<16>();
        assert_eq!(take(7), take(7));
        assert_ne!(take(7), take(8));
    }
}
