//! Names of files and folders that a plugin makes.

use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;

/// How many levels a guest path lies below its folder of the run. Not resolved: no plugin makes links.
pub(super) fn depth(path: &str) -> usize {
    let levels = path.split('/').skip(2).map(|part| match part {
        "" | "." => 0,
        ".." => -1,
        _ => 1_isize,
    });
    usize::try_from(levels.sum::<isize>()).unwrap_or(0)
}

/// Refuse a name that a terminal would obey or that a list of names, one a line, would show as two. What is there already keeps its name.
pub(super) fn check_name(name: &str) -> Result<(), ErrorCode> {
    if name.contains(char::is_control) { Err(ErrorCode::Invalid) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_counted_below_the_folder_of_the_run() {
        for (path, levels) in
            [("/output", 0), ("/output/", 0), ("/output/a", 1), ("/output//a/./b/", 2), ("/output/a/../b", 1), ("/output/../..", 0)]
        {
            assert_eq!(depth(path), levels, "{path}");
        }
    }

    #[test]
    fn a_name_with_control_characters_is_not_given() {
        for name in ["a\nb", "\u{1b}[2J", "a\0", "\u{85}"] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        for name in ["a", "a b", "ä/ö", "\u{202e}"] {
            assert!(check_name(name).is_ok(), "{name:?}");
        }
    }
}
