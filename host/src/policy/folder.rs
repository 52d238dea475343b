//! Folders: those of a run, by the name under which a plugin finds them, and those of this machine, by their path.

use std::{fmt, path::Path, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{protected, purpose::Purpose};

/// One folder, and what the plugin does there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderAsk {
    /// Which.
    pub path: FolderName,
    /// How.
    pub access: Access,
    /// Why.
    pub purpose: Purpose,
}

/// What may be done in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// List and read.
    Read,
    /// List, read, create, change and remove.
    Write,
}

/// A folder that can be asked for and granted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum FolderName {
    /// A folder of the run.
    Run(Folder),
    /// A folder of this machine, under its own path.
    Machine(MachineFolder),
}

/// A folder of a run, by the name under which a plugin finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Folder {
    /// Where the command runs.
    #[serde(rename = "/workspace")]
    Workspace,
    /// The sources of what is launched; never writable.
    #[serde(rename = "/source")]
    Source,
    /// What `build-env` makes.
    #[serde(rename = "/env")]
    Env,
    /// What the run leaves behind.
    #[serde(rename = "/output")]
    Output,
    /// The plugin's own, kept across runs.
    #[serde(rename = "/state")]
    State,
    /// Inputs placed beside the workspace; never writable.
    #[serde(rename = "/assets")]
    Assets,
}

/// A folder of this machine: an absolute path with one spelling, outside of what belongs to the system and to the user's keys.
///
/// Whether it exists, and whether it is a link, is for whoever opens it to say.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MachineFolder(String);

impl Folder {
    /// Every folder.
    pub const ALL: [Self; 6] = [Self::Workspace, Self::Source, Self::Env, Self::Output, Self::State, Self::Assets];

    /// The guest path.
    #[must_use]
    pub const fn guest_path(self) -> &'static str {
        match self {
            Self::Workspace => "/workspace",
            Self::Source => "/source",
            Self::Env => "/env",
            Self::Output => "/output",
            Self::State => "/state",
            Self::Assets => "/assets",
        }
    }

    /// The most that may be granted.
    #[must_use]
    pub const fn most(self) -> Access {
        match self {
            Self::Source | Self::Assets => Access::Read,
            Self::Workspace | Self::Env | Self::Output | Self::State => Access::Write,
        }
    }
}

impl Access {
    /// Its word in asks and grants.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

impl FolderName {
    /// The most that may be granted.
    #[must_use]
    pub fn most(&self) -> Access {
        match self {
            Self::Run(folder) => folder.most(),
            Self::Machine(folder) => folder.most(),
        }
    }
}

impl MachineFolder {
    /// The path.
    #[must_use]
    pub fn path(&self) -> &Path {
        Path::new(&self.0)
    }

    /// The path, as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `path` is this folder or lies in it. Whole names are compared: `/data/out` has nothing to do with `/data/out-evil`.
    #[must_use]
    pub fn covers(&self, path: &Path) -> bool {
        path.starts_with(self.path())
    }

    /// The most that may be granted: nobody writes where the system keeps its programs.
    #[must_use]
    pub fn most(&self) -> Access {
        if protected::holds_programs(self.path()) { Access::Read } else { Access::Write }
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.guest_path())
    }
}

impl fmt::Display for MachineFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for FolderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(folder) => folder.fmt(f),
            Self::Machine(folder) => folder.fmt(f),
        }
    }
}

impl From<Folder> for FolderName {
    fn from(folder: Folder) -> Self {
        Self::Run(folder)
    }
}

impl FromStr for FolderName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match Folder::ALL.into_iter().find(|folder| folder.guest_path() == text) {
            Some(folder) => Ok(Self::Run(folder)),
            None => text.parse().map(Self::Machine),
        }
    }
}

impl FromStr for MachineFolder {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match broken_rule(text) {
            Some(rule) => Err(format!("`{}` cannot be asked for or granted: {rule}", text.escape_debug().take(200).collect::<String>())),
            None => Ok(Self(text.to_owned())),
        }
    }
}

