//! Which folders a plugin may use.

use std::path::Path;

use super::super::{
    action::OpenFolder,
    denial::Denial,
    folder::{Access, Folder, FolderName, MachineFolder},
    permit::Permit,
    rights::Rights,
};

/// How the plugin may open a folder of the run; `None` where it asked for nothing there or nothing is granted.
#[must_use]
pub fn open_folder(rights: &Rights, folder: Folder) -> Option<Permit<OpenFolder>> {
    let name = FolderName::Run(folder);
    let asked: Option<Access> = rights.asks.folder.iter().filter(|ask| ask.path == name).map(|ask| ask.access).max();
    let access = asked?.min(rights.grants.access(folder)?).min(folder.most());
    Some(Permit::grant(OpenFolder { folder: name, access }))
}

/// How the plugin may use a path, as it sees it: by the folder of the run or of this machine that it begins with.
pub fn use_path(rights: &Rights, path: &str) -> Result<Permit<OpenFolder>, Denial> {
    let begins = |folder: &Folder| Path::new(path).starts_with(folder.guest_path());
    if let Some(folder) = Folder::ALL.into_iter().find(begins) {
        if let Some(permit) = open_folder(rights, folder) {
            return Ok(permit);
        }
        let asked = rights.asks.folder.iter().find(|ask| ask.path == FolderName::Run(folder));
        let cure = asked.map(|ask| rights.cure(&format!("--folder {folder}={}", ask.access.min(folder.most()).name())));
        return Err(no_folder(rights, path, cure.unwrap_or_default()));
    }
    let covering = rights.grants.machine_folders().filter(|(folder, _)| folder.covers(Path::new(path))).max_by_key(|(_, access)| *access);
    let (folder, access) = covering.ok_or_else(|| no_folder(rights, path, String::new()))?;
    Ok(Permit::grant(OpenFolder { folder: FolderName::Machine(folder.clone()), access }))
}

fn no_folder(rights: &Rights, path: &str, cure: String) -> Denial {
    let shown: String = path.escape_debug().take(200).collect();
    Denial { plugin: rights.plugin.to_string(), action: format!("use `{shown}`"), rule: "the folder is not granted".into(), cure }
}

/// The folders of this machine that the plugin may open. The user's grant is enough: a plugin cannot know where somebody's data is.
#[must_use]
pub fn open_machine_folders(rights: &Rights) -> Vec<Permit<OpenFolder>> {
    let open =
        |(folder, access): (&MachineFolder, Access)| Permit::grant(OpenFolder { folder: FolderName::Machine(folder.clone()), access });
    rights.grants.machine_folders().map(open).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{names::Digest, policy::Origin};

    fn rights(asks: &str, grants: &str) -> Rights {
        Rights {
            plugin: "test".parse().unwrap(),
            typed: "test".into(),
            origin: Origin::Bundled,
            digest: Digest::of(b""),
            asks: toml::from_str(asks).unwrap(),
            grants: toml::from_str(grants).unwrap(),
        }
    }

    #[test]
    fn a_folder_is_never_wider_than_ask_grant_and_kind() {
        let ask = |path: &str, access: &str| format!("[[folder]]\npath='{path}'\naccess='{access}'\npurpose='x'");
        let access = |asks: &str, grants: &str, folder| open_folder(&rights(asks, grants), folder).map(|p| p.action().access);
        let both = ask("/workspace", "write");
        assert_eq!(access(&both, "", Folder::Workspace), None);
        assert_eq!(access("", "folders = { '/workspace' = 'write' }", Folder::Workspace), None);
        assert_eq!(access(&both, "folders = { '/workspace' = 'read' }", Folder::Workspace), Some(Access::Read));
        assert_eq!(access(&both, "folders = { '/workspace' = 'write' }", Folder::Workspace), Some(Access::Write));
        assert_eq!(access(&ask("/source", "write"), "folders = { '/source' = 'write' }", Folder::Source), Some(Access::Read));
    }
}
