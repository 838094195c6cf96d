//! What the fuzz targets are to remember (`fuzz/corpus/`), and ways to change it a little.

use std::fs;
use std::path::{Path, PathBuf};

/// Where the fuzz targets live.
pub(crate) fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// What is in a folder, in the order of the names.
pub(crate) fn list(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// The files of one target.
pub(crate) fn corpus(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let files = list(&fuzz().join("corpus").join(name));
    assert!(!files.is_empty(), "{name} has no corpus");
    files.into_iter().map(|path| (path.clone(), fs::read(&path).unwrap())).collect()
}

/// One to four changes: a byte set to something, left out or doubled, or the end of another file.
pub(crate) fn changed(bytes: &[u8], other: &[u8], seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut draw = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as usize % below.max(1)
    };
    let mut bytes = bytes.to_vec();
    for _ in 0..=draw(4) {
        let at = draw(bytes.len());
        match draw(5) {
            _ if bytes.is_empty() => bytes.push(draw(256) as u8),
            0 => bytes[at] = draw(256) as u8,
            1 => bytes[at] ^= 1 << draw(8),
            2 => drop(bytes.remove(at)),
            3 => bytes.insert(at, bytes[at]),
            _ => {
                bytes.truncate(at);
                bytes.extend_from_slice(&other[draw(other.len())..]);
            }
        }
    }
    bytes
}
