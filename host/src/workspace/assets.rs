//! Inputs that lie beside a workspace, or are copied into it.

use std::{
    fmt, fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use rustix::fs::{FileType, Mode, fchmod};

use super::{
    HardLinks, RelativePath, Root, WorkspaceError,
    archive::{UnpackLimits, unpack},
    contents::ContentLimits,
};
use crate::{
    names::{Bytes, Digest},
    policy::SecretName,
};

/// An input of a run, by a name that its settings can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// Its name.
    pub name: String,
    /// Where it comes from.
    pub source: AssetSource,
    /// Where it lies among the assets, or in the workspace.
    pub save_path: RelativePath,
    /// What its bytes have to be.
    pub sha256: Option<Digest>,
}

/// Where an asset comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AssetSource {
    /// A file of the project.
    File(Inside),
    /// A folder of the project.
    Folder(Inside),
    /// A tar archive of the project, which becomes a folder.
    Archive(Inside),
    /// A file that the host fetches.
    Url(AssetUrl),
    /// A secret of the user, as a file.
    Secret(SecretName),
}

/// Something in a folder, reached without leaving it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inside {
    /// The folder of the file that names it.
    pub folder: PathBuf,
    /// Where it lies in there.
    pub path: RelativePath,
}

/// A URL. Its query may be a signature, which is as good as a password: it is in no output and in no file.
#[derive(Clone, PartialEq, Eq)]
pub struct AssetUrl(String);

/// The most that one asset may be. Stops a link that was mistyped from filling the disk.
pub const LARGEST_ASSET: Bytes = Bytes::gibi(16);

/// Where assets lie for the tests of an evaluation, in the workspace.
pub const TESTS: &str = ".evaluation_tests/assets";

impl AssetUrl {
    /// Of this text.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The whole text, to be used and not to be shown.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Without what stands after `?`.
impl fmt::Display for AssetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.split(['?', '#']).next().unwrap_or_default();
        f.write_str(shown)?;
        if shown.len() < self.0.len() { f.write_str("?...") } else { Ok(()) }
    }
}

impl fmt::Debug for AssetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Asset {
    /// Whether what it names in the project is there, and is what it should be.
    pub fn check(&self) -> Result<(), WorkspaceError> {
        match &self.source {
            AssetSource::File(inside) | AssetSource::Archive(inside) => {
                Root::open(&inside.folder)?.open_file(&inside.path, HardLinks::Refuse).map(|_| ())
            }
            AssetSource::Folder(inside) => Root::open(&inside.folder)?.open_dir(&inside.path).map(|_| ()),
            AssetSource::Url(_) | AssetSource::Secret(_) => Ok(()),
        }
        .map_err(|cause| self.failed(cause))
    }

    /// Put a file, a folder or what is in an archive of the project into `target`. May be done again: what is there is replaced. Nothing is done for the others,
    /// whose bytes come from elsewhere.
    pub fn place(&self, target: &Root) -> Result<(), WorkspaceError> {
        let placed = match &self.source {
            AssetSource::File(inside) => Root::open(&inside.folder).and_then(|source| self.copy(&source, &inside.path, target)),
            AssetSource::Folder(inside) => Root::open(&inside.folder)
                .and_then(|source| source.open_dir(&inside.path))
                .and_then(|source| merge(&source, target, &self.save_path)),
            AssetSource::Archive(inside) => Root::open(&inside.folder).and_then(|source| self.unpack(&source, &inside.path, target)),
            AssetSource::Url(_) | AssetSource::Secret(_) => Ok(()),
        };
        placed.map_err(|cause| self.failed(cause))
    }

    /// Put the file at `path` in `source` into `target`, if it is what this asset should be.
    pub fn place_file(&self, source: &Root, path: &RelativePath, target: &Root) -> Result<(), WorkspaceError> {
        self.copy(source, path, target).map_err(|cause| self.failed(cause))
    }

