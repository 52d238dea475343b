//! Puts code where compiled plugins are kept.

use std::{
    fmt::Write as _,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::json;
use worldflux::{
    engine::{CompiledCache, Compiler, Engine},
    names::{Digest, Export},
};

use crate::{
    guests::guest,
    lab::{call, no_rights, run},
};

const KEY: [u8; 32] = [7; 32];

/// A folder of compiled plugins that belongs to this test.
struct Cache {
    place: tempfile::TempDir,
    component: Vec<u8>,
}

impl Cache {
    fn of(component: Vec<u8>) -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o700)).unwrap();
        Self { place, component }
    }

    fn filled() -> Self {
        let cache = Self::of(fs::read(guest("bare")).unwrap());
        cache.load(KEY);
        cache
    }

    /// Load the component with an engine of its own, call it, and tell how long the loading took.
    fn load(&self, key: [u8; 32]) -> Duration {
        let engine = Engine::new(CompiledCache::new(self.place.path().to_owned(), key), Compiler::Here).unwrap();
        let digest = Digest::of(&self.component);
        let begin = Instant::now();
        let plugin = engine.load(&self.component, digest).unwrap();
        let took = begin.elapsed();
        run(async {
            let call = call(Export::Doctor, no_rights("bare", digest), Duration::from_secs(20));
            let findings = engine.doctor(&plugin, call, &json!({})).await.unwrap();
            assert_eq!(findings[0].message, "nothing is needed");
        });
        took
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> = fs::read_dir(self.place.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    fn file(&self) -> PathBuf {
        let files = self.files();
        assert_eq!(files.len(), 1, "{files:?}");
        files[0].clone()
    }
}

/// Which file stands there. A file that is loaded stays; one that is in doubt is replaced.
fn identity(path: &Path) -> (u64, Vec<u8>) {
    use std::os::unix::fs::MetadataExt as _;
    (fs::symlink_metadata(path).unwrap().ino(), fs::read(path).unwrap())
}

#[test]
fn what_was_compiled_is_loaded_and_not_compiled_again() {
    let cache = Cache::of(fs::read(guest("bare")).unwrap());
    let compiled = cache.load(KEY);
    let before = identity(&cache.file());
    let loaded = cache.load(KEY);
    assert_eq!(identity(&cache.file()), before);
    assert_eq!(fs::metadata(cache.file()).unwrap().permissions().mode() & 0o777, 0o600);
    println!("compiled in {compiled:?}, loaded in {loaded:?}, {} bytes", before.1.len());
    assert!(loaded < compiled, "compiled in {compiled:?}, loaded in {loaded:?}");
}

/// SC06
#[test]
fn a_changed_byte_anywhere_is_noticed_and_the_file_replaced() {
    let cache = Cache::filled();
    let good = fs::read(cache.file()).unwrap();
    let length = good.len();
    for at in [0, 1, 64, length / 3, length / 2, length - 33, length - 32, length - 1] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(cache.file(), &bad).unwrap();
        cache.load(KEY);
        assert_ne!(fs::read(cache.file()).unwrap(), bad, "byte {at}");
    }
    for bad in [&good[..length - 1], &good[..length / 2], &good[..31], b"", &[good.as_slice(), b"\0"].concat()] {
        fs::write(cache.file(), bad).unwrap();
        cache.load(KEY);
        assert_ne!(fs::read(cache.file()).unwrap(), bad, "{} bytes", bad.len());
    }
}

#[test]
fn code_that_was_authenticated_with_another_key_is_not_loaded() {
    let cache = Cache::filled();
    let before = identity(&cache.file());
    cache.load([8; 32]);
    assert_ne!(identity(&cache.file()).0, before.0);
}

#[test]
fn code_of_one_component_does_not_pass_for_that_of_another() {
    let bare = Cache::filled();
    let rogue = Cache::of(fs::read(guest("rogue")).unwrap());
    let engine = Engine::new(CompiledCache::new(rogue.place.path().to_owned(), KEY), Compiler::Here).unwrap();
    engine.load(&rogue.component, Digest::of(&rogue.component)).unwrap();
    // The same key, and a name that leads to the other component.
    let stolen = fs::read(rogue.file()).unwrap();
    fs::write(bare.file(), &stolen).unwrap();
    bare.load(KEY);
    assert_ne!(fs::read(bare.file()).unwrap(), stolen);
}

