//! Builds the bundled plugins and puts them, with their `plugin.toml` inside, where `plugin/bundled.rs` includes them.
//!
//! The plugins are a workspace of their own, with an own lock file, for another target. The inner cargo gets a clean environment: what the
//! outer one was told about flags, wrappers and folders is about the host.
#![allow(clippy::print_stdout, reason = "a build script talks to cargo on standard output")]

use std::{
    env,
    fmt::{self, Write as _},
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use sha2::Digest as _;

#[allow(unreachable_pub, reason = "the plugin room re-exports it")]
#[path = "src/plugin/pack.rs"]
mod pack;

const TARGET: &str = "wasm32-wasip2";

/// The component that attacks, which the self-test uses as well as the tests.
const HOSTILE: &str = "tests/guests/rogue";

/// What the program and its supervisor have in common: two builds that differ in it do not understand each other.
const SPOKEN: [&str; 2] = ["src/sandbox", "src/policy"];

fn main() -> Result<(), Problem> {
    let host = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let root = host.parent().ok_or_else(|| Problem("the host has to lie beside `plugins`".into()))?.to_owned();
    let out = PathBuf::from(variable("OUT_DIR")?);
    let plugins = root.join("plugins");
    let names = plugin_names(&plugins)?;

    println!("cargo::rustc-env=SUPERVISOR_BUILD={}", fingerprint(&host)?);
    watch(&host, &root, &plugins, &names);
    ensure_target()?;
    build(&root, &plugins, &out.join("guests"))?;
    hostile(&root, &out)?;
    let mut table = String::from("pub(super) static BUNDLED: &[BundledPlugin] = &[\n");
    for name in &names {
        table.push_str(&bundle(&plugins.join(name), name, &out)?);
    }
    table.push_str("];\n");
    write(&out.join("bundled.rs"), table.as_bytes())
}

/// Digest of everything in [`SPOKEN`], shortened.
fn fingerprint(host: &Path) -> Result<String, Problem> {
    let mut folders: Vec<PathBuf> = SPOKEN.map(|folder| host.join(folder)).to_vec();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| Problem::at(&folder, &error))? {
            let path = entry.map_err(|error| Problem::at(&folder, &error))?.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    let mut digest = sha2::Sha256::new();
    for file in &files {
        digest.update(fs::read(file).map_err(|error| Problem::at(file, &error))?);
    }
    let digest = digest.finalize();
    Ok(digest.iter().take(6).fold(String::new(), |text, byte| format!("{text}{byte:02x}")))
}

/// The folders of `plugins` that hold a plugin, in order.
fn plugin_names(plugins: &Path) -> Result<Vec<String>, Problem> {
    let entries = fs::read_dir(plugins).map_err(|error| Problem::at(plugins, &error))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| Problem::at(plugins, &error))?;
        if entry.path().join("plugin.toml").is_file() {
            names.extend(entry.file_name().into_string());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Names exactly what the plugins are made from: a folder that is built into would make every build look changed.
fn watch(host: &Path, root: &Path, plugins: &Path, names: &[String]) {
    let mut paths = vec![host.join("build.rs"), host.join("src/plugin/pack.rs"), root.join("wit")];
    paths.extend(SPOKEN.map(|folder| host.join(folder)));
    paths.extend(["Cargo.toml", "Cargo.lock"].map(|file| plugins.join(file)));
    paths.extend(["Cargo.toml", "Cargo.lock", "plugin.toml", "src"].map(|file| root.join(HOSTILE).join(file)));
    for name in names.iter().map(String::as_str).chain(["sdk"]) {
        paths.extend(["Cargo.toml", "src"].map(|file| plugins.join(name).join(file)));
    }
    paths.extend(names.iter().map(|name| plugins.join(name).join("plugin.toml")));
    for path in paths {
        println!("cargo::rerun-if-changed={}", path.display());
    }
}

/// Gets the target where rustup can, so that a new machine needs no command but `cargo build`.
fn ensure_target() -> Result<(), Problem> {
    if has_target()? {
        return Ok(());
    }
    println!("cargo::warning=the bundled plugins need the target {TARGET}: running `rustup target add {TARGET}`");
    let missing = || Problem(format!("the Rust target {TARGET} is missing, run: rustup target add {TARGET}"));
    let output = Command::new("rustup").args(["target", "add", TARGET]).output().map_err(|_| missing())?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(Problem(format!("{}\n{}", missing().0, why.trim())));
    }
    if has_target()? { Ok(()) } else { Err(missing()) }
}

fn has_target() -> Result<bool, Problem> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut command = Command::new(&rustc);
    let output = command.args(["--print", "target-libdir", "--target", TARGET]).output();
    let output = output.map_err(|error| Problem::at(Path::new(&rustc), &error))?;
    let folder = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let Ok(mut files) = fs::read_dir(folder) else { return Ok(false) };
    Ok(files.any(|file| file.is_ok_and(|file| file.file_name().to_string_lossy().starts_with("libstd-"))))
}

