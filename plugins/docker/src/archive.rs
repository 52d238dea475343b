//! The folder that an image is built from, as an archive (POSIX.1-1988 ustar, with the long names of GNU), and its digest.
//!
//! Files are sent while they are read and never lie whole in memory. A component does not see who may execute a file, so everybody may execute
//! all of them, as in an archive that docker makes on a system without such rights.

use std::{
    collections::BTreeMap,
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};
use worldflux_plugin::{AtPath as _, Cause, Failure, http::Content};

use crate::settings::WORKSPACE;

const BLOCK: usize = 512;

/// Entries of one archive. Stops a folder of generated files from holding up a run; such a folder belongs into `.dockerignore`.
const MOST: usize = 100_000;

/// The deepest folder.
const DEEPEST: usize = 64;

/// What an image is built from.
pub(crate) struct Archive {
    /// Of every name, kind and content.
    pub(crate) digest: String,
    /// Where the Dockerfile is in it.
    pub(crate) dockerfile: String,
    pub(crate) content: Vec<Content>,
}

/// One entry.
enum Entry {
    Folder,
    File(PathBuf, u64),
    Link(String),
}

/// The folder `folder` of the workspace without what its `.dockerignore` leaves out, and the Dockerfile `file`, which may lie elsewhere in the
/// workspace.
pub(crate) fn of(folder: &str, file: &str) -> Result<Archive, Failure> {
    of_folder(Path::new(WORKSPACE), folder, file)
}

fn of_folder(workspace: &Path, folder: &str, file: &str) -> Result<Archive, Failure> {
    let root = workspace.join(folder);
    let path = workspace.join(file);
    if !path.is_file() {
        return Err(Failure::invalid("settings.dockerfile", file, "a file in the workspace"));
    }
    if !root.is_dir() {
        return Err(Failure::invalid("settings.context", folder, "a folder in the workspace"));
    }
    let inside = path.strip_prefix(&root).ok().and_then(Path::to_str).map(str::to_owned);
    let ignored = Ignored::read(&root)?;
    let mut entries = BTreeMap::new();
    walk(&root, "", &ignored, 0, &mut entries)?;
    let size = path.metadata().at(&path)?.len();
    // Sent whatever is left out: nothing can be built without it.
    let dockerfile = inside.unwrap_or_else(|| "Dockerfile.worldflux".to_owned());
    entries.insert(dockerfile.clone(), Entry::File(path, size));
    let (digest, content) = pack(&entries)?;
    Ok(Archive { digest, dockerfile, content })
}

