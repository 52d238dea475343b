//! Tries to get out of the folders.

use std::{fs, io, io::Write as _};

use crate::wit::wasi::filesystem::{
    preopens,
    types::{Descriptor, DescriptorFlags, OpenFlags, PathFlags},
};

fn report<T>(what: &str, result: io::Result<T>, tell: impl Fn(T) -> String) -> String {
    match result {
        Ok(value) => format!("ok: {what}: {}", tell(value)),
        Err(error) => format!("denied: {what}: {error}"),
    }
}

pub fn read(path: &str) -> String {
    report(path, fs::read(path), |bytes| format!("{} bytes", bytes.len()))
}

/// Says all that is in a file.
pub fn tell(path: &str) -> String {
    report(path, fs::read_to_string(path), |text| text)
}

pub fn write(path: &str) -> String {
    report(path, fs::write(path, b"rogue"), |()| "written".into())
}

pub fn remove(path: &str) -> String {
    report(path, fs::remove_file(path).or_else(|_| fs::remove_dir_all(path)), |()| "removed".into())
}

pub fn list(path: &str) -> String {
    report(path, fs::read_dir(path), |entries| format!("{} entries", entries.count()))
}

/// Writes until it is refused, at most 64 GiB.
pub fn fill(path: &str) -> String {
    let piece = vec![1_u8; 1 << 20];
    let mut file = match fs::File::create(path) {
        Ok(file) => file,
        Err(error) => return format!("denied: {path}: {error}"),
    };
    for count in 0..1 << 16 {
        if let Err(error) = file.write_all(&piece) {
            return format!("denied: after {count} MiB: {error}");
        }
    }
    "ok: 64 GiB".into()
}

fn new_file(name: &str) -> Result<Descriptor, String> {
    let output = folder("/output").ok_or("denied: there is no /output")?;
    let flags = DescriptorFlags::READ | DescriptorFlags::WRITE;
    output.open_at(PathFlags::empty(), name, OpenFlags::CREATE, flags).map_err(|code| format!("denied: {name}: {code:?}"))
}

/// A file of so many bytes that holds nothing: by its size, and by one byte at its end.
pub fn sparse(bytes: &str) -> String {
    let bytes = bytes.parse().unwrap_or(1 << 40);
    let file = match new_file("sparse") {
        Ok(file) => file,
        Err(report) => return report,
    };
    let size = file.set_size(bytes);
    let write = file.write(b"x", bytes);
    format!("{}: size {size:?}, byte {write:?}", if size.is_err() && write.is_err() { "denied" } else { "ok" })
}

/// The same by a stream that begins far behind the end.
pub fn sparse_stream(bytes: &str) -> String {
    let file = match new_file("sparse") {
        Ok(file) => file,
        Err(report) => return report,
    };
    let stream = file.write_via_stream(bytes.parse().unwrap_or(1 << 40));
    match stream.map(|stream| stream.blocking_write_and_flush(b"x")) {
        Ok(Ok(())) => "ok: written".into(),
        Ok(Err(error)) => format!("denied: {error:?}"),
        Err(code) => format!("denied: {code:?}"),
    }
}

/// Appends to `path` until it is refused, at most 64 GiB, and says how often it worked.
pub fn append_stream(_: &str) -> String {
    let file = match new_file("appended") {
        Ok(file) => file,
        Err(report) => return report,
    };
    let Ok(stream) = file.append_via_stream() else { return "denied: no stream".into() };
    let piece = vec![1; 4096];
    for count in 0..1 << 24 {
        if let Err(error) = stream.blocking_write_and_flush(&piece) {
            return format!("denied: after {count} pieces: {error:?}");
        }
    }
    "ok: 64 GiB".into()
}

/// Empty files in `folder` until it is refused, at most a million.
pub fn many_files(folder: &str) -> String {
    for count in 0..1_000_000 {
        if let Err(error) = fs::File::create(format!("{folder}/{count}")) {
            return format!("denied: after {count}: {error}");
        }
    }
    "ok: 1000000 files".into()
}