impl TryFrom<String> for MachineFolder {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<MachineFolder> for String {
    fn from(folder: MachineFolder) -> Self {
        folder.0
    }
}

impl TryFrom<String> for FolderName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<FolderName> for String {
    fn from(folder: FolderName) -> Self {
        folder.to_string()
    }
}

/// Longest path and longest name in it, in bytes, as on every Linux (`PATH_MAX`, `NAME_MAX`).
const LONGEST: (usize, usize) = (4_095, 255);

/// Why a text is no folder of this machine.
fn broken_rule(text: &str) -> Option<String> {
    let rule = |rule: &str| Some(rule.to_owned());
    if text.is_empty() {
        return rule("it is empty");
    }
    if text.contains(misleads) {
        return rule("it has a character that cannot be seen or that changes how the others are read");
    }
    if text.starts_with('~') {
        return rule("`~` is a word of the shell; write the whole path");
    }
    if text.contains(['*', '?']) {
        return rule("it is a pattern; name each folder");
    }
    let Some(inside) = text.strip_prefix('/') else { return rule("it does not begin with `/`") };
    if inside.is_empty() {
        return rule("it is the whole machine");
    }
    if inside.ends_with('/') {
        return rule("it ends with `/`");
    }
    for name in inside.split('/') {
        match name {
            "" => return rule("it has `//` in it"),
            "." | ".." => return Some(format!("it has `{name}` in it")),
            name if name.len() > LONGEST.1 => return Some(format!("a name in it has more than {} bytes", LONGEST.1)),
            _ => {}
        }
    }
    if text.len() > LONGEST.0 {
        return Some(format!("it has more than {} bytes", LONGEST.0));
    }
    let path = Path::new(text);
    let of_run = Folder::ALL.into_iter().find(|folder| path.starts_with(folder.guest_path()));
    if let Some(folder) = of_run {
        return Some(format!("`{folder}` is a folder of the run, which is asked for and granted whole"));
    }
    protected::of_the_system(path)
}

/// Whether a character hides or turns around what stands beside it.
fn misleads(c: char) -> bool {
    let unseen =
        matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
    c.is_control() || unseen || matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(text: &str) -> String {
        let error = text.parse::<FolderName>().unwrap_err();
        error.rsplit_once("granted: ").map(|(_, rule)| rule.to_owned()).unwrap_or(error)
    }

    /// MA02
    #[test]
    fn what_is_more_or_less_than_one_folder_is_refused_with_the_reason() {
        for (text, rule) in [
            ("", "it is empty"),
            ("/", "it is the whole machine"),
            ("*", "it is a pattern; name each folder"),
            ("**", "it is a pattern; name each folder"),
            ("/data/*", "it is a pattern; name each folder"),
            ("~", "`~` is a word of the shell; write the whole path"),
            ("~/data", "`~` is a word of the shell; write the whole path"),
            ("data", "it does not begin with `/`"),
            ("./data", "it does not begin with `/`"),
            ("/data/../etc", "it has `..` in it"),
            ("/data/..", "it has `..` in it"),
            ("/./data", "it has `.` in it"),
            ("//data", "it has `//` in it"),
            ("/data//sets", "it has `//` in it"),
            ("/data/", "it ends with `/`"),
            ("//", "it ends with `/`"),
            ("/workspace/x", "`/workspace` is a folder of the run, which is asked for and granted whole"),
        ] {
            assert_eq!(refused(text), rule, "{text}");
        }
        for text in ["/da\0ta", "/da\nta", "/da\x1b[31mta", "/da\u{202e}ta", "/da\u{200b}ta", "/\u{feff}data"] {
            assert!(refused(text).starts_with("it has a character that cannot be seen"), "{text:?}");
        }
        assert!(refused(&format!("/data/{}", "a".repeat(256))).contains("255 bytes"));
        assert!(refused(&"/abcdefg".repeat(600)).contains("4095 bytes"));
        assert_eq!("/workspace".parse(), Ok(FolderName::Run(Folder::Workspace)));
        for good in ["/data", "/data/sets", "/home/ada/data sets", "/mnt/grün/東京", "/scratch/a.b-c_d/..."] {
            assert!(matches!(good.parse(), Ok(FolderName::Machine(_))), "{good}");
        }
    }

    /// FS07
    #[test]
    fn a_folder_covers_what_is_in_it_and_nothing_that_only_begins_like_it() {
        let folder: MachineFolder = "/data/out".parse().unwrap();
        for inside in ["/data/out", "/data/out/x", "/data/out/x/y"] {
            assert!(folder.covers(Path::new(inside)), "{inside}");
        }
        for outside in ["/data/out-evil", "/data/ou", "/data", "/", "/data/out-evil/x", "data/out"] {
            assert!(!folder.covers(Path::new(outside)), "{outside}");
        }
    }

    proptest! {
        #[test]
        fn what_is_accepted_has_one_spelling(text in "[/a-z.*~ ]{0,12}") {
            if let Ok(folder) = text.parse::<MachineFolder>() {
                let names: Vec<_> = folder.path().components().map(|name| name.as_os_str().to_str().unwrap()).collect();
                prop_assert_eq!(format!("/{}", names[1..].join("/")), text, "no other text means the same folder");
                prop_assert!(names.len() > 1 && !names.contains(&".."));
            }
        }

        #[test]
        fn a_longer_name_is_another_folder(name in "[a-z]{1,8}", more in "[a-z.-]{1,4}") {
            let folder: MachineFolder = format!("/data/{name}").parse().unwrap();
            let (longer, below) = (format!("/data/{name}{more}"), format!("/data/{name}/x{more}"));
            prop_assert!(!folder.covers(Path::new(&longer)));
            prop_assert!(folder.covers(Path::new(&below)));
        }

        #[test]
        fn any_text_is_read_or_refused(text: String) {
            let _ = text.parse::<FolderName>();
        }
    }
}
