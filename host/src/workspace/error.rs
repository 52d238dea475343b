//! How work with the files of a run fails.

use std::{io, path::PathBuf};

use super::FileError;
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
    /// A pattern over paths cannot be used.
    #[error("`{pattern}` is not a pattern over paths: {problem}")]
    Pattern {
        /// The pattern, escaped.
        pattern: String,
        /// Why.
        problem: String,
    },
    /// There are more things than are taken.
    #[error("`{root}` has more than {most} {what}", root = root.display())]
    TooMany {
        /// The folder.
        root: PathBuf,
        /// Of what: `files to read`.
        what: &'static str,
        /// The most that is taken.
        most: usize,
    },
    /// A file of this machine that was to be put into a workspace cannot be read.
    #[error("cannot read the input `{path}`: {cause}", path = path.display())]
    Input {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// A workspace was prepared a second time.
    #[error("the workspace `{path}` is already prepared", path = path.display())]
    AlreadyPrepared {
        /// Its folder.
        path: PathBuf,
    },
    /// A workspace is used before it was prepared.
    #[error("the workspace `{path}` is not prepared", path = path.display())]
    NotPrepared {
        /// Its folder.
        path: PathBuf,
    },
    /// A workspace is used after it was cleaned up.
    #[error("the workspace `{path}` was cleaned up", path = path.display())]
    CleanedUp {
        /// Its folder.
        path: PathBuf,
    },
    /// Something in a workspace could not be removed, so it is no fresh one.
    #[error("cannot remove `{path}` from the workspace `{root}`: {cause}", root = root.display())]
    NotEmpty {
        /// The folder.
        root: PathBuf,
        /// What stays, escaped.
        path: String,
        /// What the system said.
        cause: String,
    },
    /// An asset cannot be had.
    #[error("asset `{name}`: {cause}")]
    Asset {
        /// Its name.
        name: String,
        /// Why.
        cause: Box<WorkspaceError>,
    },
    /// A file is another than it should be.
    #[error("`{path}` has digest {found}, and should have {expected}")]
    OtherContent {
        /// The file.
        path: String,
        /// What it has.
        found: Digest,
        /// What it should have.
        expected: Digest,
    },
    /// A value names an asset that is not there.
    #[error("`{placeholder}` names no asset")]
    NoAsset {
        /// The placeholder, escaped.
        placeholder: String,
        /// A name that was perhaps meant.
        meant: Option<String>,
        /// The names that there are.
        known: Vec<String>,
    },
    /// A file is not what it should be, or cannot become it.
    #[error(transparent)]
    Typed(#[from] FileError),
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
            Self::Typed(error) => error.hint(),
            Self::Asset { cause, .. } => cause.hint(),
            Self::OtherContent { .. } => Some("look at what changed, and write the new digest down if it is meant".into()),
            Self::NoAsset { meant: Some(meant), .. } => Some(format!("did you mean `{meant}`?")),
            Self::NoAsset { known, placeholder, .. } if known.is_empty() => {
                let name = placeholder.trim_start_matches("{{static:").trim_end_matches("}}");
                Some(format!("name it in the run file, as in `[assets.{name}]` with `file = \"PATH\"`"))
            }
            Self::NoAsset { known, .. } => Some(format!("there are: {}", known.join(", "))),
            Self::AlreadyPrepared { .. } => Some("reset it instead, or prepare another".into()),
            Self::NotPrepared { .. } => Some("prepare it first".into()),
            Self::CleanedUp { .. } => Some("make another".into()),
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
