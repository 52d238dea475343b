//! Builds the guests of `tests/guests`, each from its own folder with its own lock file, as a stranger would build a plugin.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
};

use worldflux::plugin::{pack, unpack};

/// Guests that this process has built.
static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());

/// Where the text begins in `rogue` that says what its `describe` does, and how long it is.
const DESCRIBE: (&[u8], usize) = (b"rogue-describe:", 48);

/// The same for what it calls itself.
const NAME: (&[u8], usize) = (b"rogue-name:", 32);

/// The packed component of `tests/guests/NAME`, built once by this process; a lock keeps other processes from building at the same time.
pub(crate) fn guest(name: &str) -> PathBuf {
    let mut built = BUILT.lock().expect("no other test panicked while it built a guest");
    if let Some(path) = built.get(name) {
        return path.clone();
    }
    let path = build(name);
    built.insert(name.to_owned(), path.clone());
    path
}

/// The guest `rogue`, whose `describe` does what `behaviour` says: it gets no settings that could tell it.
pub(crate) fn rogue_that_describes(behaviour: &str) -> Vec<u8> {
    marked(DESCRIBE, behaviour)
}

/// The guest `rogue` under another name, and so another component.
pub(crate) fn rogue_called(name: &str) -> Vec<u8> {
    let component = marked(NAME, name);
    let toml = unpack(&component).expect("the guest is whole").expect("the guest was packed");
    let toml = toml.replace("name = \"rogue\"", &format!("name = \"{name}\""));
    pack(&component, &toml).expect("the guest can be packed")
}

/// The guest `rogue`, whose `plugin.toml` asks for this too.
pub(crate) fn rogue_that_asks(asks: &str) -> Vec<u8> {
    let component = fs::read(guest("rogue")).expect("the guest was built");
    let toml = unpack(&component).expect("the guest is whole").expect("the guest was packed");
    pack(&component, &format!("{toml}\n{asks}")).expect("the guest can be packed")
}

/// `rogue` with another text after one of its markers.
fn marked((marker, length): (&[u8], usize), text: &str) -> Vec<u8> {
    let mut bytes = fs::read(guest("rogue")).expect("the guest was built");
    let at = bytes.windows(marker.len()).position(|window| window == marker).expect("the guest has its marker");
    assert!(text.len() <= length - marker.len(), "`{text}` is too long for the marker");
    let place = &mut bytes[at + marker.len()..at + length];
    place.fill(b' ');
    place[..text.len()].copy_from_slice(text.as_bytes());
    bytes
}

fn build(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the host lies in the repository");
    let folder = root.join("tests/guests").join(name);
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("guests");
    fs::create_dir_all(&target).expect("the target folder can be made");
    let lock = fs::File::create(target.join("build.lock")).expect("the lock can be made");
    lock.lock().expect("the lock can be taken");

    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--release", "--locked", "--target", "wasm32-wasip2", "--target-dir"]).arg(&target).current_dir(&folder);
    // What the outer cargo was told is about the host.
    for variable in
        ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_TARGET_DIR", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "CARGO_MAKEFLAGS"]
    {
        command.env_remove(variable);
    }
    let output = command.output().expect("cargo can be started");
    assert!(output.status.success(), "guest `{name}` cannot be built:\n{}", String::from_utf8_lossy(&output.stderr));

    let component = fs::read(target.join(format!("wasm32-wasip2/release/{name}.wasm"))).expect("the guest was built");
    let toml = fs::read_to_string(folder.join("plugin.toml")).expect("the guest has a plugin.toml");
    let packed = pack(&component, &toml).expect("the guest can be packed");
    let folder = target.join("packed");
    fs::create_dir_all(&folder).expect("the target folder can be made");
    // Another process may be reading the file of before: it keeps what it opened.
    let new = folder.join(format!("{name}.new"));
    fs::write(&new, packed).expect("the guest can be written");
    let path = folder.join(format!("{name}.wasm"));
    fs::rename(new, &path).expect("the guest can be put in place");
    path
}