/// An archive of one text.
pub(crate) fn of_text(name: &str, text: &str) -> Vec<Content> {
    let mut bytes = head(name, b'0', text.len() as u64, "");
    bytes.extend_from_slice(text.as_bytes());
    bytes.extend(padding(text.len() as u64));
    bytes.extend([0; 2 * BLOCK]);
    vec![Content::Bytes(bytes)]
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from(if half < 10 { b'0' + half } else { b'a' + half - 10 });
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn walk(folder: &Path, prefix: &str, ignored: &Ignored, depth: usize, entries: &mut BTreeMap<String, Entry>) -> Result<(), Failure> {
    if depth > DEEPEST {
        return Err(Failure::invalid("settings.context", prefix, format!("folders at most {DEEPEST} deep")));
    }
    for entry in fs::read_dir(folder).at(folder)? {
        let entry = entry.at(folder)?;
        let path = entry.path();
        let Ok(name) = entry.file_name().into_string() else {
            return Err(Failure::invalid("settings.context", path.display(), "names that are UTF-8"));
        };
        let name = format!("{prefix}{name}");
        let status = fs::symlink_metadata(&path).at(&path)?;
        let is_ignored = ignored.takes(&name);
        if status.is_dir() {
            if !is_ignored {
                entries.insert(format!("{name}/"), Entry::Folder);
            }
            if !is_ignored || ignored.has_exceptions {
                walk(&path, &format!("{name}/"), ignored, depth + 1, entries)?;
            }
        } else if is_ignored {
        } else if status.is_file() {
            entries.insert(name, Entry::File(path, status.len()));
        } else if status.is_symlink() {
            let target = fs::read_link(&path).at(&path)?;
            entries.insert(name, Entry::Link(target.to_string_lossy().into_owned()));
        }
        if entries.len() > MOST {
            let message = format!("the folder to build from has more than {MOST} files");
            return Err(Failure::new(Cause::Quota, message).hint("leave out what is not needed with a `.dockerignore`"));
        }
    }
    Ok(())
}

fn pack(entries: &BTreeMap<String, Entry>) -> Result<(String, Vec<Content>), Failure> {
    let mut digest = Sha256::new();
    let mut content = Vec::new();
    let mut bytes = Vec::new();
    for (name, entry) in entries {
        digest.update((name.len() as u64).to_le_bytes());
        digest.update(name);
        match entry {
            Entry::Folder => bytes.extend(head(name, b'5', 0, "")),
            Entry::Link(target) => {
                digest.update(format!("->{}:{target}", target.len()));
                bytes.extend(head(name, b'2', 0, target));
            }
            Entry::File(path, size) => {
                digest.update(size.to_le_bytes());
                add_file(&mut digest, path)?;
                bytes.extend(head(name, b'0', *size, ""));
                content.extend([Content::Bytes(std::mem::take(&mut bytes)), Content::File(path.clone())]);
                bytes.extend(padding(*size));
            }
        }
    }
    bytes.extend([0; 2 * BLOCK]);
    content.push(Content::Bytes(bytes));
    Ok((hex(&digest.finalize()), content))
}

fn add_file(digest: &mut Sha256, path: &Path) -> Result<(), Failure> {
    let mut file = fs::File::open(path).at(path)?;
    let mut piece = vec![0; 64 << 10];
    loop {
        let read = file.read(&mut piece).at(path)?;
        match piece.get(..read) {
            Some(bytes) if !bytes.is_empty() => digest.update(bytes),
            _ => return Ok(()),
        }
    }
}

/// The blocks in front of the content of an entry.
fn head(name: &str, kind: u8, size: u64, target: &str) -> Vec<u8> {
    let mut blocks = Vec::new();
    for (long, kind) in [(name, b'L'), (target, b'K')] {
        if long.len() > 100 {
            // Such names stand in an entry of their own, with a zero behind them.
            blocks.extend(block("././@LongLink", kind, long.len() as u64 + 1, ""));
            blocks.extend_from_slice(long.as_bytes());
            blocks.push(0);
            blocks.extend(padding(long.len() as u64 + 1));
        }
    }
    blocks.extend(block(name, kind, size, target));
    blocks
}

fn block(name: &str, kind: u8, size: u64, target: &str) -> Vec<u8> {
    let mut block = Vec::with_capacity(BLOCK);
    let field = |block: &mut Vec<u8>, bytes: &[u8], width: usize| {
        block.extend(bytes.iter().copied().chain(std::iter::repeat(0)).take(width));
    };
    field(&mut block, name.as_bytes().get(..100).unwrap_or(name.as_bytes()), 100);
    field(&mut block, b"0000755", 8);
    field(&mut block, b"0000000", 8);
    field(&mut block, b"0000000", 8);
    if size < 1 << 33 {
        field(&mut block, format!("{size:011o}").as_bytes(), 12);
    } else {
        // Larger than eleven octal digits: in base 256, as GNU does.
        block.extend([0x80, 0, 0, 0]);
        block.extend(size.to_be_bytes());
    }
    field(&mut block, b"00000000000", 12);
    // The sum is made with blanks in its own place.
    field(&mut block, b"        ", 8);
    block.push(kind);
    field(&mut block, target.as_bytes().get(..100).unwrap_or(target.as_bytes()), 100);
    field(&mut block, b"ustar\x0000", 8);
    field(&mut block, b"", BLOCK - 265);
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block.splice(148..156, format!("{sum:06o}\0 ").into_bytes());
    block
}

/// Zeros up to the next block.
fn padding(size: u64) -> impl Iterator<Item = u8> {
    let rest = usize::try_from(size % BLOCK as u64).unwrap_or_default();
    std::iter::repeat_n(0, (BLOCK - rest) % BLOCK)
}

/// What `.dockerignore` leaves out.
#[derive(Debug, Default)]
struct Ignored {
    /// Patterns in their order, each with whether it takes out or puts back.
    patterns: Vec<(String, bool)>,
    has_exceptions: bool,
}

impl Ignored {
    fn read(root: &Path) -> Result<Self, Failure> {
        let path = root.join(".dockerignore");
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Self::parse(&text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).at(&path),
        }
    }

    fn parse(text: &str) -> Self {
        let mut ignored = Self::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (pattern, takes_out) = line.strip_prefix('!').map_or((line, true), |rest| (rest.trim(), false));
            let pattern = pattern.trim_start_matches("./").trim_matches('/');
            if !pattern.is_empty() {
                ignored.patterns.push((pattern.to_owned(), takes_out));
                ignored.has_exceptions |= !takes_out;
            }
        }
        ignored
    }

    /// Whether the entry of this name is left out: the last pattern that speaks of it, or of a folder that it is in, decides.
    fn takes(&self, name: &str) -> bool {
        let ends = name.match_indices('/').map(|(at, _)| at).chain([name.len()]);
        let folders: Vec<&str> = ends.filter_map(|end| name.get(..end)).collect();
        let speaks = |pattern: &str| folders.iter().any(|folder| fast_glob::glob_match(pattern, folder));
        self.patterns.iter().rfind(|(pattern, _)| speaks(pattern)).is_some_and(|(_, takes_out)| *takes_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{io::Write as _, os::unix::fs::symlink, process::Command};

    fn project() -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = place.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("Dockerfile", "FROM scratch\n");
        write("src/a.txt", "alpha");
        write("src/skip/b.log", "b");
        write(&format!("long/{}/c", "x".repeat(150)), "c");
        symlink("a.txt", place.path().join("src/link")).unwrap();
        place
    }

    /// What `tar` lists of it.
    fn listed(archive: &Archive) -> Vec<String> {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("x.tar");
        let mut file = fs::File::create(&path).unwrap();
        for part in &archive.content {
            match part {
                Content::Bytes(bytes) => file.write_all(bytes).unwrap(),
                Content::File(path) => file.write_all(&fs::read(path).unwrap()).unwrap(),
            }
        }
        let output = Command::new("tar").args(["-tf"]).arg(&path).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn tar_reads_the_archive() {
        let place = project();
        let archive = of_folder(place.path(), "", "Dockerfile").unwrap();
        let names = listed(&archive);
        assert!(names.contains(&"src/link".to_owned()) && names.contains(&"src/".to_owned()), "{names:?}");
        assert!(names.iter().any(|name| name.len() > 150 && name.ends_with("/c")));
        assert_eq!(archive.dockerfile, "Dockerfile");
    }

    #[test]
    fn the_digest_is_that_of_names_and_content_and_not_of_times() {
        let place = project();
        let digest = || of_folder(place.path(), "", "Dockerfile").unwrap().digest;
        let first = digest();
        fs::write(place.path().join("src/a.txt"), "alpha").unwrap();
        assert_eq!(digest(), first);
        fs::write(place.path().join("src/a.txt"), "alphb").unwrap();
        assert_ne!(digest(), first);
    }

    #[test]
    fn what_dockerignore_names_is_left_out_and_what_it_puts_back_is_not() {
        let ignored = Ignored::parse("# x\n*.log\nsrc/skip\n**/node_modules\n!src/skip/keep\n/top\n");
        for (name, left_out) in [
            ("a.log", true),
            ("src/a.log", false),
            ("src/skip", true),
            ("src/skip/b", true),
            ("src/skip/keep", false),
            ("a/node_modules/x", true),
            ("top/x", true),
            ("x/top", false),
        ] {
            assert_eq!(ignored.takes(name), left_out, "{name}");
        }
        let place = project();
        fs::write(place.path().join(".dockerignore"), "src\nDockerfile\n").unwrap();
        let names = listed(&of_folder(place.path(), "", "Dockerfile").unwrap());
        assert!(!names.iter().any(|name| name.starts_with("src")) && names.contains(&"Dockerfile".to_owned()));
    }

    #[test]
    fn a_dockerfile_beside_its_folder_is_sent_as_well() {
        let place = project();
        let archive = of_folder(place.path(), "src", "Dockerfile").unwrap();
        assert_eq!(archive.dockerfile, "Dockerfile.worldflux");
        assert!(listed(&archive).contains(&"a.txt".to_owned()));
        assert!(of_folder(place.path(), "", "nothing").is_err() && of_folder(place.path(), "nothing", "Dockerfile").is_err());
    }

    #[test]
    fn a_text_is_an_archive_of_whole_blocks() {
        let Some(Content::Bytes(bytes)) = of_text("Dockerfile", "FROM x\n").pop() else { panic!("bytes") };
        assert_eq!(bytes.len(), 4 * BLOCK);
    }
}