    /// Put bytes into `target` that only the user may read.
    pub fn place_private(&self, bytes: &[u8], target: &Root) -> Result<(), WorkspaceError> {
        let placed = target.replace(&self.save_path, 0o600).and_then(|(replacement, mut file)| {
            file.write_all(bytes).map_err(|cause| target.system("write", &self.save_path, cause))?;
            replacement.commit()
        });
        placed.map_err(|cause| self.failed(cause))
    }

    /// The same asset for the tests of an evaluation: in the workspace, in the folder that no snapshot shows.
    pub fn for_tests(&self) -> Result<Self, WorkspaceError> {
        let save_path = RelativePath::from_os(Path::new(TESTS).join(self.save_path.as_path()).as_os_str())?;
        Ok(Self { save_path, ..self.clone() })
    }

    /// The variable that tells tests where the asset is: `WORLDFLUX_ASSET_TRAIN_CSV` for `train.csv`.
    #[must_use]
    pub fn variable(&self) -> String {
        let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
        format!("WORLDFLUX_ASSET_{}", self.name.chars().map(letter).collect::<String>())
    }

    fn copy(&self, source: &Root, path: &RelativePath, target: &Root) -> Result<(), WorkspaceError> {
        self.compare(source, path)?;
        source.copy_out(path, target, &self.save_path, LARGEST_ASSET).map(|_| ())
    }

    /// Whether it is what it should be. Asked before anything is replaced: what is not meant is not placed.
    fn compare(&self, source: &Root, path: &RelativePath) -> Result<(), WorkspaceError> {
        let Some(expected) = self.sha256 else { return Ok(()) };
        let found = source.measure(path, LARGEST_ASSET)?.sha256;
        if found == expected { Ok(()) } else { Err(WorkspaceError::OtherContent { path: path.to_string(), found, expected }) }
    }

    /// Unpack an archive into a folder of `target`, beside what is there.
    fn unpack(&self, source: &Root, path: &RelativePath, target: &Root) -> Result<(), WorkspaceError> {
        self.compare(source, path)?;
        let archive = source.open_file(path, HardLinks::Refuse)?;
        let folder = target.create_dir_all(&self.save_path)?;
        unpack(archive, &folder, UnpackLimits::default()).map(|_| ())
    }

    fn failed(&self, cause: WorkspaceError) -> WorkspaceError {
        WorkspaceError::Asset { name: self.name.clone(), cause: Box::new(cause) }
    }
}

/// Copy what is in `source` into a folder of `target`, beside what is there. A link in it is an error: what it means here it may not mean there.
fn merge(source: &Root, target: &Root, save_path: &RelativePath) -> Result<(), WorkspaceError> {
    target.create_dir_all(save_path)?;
    every(source, &mut |path, kind| {
        let to: RelativePath = RelativePath::from_os(save_path.as_path().join(path.as_path()).as_os_str())?;
        match kind {
            FileType::Directory => target.create_dir_all(&to).map(|_| ()),
            // Anything else says itself what it is.
            _ => source.copy_out(path, target, &to, LARGEST_ASSET).map(|_| ()),
        }
    })
}

impl Root {
    /// Take the right to change anything in the folder from everybody, its owner included. For what is read only where nothing else sees to it.
    pub fn seal(&self) -> Result<(), WorkspaceError> {
        let mut folders = vec![];
        every(self, &mut |path, kind| {
            match kind {
                FileType::Directory => {
                    folders.push(path.clone());
                    return Ok(());
                }
                // Nothing can be written through its own name, and what it leads to is sealed where it lies.
                FileType::Symlink => return Ok(()),
                _ => {}
            }
            let file = self.open_file(path, HardLinks::Refuse)?;
            let failed = |cause| self.system("seal", path, cause);
            let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o555;
            file.set_permissions(fs::Permissions::from_mode(mode)).map_err(failed)
        })?;
        for path in folders {
            let folder = self.open_dir(&path)?;
            fchmod(folder.folder(), Mode::from_raw_mode(0o555)).map_err(|errno| self.error("seal", &path, errno))?;
        }
        Ok(())
    }
}

