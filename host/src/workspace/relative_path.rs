//! A path that stays inside the folder it is used in.

use std::{
    ffi::{OsStr, OsString},
    fmt,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::Path,
    str::FromStr,
};

use super::WorkspaceError;

/// The longest path that Linux takes in one call (`PATH_MAX`), less its final NUL.
const LONGEST_PATH: usize = 4095;

/// The longest name of one file (`NAME_MAX`).
const LONGEST_NAME: usize = 255;

/// A path of one or more names, separated by `/`, none of them empty, `.` or `..`. A name may be any other bytes that Linux allows,
/// also a newline or what is not UTF-8.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelativePath(OsString);

impl RelativePath {
    /// The path that these bytes spell.
    pub fn from_os(path: &OsStr) -> Result<Self, WorkspaceError> {
        Self::checked(path.to_owned())
    }

    fn checked(path: OsString) -> Result<Self, WorkspaceError> {
        match broken_rule(path.as_bytes()) {
            None => Ok(Self(path)),
            Some(rule) => Err(WorkspaceError::BadPath { path: shown(path.as_bytes()), rule }),
        }
    }

    /// As a path for the calls of the standard library. Joining it to a folder gives a path below that folder only as long as no
    /// component is a link: open it through a [`super::Root`].
    #[must_use]
    pub fn as_path(&self) -> &Path {
        Path::new(&self.0)
    }

    /// As text, where it is text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        self.0.to_str()
    }

    /// The names, from the outermost folder to the file.
    pub fn names(&self) -> impl Iterator<Item = &OsStr> {
        self.0.as_bytes().split(|byte| *byte == b'/').map(OsStr::from_bytes)
    }

    /// The folder it lies in, where that is not the root itself, and its last name.
    #[must_use]
    pub fn split(&self) -> (Option<Self>, &OsStr) {
        let bytes = self.0.as_bytes();
        let border = bytes.iter().rposition(|byte| *byte == b'/').and_then(|at| bytes.split_at_checked(at));
        let Some((parent, name)) = border else { return (None, &self.0) };
        (Some(Self(OsString::from_vec(parent.to_vec()))), OsStr::from_bytes(name.get(1..).unwrap_or_default()))
    }

    /// The path of `name` in the folder that this path names.
    pub fn child(&self, name: &OsStr) -> Result<Self, WorkspaceError> {
        let mut path = OsString::with_capacity(self.0.len() + 1 + name.len());
        path.push(&self.0);
        path.push("/");
        path.push(name);
        Self::checked(path)
    }
}

impl FromStr for RelativePath {
    type Err = WorkspaceError;

    fn from_str(text: &str) -> Result<Self, WorkspaceError> {
        Self::from_os(OsStr::new(text))
    }
}

impl fmt::Display for RelativePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(self.0.as_bytes()))
    }
}

impl fmt::Debug for RelativePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The rule that these bytes break, if there is one.
pub(super) fn broken_rule(path: &[u8]) -> Option<&'static str> {
    if path.is_empty() {
        return Some("it is empty");
    }
    if path.len() > LONGEST_PATH {
        return Some("it is longer than 4095 bytes");
    }
    if path.starts_with(b"/") {
        return Some("it is absolute");
    }
    if path.contains(&0) {
        return Some("it has a NUL");
    }
    path.split(|byte| *byte == b'/').find_map(|name| match name {
        b"" => Some("one of its names is empty"),
        b"." => Some("one of its names is `.`"),
        b".." => Some("one of its names is `..`"),
        name if name.len() > LONGEST_NAME => Some("one of its names is longer than 255 bytes"),
        _ => None,
    })
}

/// A path for a person: control characters and what is not UTF-8 escaped, shortened.
pub(super) fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path).escape_debug().take(300).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_path_that_could_leave_its_folder_is_refused() {
        let long_name = "a".repeat(256);
        let long_path = "a/".repeat(2048) + "a";
        for (text, rule) in [
            ("", "it is empty"),
            ("/etc/passwd", "it is absolute"),
            ("/", "it is absolute"),
            ("..", "one of its names is `..`"),
            ("a/../../b", "one of its names is `..`"),
            ("./a", "one of its names is `.`"),
            ("a/./b", "one of its names is `.`"),
            ("a//b", "one of its names is empty"),
            ("a/", "one of its names is empty"),
            ("a\0b", "it has a NUL"),
            (&long_name, "one of its names is longer than 255 bytes"),
            (&long_path, "it is longer than 4095 bytes"),
        ] {
            let error = text.parse::<RelativePath>().unwrap_err();
            assert!(error.to_string().ends_with(rule), "{error}");
        }
    }

    #[test]
    fn strange_names_that_linux_allows_are_kept() {
        for bytes in [&b"a b"[..], b"...", b"..a", b"a\nb", b"a\\b", b"\xff\xfe/x", "ä/ö".as_bytes(), b"-rf", b"a*"] {
            let path = RelativePath::from_os(OsStr::from_bytes(bytes)).unwrap();
            assert_eq!(path.as_path().as_os_str().as_bytes(), bytes);
        }
    }

    #[test]
    fn a_name_cannot_forge_a_line_of_output() {
        let path: RelativePath = "a\nerror: x\u{1b}[2J".parse().unwrap();
        assert_eq!(path.to_string(), "a\\nerror: x\\u{1b}[2J");
    }

    #[test]
    fn a_path_splits_into_folder_and_name() {
        let path: RelativePath = "a/b/c".parse().unwrap();
        let (parent, name) = path.split();
        assert_eq!((parent.unwrap().to_string(), name), ("a/b".to_owned(), OsStr::new("c")));
        assert_eq!("a".parse::<RelativePath>().unwrap().split(), (None, OsStr::new("a")));
    }

    proptest! {
        #[test]
        fn an_accepted_path_never_climbs(text in "[a./\\\\]{0,12}") {
            if let Ok(path) = text.parse::<RelativePath>() {
                prop_assert!(path.as_path().components().all(|part| matches!(part, std::path::Component::Normal(_))));
                prop_assert_eq!(path.names().count(), path.as_path().components().count());
                let joined = Path::new("/root").join(path.as_path());
                prop_assert!(joined.starts_with("/root") && joined != Path::new("/root"));
            }
        }

        #[test]
        fn any_bytes_are_either_refused_or_kept(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(path) = RelativePath::from_os(OsStr::from_bytes(&bytes)) {
                prop_assert_eq!(path.as_path().as_os_str().as_bytes(), &bytes[..]);
                prop_assert!(!bytes.contains(&0));
            }
        }
    }
}