/// Folders inside each other until it is refused, at most a hundred thousand.
pub fn deep(_: &str) -> String {
    let Some(mut here) = folder("/output") else { return "denied: there is no /output".into() };
    for depth in 0..100_000 {
        let made = here.create_directory_at("d").and_then(|()| {
            here.open_at(PathFlags::empty(), "d", OpenFlags::DIRECTORY, DescriptorFlags::READ | DescriptorFlags::MUTATE_DIRECTORY)
        });
        match made {
            Ok(next) => here = next,
            Err(code) => return format!("denied: after {depth}: {code:?}"),
        }
    }
    "ok: 100000 deep".into()
}

/// The same by putting what is there into a new folder, again and again.
pub fn deep_by_moving(_: &str) -> String {
    let Some(output) = folder("/output") else { return "denied: there is no /output".into() };
    if let Err(code) = output.create_directory_at("a") {
        return format!("denied: {code:?}");
    }
    for depth in 0..50_000 {
        let moved = output
            .create_directory_at("b")
            .and_then(|()| output.rename_at("a", &output, "b/a"))
            .and_then(|()| output.rename_at("b", &output, "a"));
        if let Err(code) = moved {
            return format!("denied: after {depth}: {code:?}");
        }
    }
    "ok: 50000 deep".into()
}

/// `one>other`: gives a file another name.
pub fn rename(names: &str) -> String {
    let (from, to) = names.split_once('>').unwrap_or((names, ""));
    report(names, fs::rename(from, to), |()| "renamed".into())
}

/// Makes a file of this very name in `/output`, at the lowest level.
pub fn make(name: &str) -> String {
    let name = if name == "long" { "x".repeat(4_096) } else { name.to_owned() };
    match new_file(&name) {
        Ok(_) => "ok: made".into(),
        // The name of the long one is longer than what a report may have.
        Err(report) => report.replace(&"x".repeat(100), ""),
    }
}

/// Opens `path` until it is refused, and keeps all.
pub fn open_many(path: &str) -> String {
    let mut all = Vec::new();
    for count in 0..100_000 {
        match fs::File::open(path) {
            Ok(file) => all.push(file),
            Err(error) => return format!("denied: after {count}: {error}"),
        }
    }
    "ok: 100000 open".into()
}

/// What is open from the beginning.
pub fn preopens() -> String {
    let names: Vec<String> = preopens::get_directories().into_iter().map(|(_, name)| name).collect();
    format!("ok: {}", names.join(" "))
}

fn folder(name: &str) -> Option<Descriptor> {
    preopens::get_directories().into_iter().find(|(_, found)| found == name).map(|(descriptor, _)| descriptor)
}

/// Makes a link in `/output` that points to `target`, and reads through it.
pub fn symlink(target: &str) -> String {
    let Some(output) = folder("/output") else { return "denied: there is no /output".into() };
    match output.symlink_at(target, "rogue-link") {
        Err(code) => format!("denied: symlink to {target}: {code:?}"),
        Ok(()) => format!("made; {}", read("/output/rogue-link")),
    }
}

/// Makes a second name for the file `target` in `/env`, in `/output`.
pub fn hard_link(target: &str) -> String {
    let (Some(env), Some(output)) = (folder("/env"), folder("/output")) else { return "denied: a folder is missing".into() };
    let name = target.trim_start_matches("/env/");
    match env.link_at(PathFlags::empty(), name, &output, "rogue-link") {
        Err(code) => format!("denied: hard link to {target}: {code:?}"),
        Ok(()) => format!("ok: hard link to {target}"),
    }
}

/// Opens `path` relative to `/workspace` at the lowest level, where no library looks at it first.
pub fn open_at(path: &str) -> String {
    let Some(workspace) = folder("/workspace") else { return "denied: there is no /workspace".into() };
    match workspace.open_at(PathFlags::SYMLINK_FOLLOW, path, OpenFlags::empty(), DescriptorFlags::READ) {
        Ok(_) => format!("ok: opened {path}"),
        Err(code) => format!("denied: {path}: {code:?}"),
    }
}
