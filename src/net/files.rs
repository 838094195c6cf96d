//! Files of a folder, and nothing outside it: [`Folder`], [`OpenFile`]. All of this blocks, so
//! workers do it, or where there are none, it is done a bounded piece at a time.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};
use std::time::UNIX_EPOCH;

/// A folder whose files may be read.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    /// With all links followed.
    root: PathBuf,
}

/// A file that can be read from any place.
#[derive(Debug)]
pub(crate) struct OpenFile {
    file: File,
    len: u64,
    /// When it last changed: nanoseconds since 1970.
    modified: u128,
}

/// What a path leads to.
pub(crate) enum Found {
    File(OpenFile),
    Folder,
}

impl Folder {
    /// # Errors
    /// There is no such folder, or it can't be read.
    pub(crate) fn open(root: impl AsRef<Path>) -> io::Result<Self> {
        let root = fs::canonicalize(root)?;
        match fs::metadata(&root)?.is_dir() {
            true => Ok(Self { root }),
            false => Err(io::Error::from(ErrorKind::NotADirectory)),
        }
    }

    /// Opens what `path`, relative to the folder, leads to. A path that leaves the folder, be it by
    /// `..` or by a link, leads nowhere, as does one to a pipe or a device. (Who can change links
    /// between the look and the opening has the rights of the folder's owner, and needs no server.)
    ///
    /// # Errors
    /// It leads nowhere, or where we may not read.
    pub(crate) fn find(&self, path: &Path) -> io::Result<Found> {
        let stays = |part: Component<'_>| matches!(part, Component::Normal(_));
        if !path.components().all(stays) {
            return Err(io::Error::from(ErrorKind::NotFound));
        }
        let path = fs::canonicalize(self.root.join(path))?;
        if !path.starts_with(&self.root) {
            return Err(io::Error::from(ErrorKind::NotFound));
        }
        // Opening a pipe would wait for whoever writes into it.
        let kind = fs::metadata(&path)?;
        if kind.is_dir() {
            return Ok(Found::Folder);
        }
        if !kind.is_file() {
            return Err(io::Error::from(ErrorKind::NotFound));
        }
        let file = File::open(path)?;
        let known = file.metadata()?;
        let modified = known.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Found::File(OpenFile { file, len: known.len(), modified: modified.as_nanos() }))
    }
}

impl OpenFile {
    /// Bytes.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// When it last changed: nanoseconds since 1970.
    pub(crate) fn modified(&self) -> u128 {
        self.modified
    }

    /// Reads `count` bytes from `offset` on.
    ///
    /// # Errors
    /// There are not so many any more, or the system can't read them.
    pub(crate) fn read(&self, offset: u64, count: usize) -> io::Result<Vec<u8>> {
        // Nobody else reads at the same time, so the place in the file is ours.
        let mut file = &self.file;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = vec![0; count];
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}
