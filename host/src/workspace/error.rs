//! How work with the files of a run fails.

use std::{io, path::PathBuf};

use crate::names::{Bytes, Digest};

/// Why a path or a file was not accepted. Paths are shown escaped, so that a name with a newline cannot forge a line of output.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkspaceError {
    /// A text is no relative path.
    #[error("`{path}` is not a path inside a folder: {rule}")]
    BadPath {
        /// The text, escaped and shortened.
        path: String,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// A text is no guest path.
    #[error("`{path}` is not a path of a run: {rule}")]
    BadGuestPath {
        /// The text, escaped and shortened.
        path: String,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// The folder itself cannot be opened.
    #[error("cannot open the folder `{path}`: {cause}", path = path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The path goes through a symbolic link, or out of the folder.
    #[error("`{path}` in `{root}` goes through a link, and links are not followed", root = root.display())]
    Link {
        /// The folder.
        root: PathBuf,
        /// The path in it.
        path: String,
    },
    /// There is nothing under this name.
    #[error("there is no `{path}` in `{root}`", root = root.display())]
    NotFound {
        /// The folder.
        root: PathBuf,
        /// The path in it.
        path: String,
    },
    /// The name belongs to something that is not a regular file.
    #[error("`{path}` in `{root}` is {kind}, not a regular file", root = root.display())]
    NotRegular {
        /// The folder.
        root: PathBuf,
        /// The path in it.
        path: String,
        /// What it is: `a folder`, `a pipe`.
        kind: &'static str,
    },
    /// The file has a second name, which may lie outside the folder.
    #[error("`{path}` in `{root}` has {links} names, and files with a second name are not taken", root = root.display())]
    HardLinked {
        /// The folder.
        root: PathBuf,
        /// The path in it.
        path: String,
        /// How many names.
        links: u64,
    },
    /// The file is larger than what is taken.
    #[error("`{path}` in `{root}` is larger than {cap}", root = root.display())]
    TooLarge {
        /// The folder.
        root: PathBuf,
        /// The path in it.
        path: String,
        /// The most that is taken.
        cap: Bytes,
    },
    /// There is more in the folder than is looked at.
    #[error("`{root}` holds more than {most} {what}", root = root.display())]
    TooMany {
        /// The folder.
        root: PathBuf,
        /// What there is too much of.
        what: &'static str,
        /// The most that is looked at.
        most: usize,
    },
    /// A text is no pattern of paths.
    #[error("`{pattern}` is not a pattern of paths: {problem}")]
    Pattern {
        /// The text, or the file it stands in.
        pattern: String,
        /// What is wrong with it.
        problem: String,
    },
    /// There is no snapshot of this digest.
    #[error("there is no snapshot {0}")]
    NoSnapshot(Digest),
    /// A stored content cannot be used.
    #[error("the content {sha256} of a snapshot {problem}")]
    Content {
        /// Its digest.
        sha256: Digest,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The document of a tree is broken.
    #[error("line {line} of the document of a snapshot is broken: {rule}")]
    TreeDocument {
        /// Where.
        line: usize,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// Somebody stores something, so nothing can be removed.
    #[error("snapshots in `{root}` are being taken", root = root.display())]
    Busy {
        /// Where snapshots are kept.
        root: PathBuf,
    },
    /// A member of an archive is not taken.
    #[error("the member `{member}` of the archive is refused: {rule}")]
    Member {
        /// Its name, escaped and shortened.
        member: String,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// An archive cannot be read.
    #[error("the archive cannot be read: {problem}")]
    Archive {
        /// What is wrong with it.
        problem: String,
    },
    /// An archive holds more than is unpacked.
    #[error("the archive holds more than {most} {what}")]
    Bomb {
        /// The most that is unpacked.
        most: String,
        /// Of what.
        what: &'static str,
    },
    /// A file is too large for the text of a patch.
    #[error("`{path}` has {bytes}, and a patch takes files of at most {most}")]
    PatchTooLarge {
        /// Its path.
        path: String,
        /// Its size.
        bytes: Bytes,
        /// The most that a patch takes.
        most: Bytes,
    },
    /// What was made cannot be handed over.
    #[error("cannot write the {what}: {cause}")]
    Hand {
        /// What was made: `archive`, `patch`.
        what: &'static str,
        /// What the system said.
        cause: io::Error,
    },
    /// The system refused.
    #[error("cannot {action} `{path}` in `{root}`: {cause}", root = root.display())]
    System {
        /// What was tried: `open`, `create`.
        action: &'static str,
        /// The folder.
        root: PathBuf,
        /// The path in it.
        path: String,
        /// What the system said.
        cause: io::Error,
    },
}

impl WorkspaceError {
    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Link { .. } => Some("put a copy of the file in place of the link".into()),
            Self::HardLinked { .. } => Some("put a copy of the file in place of the hard link".into()),
            Self::TooMany { .. } => Some("leave folders out with patterns such as `data/**`".into()),
            Self::Content { .. } | Self::TreeDocument { .. } => Some("the snapshot is lost; take a new one".into()),
            Self::PatchTooLarge { .. } => Some("look at the list of changes without the patch".into()),
            _ => None,
        }
    }

    /// Whether the reason is that the thing does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        match self {
            Self::NotFound { .. } => true,
            Self::Folder { cause, .. } => cause.kind() == io::ErrorKind::NotFound,
            _ => false,
        }
    }
}