/// Builds all plugins into `target`.
///
/// With its lock file, cargo asks the network only for crates that are not on this machine. `CARGO_NET_OFFLINE` and `net.offline` hold for it as for the
/// host; the flag `--offline` is not told to build scripts.
fn build(root: &Path, plugins: &Path, target: &Path) -> Result<(), Problem> {
    let mut command = Command::new(variable("CARGO")?);
    command.args(["build", "--release", "--locked", "--target", TARGET, "--target-dir"]).arg(target).current_dir(plugins);
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if is_about_the_host(&name) {
            command.env_remove(name.as_ref());
        }
    }
    // Panic messages name source files. They must name the same files on every machine, or the digest of a plugin would follow its builder's
    // home folder.
    let cargo_home = env::var("CARGO_HOME").or_else(|_| env::var("HOME").map(|home| format!("{home}/.cargo")));
    let mut flags = vec![format!("--remap-path-prefix={}=worldflux", root.display())];
    flags.extend(cargo_home.into_iter().map(|home| format!("--remap-path-prefix={home}=cargo")));
    command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));

    let output = command.output().map_err(|error| Problem(format!("cannot start cargo for the plugins: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&output.stderr);
    Err(Problem(format!("the bundled plugins in `{}` cannot be built\n{}", plugins.display(), why.trim())))
}

/// Builds and packs the component that attacks.
fn hostile(root: &Path, out: &Path) -> Result<(), Problem> {
    let folder = root.join(HOSTILE);
    build(root, &folder, &out.join("guests"))?;
    let built = out.join(format!("guests/{TARGET}/release/rogue.wasm"));
    let component = fs::read(&built).map_err(|error| Problem::at(&built, &error))?;
    let toml_path = folder.join("plugin.toml");
    let toml = fs::read_to_string(&toml_path).map_err(|error| Problem::at(&toml_path, &error))?;
    let packed = pack::pack(&component, &toml).map_err(|error| Problem::at(&built, &error))?;
    write(&out.join("hostile.wasm"), &packed)
}

/// Whether a variable tells how the host is built. What tells where crates come from (`CARGO_HOME`, `CARGO_NET_*`, `CARGO_HTTP_*`,
/// `CARGO_REGISTRIES_*`, `CARGO_SOURCE_*`) holds for the plugins too.
fn is_about_the_host(name: &str) -> bool {
    let exact =
        ["RUSTFLAGS", "RUSTDOCFLAGS", "CARGO_TARGET_DIR", "CARGO_ENCODED_RUSTFLAGS", "CARGO_ENCODED_RUSTDOCFLAGS", "CARGO_MAKEFLAGS"];
    let wrappers = ["RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "CARGO_INCREMENTAL", "MAKEFLAGS", "MFLAGS", "TARGET", "OUT_DIR"];
    let families =
        ["CARGO_BUILD_", "CARGO_CFG_", "CARGO_FEATURE_", "CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_PROFILE_", "CARGO_TARGET_", "DEP_"];
    exact.contains(&name) || wrappers.contains(&name) || families.iter().any(|family| name.starts_with(family))
}

/// Packs one plugin and gives its line of the table.
fn bundle(folder: &Path, name: &str, out: &Path) -> Result<String, Problem> {
    let toml_path = folder.join("plugin.toml");
    let toml = fs::read_to_string(&toml_path).map_err(|error| Problem::at(&toml_path, &error))?;
    let built = out.join(format!("guests/{TARGET}/release/worldflux_{}.wasm", name.replace('-', "_")));
    let component = fs::read(&built).map_err(|error| Problem::at(&built, &error))?;
    let packed = pack::pack(&component, &toml).map_err(|error| Problem::at(&built, &error))?;
    if pack::unpack(&packed) != Ok(Some(toml.as_str())) {
        return Err(Problem(format!("`{}` does not come out as it was put in", toml_path.display())));
    }
    let digest: [u8; 32] = sha2::Sha256::digest(&packed).into();
    let file = out.join(format!("{name}.wasm"));
    write(&file, &packed)?;

    let label = |key: &str| label(&toml, key).ok_or_else(|| Problem(format!("`{}` has no `{key}` in [plugin]", toml_path.display())));
    if label("name")? != name {
        return Err(Problem(format!("the plugin in `{}` has to be called `{name}`", folder.display())));
    }
    let text = |path: &Path| path.to_str().map(str::to_owned).ok_or_else(|| Problem(format!("`{}` is not UTF-8", path.display())));
    let (toml_path, file) = (text(&toml_path)?, text(&file)?);
    let mut line = String::new();
    let (version, summary) = (label("version")?, label("summary")?);
    writeln!(
        line,
        "    BundledPlugin {{ name: {name:?}, version: {version:?}, summary: {summary:?}, toml: include_str!({toml_path:?}), \
         component: include_bytes!({file:?}), digest: {digest:?} }},"
    )
    .map_err(|error| Problem(error.to_string()))?;
    Ok(line)
}

/// A plain text of the table `[plugin]`. The whole file is parsed, strictly, by the plugin room; this reads the three lines that go into the table
/// of bundled plugins.
fn label(toml: &str, key: &str) -> Option<String> {
    let inside = toml.lines().map(str::trim).skip_while(|line| *line != "[plugin]").skip(1).take_while(|line| !line.starts_with('['));
    let value = inside.filter_map(|line| line.split_once('=')).find(|(name, _)| name.trim() == key)?.1.trim();
    let text = value.strip_prefix('"')?.strip_suffix('"')?;
    (!text.contains(['"', '\\'])).then(|| text.to_owned())
}

/// Writes a file unless it is there with the same content, so that nothing is compiled again for nothing.
fn write(path: &Path, content: &[u8]) -> Result<(), Problem> {
    if fs::read(path).is_ok_and(|old| old == content) {
        return Ok(());
    }
    fs::write(path, content).map_err(|error: io::Error| Problem::at(path, &error))
}

fn variable(name: &str) -> Result<String, Problem> {
    env::var(name).map_err(|error| Problem(format!("{name}: {error}")))
}

/// Why the build stops, in words for a person. `main` prints it by its `Debug`.
struct Problem(String);

impl Problem {
    fn at(path: &Path, error: &dyn fmt::Display) -> Self {
        Self(format!("`{}`: {error}", path.display()))
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
