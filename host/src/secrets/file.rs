//! The file of secrets: in the user's configuration directory, for this user alone.
//!
//! It is also the index: a secret whose value is in the keyring stands here by its name, so that nobody has to ask the keyring for what was
//! never put there.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, File, Permissions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use rustix::{
    fs::{FlockOperation, OFlags, flock},
    process::geteuid,
};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use super::{SecretError, value::SecretValue};
use crate::policy::{SecretName, shell_word};

const NAME: &str = "secrets.toml";

const HEADER: &str =
    "# Secrets, each in base64 or, with `keyring = true`, in the keyring. Written by `worldflux secret`; for you alone.\n\n";

/// Bytes of the whole file. Stops a file that is none of ours from being read to its end.
const WHOLE: u64 = 64 << 20;

/// The file in one configuration directory.
#[derive(Debug, Clone)]
pub(super) struct SecretFile {
    folder: PathBuf,
}

/// Where one secret is.
#[derive(Debug, Clone)]
pub(super) enum Kept {
    /// Here.
    Here(SecretValue),
    /// In the keyring.
    Keyring,
}

/// The file as it is written.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Form {
    secret: BTreeMap<SecretName, Entry>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Entry {
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Encoded>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    keyring: bool,
}

/// A value in base64.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Encoded(String);

impl Drop for Encoded {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl SecretFile {
    pub(super) const fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Where it is.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.join(NAME)
    }

    /// What is in it; nothing where there is no file. Refused where somebody else could have read or written it.
    pub(super) fn load(&self) -> Result<BTreeMap<SecretName, Kept>, SecretError> {
        let path = self.path();
        let unreadable = |cause| SecretError::Unreadable { path: path.clone(), cause };
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let file = match File::options().read(true).custom_flags(flags).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(cause) => return Err(unreadable(cause)),
        };
        check(&path, &file.metadata().map_err(unreadable)?, 0o077)?;
        check(&self.folder, &fs::metadata(&self.folder).map_err(unreadable)?, 0o022)?;
        let mut text = Zeroizing::new(String::new());
        file.take(WHOLE).read_to_string(&mut text).map_err(unreadable)?;
        self.understand(&text)
    }

    /// What the text says. What is wrong with it is told by its line alone: the rest of the message of a parser is what stands there.
    fn understand(&self, text: &str) -> Result<BTreeMap<SecretName, Kept>, SecretError> {
        let broken = |line| SecretError::Broken { path: self.path(), line };
        let line_of = |at: usize| text.get(..at).map(|before| before.matches('\n').count() + 1);
        let form: Form = toml::from_str(text).map_err(|error| broken(error.span().and_then(|span| line_of(span.start))))?;
        let mut kept = BTreeMap::new();
        for (name, entry) in form.secret {
            let place = match (&entry.value, entry.keyring) {
                (Some(value), false) => {
                    let bytes = BASE64_STANDARD.decode(&value.0).map_err(|_| broken(None))?;
                    Kept::Here(SecretValue::new(&name, bytes)?)
                }
                (None, true) => Kept::Keyring,
                _ => return Err(broken(None)),
            };
            kept.insert(name, place);
        }
        Ok(kept)
    }

    /// Load, change and save, while no other `worldflux` does.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<SecretName, Kept>) -> T) -> Result<T, SecretError> {
        let _lock = self.lock()?;
        let mut kept = self.load()?;
        let answer = change(&mut kept);
        self.save(&kept)?;
        Ok(answer)
    }

    fn lock(&self) -> Result<File, SecretError> {
        let path = self.folder.join(".secrets.lock");
        let unwritable = |cause| SecretError::Unwritable { path: path.clone(), cause };
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).map_err(unwritable)?;
        let lock = File::options().create(true).append(true).mode(0o600).open(&path).map_err(unwritable)?;
        flock(&lock, FlockOperation::LockExclusive).map_err(|errno| unwritable(errno.into()))?;
        Ok(lock)
    }

    /// Write the file in one step.
    fn save(&self, kept: &BTreeMap<SecretName, Kept>) -> Result<(), SecretError> {
        let path = self.path();
        let unwritable = |cause| SecretError::Unwritable { path: path.clone(), cause };
        let entry = |place: &Kept| match place {
            Kept::Here(value) => Entry { value: Some(Encoded(BASE64_STANDARD.encode(value.reveal()))), keyring: false },
            Kept::Keyring => Entry { value: None, keyring: true },
        };
        let form = Form { secret: kept.iter().map(|(name, place)| (name.clone(), entry(place))).collect() };
        let text = toml::to_string(&form).map(Zeroizing::new).map_err(|_| unwritable(io::ErrorKind::InvalidData.into()))?;
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| unwritable(io::Error::other(error)))?;
        let part = path.with_file_name(format!(".secrets.{:016x}.part", u64::from_le_bytes(random)));
        let written = write_new(&part, &[HEADER, &text]).and_then(|()| fs::rename(&part, &path));
        written.map_err(|cause| {
            let _ = fs::remove_file(&part);
            unwritable(cause)
        })?;
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(unwritable)
    }
}