/// SC07
#[test]
fn a_file_that_others_can_touch_is_not_loaded() {
    let cache = Cache::filled();
    for mode in [0o604, 0o620, 0o640, 0o602, 0o666] {
        let before = identity(&cache.file()).0;
        fs::set_permissions(cache.file(), fs::Permissions::from_mode(mode)).unwrap();
        cache.load(KEY);
        assert_ne!(identity(&cache.file()).0, before, "{mode:o}");
        assert_eq!(fs::metadata(cache.file()).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

/// SC07
#[test]
fn a_link_to_good_code_is_not_followed() {
    let cache = Cache::filled();
    let path = cache.file();
    let elsewhere = tempfile::tempdir().unwrap();
    let moved = elsewhere.path().join("code");
    fs::copy(&path, &moved).unwrap();
    fs::set_permissions(&moved, fs::Permissions::from_mode(0o600)).unwrap();
    fs::remove_file(&path).unwrap();
    symlink(&moved, &path).unwrap();
    cache.load(KEY);
    assert!(fs::symlink_metadata(&path).unwrap().is_file());
}

#[test]
fn a_file_with_a_second_name_is_not_loaded() {
    let cache = Cache::filled();
    let path = cache.file();
    let second = cache.place.path().join("second");
    fs::hard_link(&path, &second).unwrap();
    let before = identity(&path).0;
    cache.load(KEY);
    assert_ne!(identity(&path).0, before);
}

/// SC07
#[test]
fn a_file_of_another_user_is_not_loaded() {
    let cache = Cache::filled();
    if std::os::unix::fs::chown(cache.file(), Some(12345), None).is_err() {
        return; // Only root can give a file away.
    }
    let before = identity(&cache.file()).0;
    cache.load(KEY);
    assert_ne!(identity(&cache.file()).0, before);
}

#[test]
fn a_cache_that_cannot_be_written_only_costs_time() {
    let component = fs::read(guest("bare")).unwrap();
    let cache = Cache { place: tempfile::tempdir().unwrap(), component };
    fs::remove_dir(cache.place.path()).unwrap();
    fs::write(cache.place.path(), "a file where the folder was").unwrap();
    cache.load(KEY);
    fs::remove_file(cache.place.path()).unwrap();
    fs::create_dir(cache.place.path()).unwrap();
}

/// `bare` with a core module beside it that compiles to several mebibytes, and is never used.
fn large() -> Vec<u8> {
    let mut text = String::from("(module");
    for function in 0..1_400 {
        let _ = write!(text, "(func (param i64 i64) (result i64) local.get 0");
        for step in 0..120 {
            let _ = write!(text, " local.get 1 i64.const {} i64.xor i64.mul i64.const {step} i64.rotl", function * 131 + step);
        }
        text.push(')');
    }
    text.push(')');
    let module = wat::parse_str(text).unwrap();
    let mut component = fs::read(guest("bare")).unwrap();
    component.push(1);
    let mut length = module.len();
    while length > 0x7f {
        component.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    component.push(u8::try_from(length).unwrap());
    component.extend_from_slice(&module);
    component
}

#[test]
fn large_code_is_mapped_with_its_authentication_behind_it() {
    let cache = Cache::of(large());
    let compiled = cache.load(KEY);
    let before = identity(&cache.file());
    assert!(before.1.len() > 4 << 20, "{} bytes are not large", before.1.len());
    let loaded = cache.load(KEY);
    println!("large: compiled in {compiled:?}, loaded in {loaded:?}, {} bytes", before.1.len());
    assert_eq!(identity(&cache.file()), before, "it was compiled again");
    assert!(loaded < compiled / 2, "compiled in {compiled:?}, loaded in {loaded:?}");
    let mut bad = before.1;
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    fs::write(cache.file(), &bad).unwrap();
    cache.load(KEY);
    assert_ne!(fs::read(cache.file()).unwrap(), bad);
}