/// Everything below `root`, folders before what is in them.
fn every(root: &Root, visit: &mut impl FnMut(&RelativePath, FileType) -> Result<(), WorkspaceError>) -> Result<(), WorkspaceError> {
    let limits = ContentLimits::default();
    let mut seen = 0;
    let mut pending = vec![(None, 0_usize)];
    while let Some((folder, level)) = pending.pop() {
        for (path, kind) in root.list(folder.as_ref(), &mut seen, limits.names)? {
            visit(&path, kind)?;
            if kind != FileType::Directory {
                continue;
            }
            if level >= limits.levels {
                return Err(root.too_many("folders in folders", limits.levels));
            }
            pending.push((Some(path), level + 1));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asset(folder: &Path, source: fn(Inside) -> AssetSource, path: &str) -> Asset {
        let path: RelativePath = path.parse().unwrap();
        let inside = Inside { folder: folder.to_owned(), path: path.clone() };
        Asset { name: "the.data".into(), source: source(inside), save_path: path, sha256: None }
    }

    /// F167, F168, F169, F213, X70
    #[test]
    fn an_asset_lies_for_tests_where_no_snapshot_shows_it_and_can_be_sealed() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("tree/deep")).unwrap();
        fs::write(place.path().join("tree/deep/f.csv"), "1").unwrap();
        fs::create_dir(place.path().join("w")).unwrap();
        let root = Root::open(&place.path().join("w")).unwrap();
        for (source, path, file) in [
            (AssetSource::File as fn(Inside) -> AssetSource, "tree/deep/f.csv", "tree/deep/f.csv"),
            (AssetSource::Folder, "tree", "tree/deep/f.csv"),
        ] {
            let asset = asset(place.path(), source, path).for_tests().unwrap();
            asset.check().unwrap();
            asset.place(&root).unwrap();
            asset.place(&root).unwrap();
            assert_eq!(fs::read_to_string(root.path().join(TESTS).join(file)).unwrap(), "1");
            assert!(asset.variable().ends_with("ASSET_THE_DATA"));
        }
        root.seal().unwrap();
        for (path, mode) in [("tree/deep/f.csv", 0o444), ("tree/deep", 0o555)] {
            let found = fs::metadata(root.path().join(TESTS).join(path)).unwrap().permissions().mode() & 0o777;
            assert_eq!(found, mode, "{path}");
        }
        assert_eq!(root.empty(), []);
    }

    /// F214
    #[test]
    fn a_signature_in_a_url_is_never_shown() {
        for (url, shown) in
            [("https://a.b/c?sig=x", "https://a.b/c?..."), ("https://a.b/c#x", "https://a.b/c?..."), ("https://a.b/c", "https://a.b/c")]
        {
            let url = AssetUrl::new(url.into());
            assert_eq!((url.to_string().as_str(), format!("{url:?}").as_str()), (shown, shown));
        }
    }

    /// F210, X54
    #[test]
    fn an_asset_that_is_not_there_or_is_something_else_says_its_name() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("folder")).unwrap();
        fs::write(place.path().join("file"), "x").unwrap();
        std::os::unix::fs::symlink("/etc", place.path().join("link")).unwrap();
        for (source, path) in [
            (AssetSource::File as fn(Inside) -> AssetSource, "none"),
            (AssetSource::File, "folder"),
            (AssetSource::File, "link/hostname"),
            (AssetSource::Folder, "file"),
            (AssetSource::Folder, "link"),
        ] {
            let error = asset(place.path(), source, path).check().unwrap_err();
            assert!(error.to_string().starts_with("asset `the.data`: "), "{error}");
        }
        let mut asset = asset(place.path(), AssetSource::File, "file");
        asset.sha256 = Some(Digest::of(b"y"));
        let error = asset.place(&Root::open(&place.path().join("folder")).unwrap()).unwrap_err();
        assert!(error.to_string().contains("and should have"), "{error}");
        assert!(!place.path().join("folder/file").exists());
    }
}
