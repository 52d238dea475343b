//! The device files of a sandbox.

use std::{
    fs,
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
};

/// Devices that hold nothing of anybody.
pub(super) const HARMLESS: [&str; 5] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

/// Links that programs expect beside them.
pub(super) const LINKS: [(&str, &str); 4] =
    [("dev/fd", "/proc/self/fd"), ("dev/stdin", "/proc/self/fd/0"), ("dev/stdout", "/proc/self/fd/1"), ("dev/stderr", "/proc/self/fd/2")];

/// The device files of the graphics processors of this machine.
pub(super) fn graphics() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for (folder, is_one) in [
        ("/dev", is_nvidia as fn(&str) -> bool),
        ("/dev/nvidia-caps", |name| name.starts_with("nvidia-cap")),
        // The nodes that compute. The `card` nodes beside them also switch screens.
        ("/dev/dri", |name| name.starts_with("renderD")),
    ] {
        let names = fs::read_dir(folder).into_iter().flatten().flatten().filter_map(|entry| entry.file_name().into_string().ok());
        found.extend(names.filter(|name| is_one(name)).map(|name| Path::new(folder).join(name)));
    }
    found.retain(|path| fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_char_device()));
    found.sort();
    found
}

/// What the libraries of the processors read to find them. Nothing else of `/sys` is there: it tells about disks, networks and serial
/// numbers.
pub(super) fn knowledge() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = ["/sys/devices/system/cpu", "/sys/devices/system/node", "/sys/bus/pci/devices", "/sys/class/drm"]
        .into_iter()
        .map(PathBuf::from)
        .collect();
    for (folder, start) in [("/sys/devices", "pci"), ("/sys/module", "nvidia")] {
        let names = fs::read_dir(folder).into_iter().flatten().flatten().filter_map(|entry| entry.file_name().into_string().ok());
        found.extend(names.filter(|name| name.starts_with(start)).map(|name| Path::new(folder).join(name)));
    }
    found.retain(|path| path.exists());
    found
}

fn is_nvidia(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("nvidia") else { return false };
    matches!(rest, "ctl" | "-uvm" | "-uvm-tools" | "-modeset") || !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nodes_of_a_driver_are_told_from_what_only_sounds_like_them() {
        for name in ["nvidiactl", "nvidia0", "nvidia15", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset"] {
            assert!(is_nvidia(name), "{name}");
        }
        for name in ["nvidia", "nvidia-caps", "nvidiax", "nvram", "null", "nvidia-fs0"] {
            assert!(!is_nvidia(name), "{name}");
        }
    }
}