/// Whether a file or folder is the user's, or root's, and others can do nothing with it of what `others` forbids.
fn check(path: &Path, status: &fs::Metadata, others: u32) -> Result<(), SecretError> {
    let (user, mode) = (geteuid().as_raw(), status.mode() & 0o7777);
    let typed = shell_word(&path.display().to_string());
    let untrusted = |why: String, cure: String| Err(SecretError::Untrusted { path: path.to_owned(), why, cure });
    if status.uid() != user && status.uid() != 0 {
        return untrusted(
            format!("it belongs to user {}, and your secrets have to be your own", status.uid()),
            format!("chown {user} {typed}"),
        );
    }
    // In a folder with the sticky bit nobody can replace what belongs to somebody else.
    if mode & others != 0 && !(status.is_dir() && mode & 0o1000 != 0) {
        let (what, cure) = if others == 0o022 { ("write in", "go-w") } else { ("read or write", "600") };
        return untrusted(format!("others can {what} it (mode {mode:04o})"), format!("chmod {cure} {typed}"));
    }
    Ok(())
}

fn write_new(path: &Path, parts: &[&str]) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    for part in parts {
        file.write_all(part.as_bytes())?;
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Kept {
        Kept::Here(SecretValue::new(&"x".parse().unwrap(), text.into()).unwrap())
    }

    fn read(file: &SecretFile) -> Vec<(String, Option<String>)> {
        let text = |kept: Kept| match kept {
            Kept::Here(value) => Some(value.reveal().to_owned()),
            Kept::Keyring => None,
        };
        file.load().unwrap().into_iter().map(|(name, kept)| (name.to_string(), text(kept))).collect()
    }

    #[test]
    fn what_was_set_is_read_back_and_nobody_else_can_read_it() {
        let place = tempfile::tempdir().unwrap();
        let file = SecretFile::new(place.path().join("config"));
        assert!(file.load().unwrap().is_empty());
        file.change(|kept| kept.insert("a.b-c".parse().unwrap(), value("first-value"))).unwrap();
        file.change(|kept| kept.insert("other".parse().unwrap(), Kept::Keyring)).unwrap();
        assert_eq!(read(&file), [("a.b-c".into(), Some("first-value".into())), ("other".into(), None)]);
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&file.path()), mode(&file.folder)), (0o600, 0o700));
        assert!(!fs::read_to_string(file.path()).unwrap().contains("first-value"), "it is not shown to whoever looks over a shoulder");
        assert_eq!(fs::read_dir(&file.folder).unwrap().count(), 2, "a part of a file was left behind");
    }

    #[test]
    fn two_who_set_secrets_at_once_lose_none() {
        let place = tempfile::tempdir().unwrap();
        let file = SecretFile::new(place.path().to_owned());
        std::thread::scope(|scope| {
            for n in 0..8 {
                let file = file.clone();
                scope.spawn(move || file.change(|kept| kept.insert(format!("s{n}").parse().unwrap(), value("some-value"))).unwrap());
            }
        });
        assert_eq!(file.load().unwrap().len(), 8);
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_and_the_cure_is_named() {
        let place = tempfile::tempdir().unwrap();
        let file = SecretFile::new(place.path().to_owned());
        file.change(|kept| kept.insert("x".parse().unwrap(), value("some-value"))).unwrap();
        for mode in [0o640, 0o604, 0o660, 0o666] {
            fs::set_permissions(file.path(), Permissions::from_mode(mode)).unwrap();
            let error = file.load().unwrap_err();
            assert!(error.to_string().ends_with(&format!("others can read or write it (mode {mode:04o})")), "{error}");
            assert!(error.hint().unwrap().starts_with("chmod 600 "));
        }
        fs::remove_file(file.path()).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", file.path()).unwrap();
        assert!(file.load().is_err(), "a link is not followed");
    }

    /// SE04
    #[test]
    fn a_broken_file_is_named_by_its_line_and_nothing_of_it_is_repeated() {
        let place = tempfile::tempdir().unwrap();
        let file = SecretFile::new(place.path().to_owned());
        for text in [
            "[secret.x]\nvalue = 'canary-123456",
            "[secret.x]\nvalue = 123456",
            "[secret.x]\nvalue = 'canary-123456'",
            "[secret.x]\ncanary-123456 = 1",
            "[secret.x]",
            "[secret.x]\nvalue = 'Y2FuYXJ5LTEyMzQ1Ng=='\nkeyring = true",
            "[secret.x]\nvalue = 'YQ=='",
        ] {
            fs::write(file.path(), text).unwrap();
            fs::set_permissions(file.path(), Permissions::from_mode(0o600)).unwrap();
            let error = file.load().unwrap_err();
            let told = format!("{error} {error:?} {:?}", error.hint());
            assert!(!told.contains("123456") && !told.contains("canary") && !told.contains("Y2F"), "{told}");
        }
    }
}
