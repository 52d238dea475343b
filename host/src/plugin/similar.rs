//! Names that a person could take for another.
//!
//! A name that looks the same in a common font, or differs in nothing but case and dashes, is refused: nobody has a reason for it. One letter
//! more, less or other is what a mistyped word looks like, and sometimes a second plugin of the same author: it needs an explicit yes.

use super::error::PluginError;
use crate::names::{RuntimeName, distance};

/// Names that mean something else where a name of a plugin can stand: keys below `[environment]`, words of the command line and of the log.
const RESERVED: &[&str] = &[
    "all",
    "any",
    "bundled",
    "commands",
    "default",
    "env",
    "environment",
    "help",
    "host",
    "last",
    "mounts",
    "name",
    "network",
    "none",
    "plugin",
    "ports",
    "root",
    "runtime",
    "self",
    "setup",
    "snapshot",
    "system",
    "user",
    "worldflux",
];

/// Whether `name` can be given to a new plugin beside those that are `taken`. With `similar`, a name that differs in one letter is accepted.
pub fn check_name<'n>(name: &RuntimeName, taken: impl IntoIterator<Item = &'n RuntimeName>, similar: bool) -> Result<(), PluginError> {
    if RESERVED.contains(&name.as_str()) {
        return Err(PluginError::Reserved { name: name.clone() });
    }
    for other in taken.into_iter().filter(|other| *other != name) {
        let looks_the_same = skeleton(name.as_str()) == skeleton(other.as_str());
        if looks_the_same || !similar && distance(name.as_str(), other.as_str()) == 1 {
            return Err(PluginError::Confusable { name: name.clone(), other: other.clone(), looks_the_same });
        }
    }
    Ok(())
}

/// What a name looks like from a distance: dashes gone, and the letters and digits that are taken for each other made one.
fn skeleton(name: &str) -> String {
    let one = |c: char| match c {
        '1' | 'i' | 'l' => 'l',
        '0' | 'o' => 'o',
        '5' | 's' => 's',
        '2' | 'z' => 'z',
        '8' | 'b' => 'b',
        '9' | 'g' | 'q' => 'g',
        c => c,
    };
    name.replace('-', "").replace("rn", "m").replace("vv", "w").replace("cl", "d").chars().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, taken: &[&str], similar: bool) -> Result<(), PluginError> {
        let taken: Vec<RuntimeName> = taken.iter().map(|name| name.parse().unwrap()).collect();
        check_name(&name.parse().unwrap(), &taken, similar)
    }

    /// SC10
    #[test]
    fn a_name_that_looks_like_another_is_refused_whatever_is_said() {
        for (name, taken) in [
            ("loca1", "local"),
            ("lo-cal", "local"),
            ("local-", "local"),
            ("l0cal", "local"),
            ("sturm", "stunn"),
            ("rnodal", "modal"),
            ("d0cker", "docker"),
        ] {
            let expected = name != "sturm";
            for similar in [false, true] {
                assert_eq!(
                    matches!(check(name, &[taken], similar), Err(PluginError::Confusable { looks_the_same: true, .. })),
                    expected,
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn one_letter_needs_a_yes_and_two_need_none() {
        for name in ["locall", "loca", "lokal", "lcoal"] {
            assert!(matches!(check(name, &["local"], false), Err(PluginError::Confusable { looks_the_same: false, .. })), "{name}");
            assert!(check(name, &["local"], true).is_ok(), "{name}");
        }
        for name in ["local", "locally", "remote", "rogue"] {
            assert!(check(name, &["local"], false).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_word_of_the_program_is_no_name() {
        assert!(matches!(check("host", &[], true), Err(PluginError::Reserved { .. })));
    }
}
