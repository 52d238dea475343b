//! What can be opened, changed and executed, whatever path leads there.

use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, RulesetError, Scope,
};

use super::{
    devices,
    plan::{Access, Plan},
};
use crate::policy::Level;

/// The newest version of Landlock that is made use of where the kernel has it.
const NEWEST: ABI = ABI::V9;

/// What can be done with what can be read.
fn reading() -> BitFlags<AccessFs> {
    AccessFs::Execute | AccessFs::ReadFile | AccessFs::ReadDir
}

/// What can be done in a folder that can be written. No device files: they are not made there and not spoken to.
fn writing() -> BitFlags<AccessFs> {
    AccessFs::from_all(NEWEST) & !(AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev)
}

/// What can be done with a device that holds nothing.
fn using() -> BitFlags<AccessFs> {
    AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate
}

/// The rules for a command that sees `plan`. To be made where the paths mean what the command will see.
pub(super) fn rules(plan: &Plan, level: Level) -> Result<RulesetCreated, RulesetError> {
    let mut ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement).handle_access(AccessFs::from_all(ABI::V5))?;
    if level == Level::KernelFilter {
        // There are no namespaces that would do this.
        ruleset = ruleset.handle_access(AccessNet::from_all(ABI::V5))?.scope(Scope::from_all(ABI::V6))?;
    }
    ruleset =
        ruleset.set_compatibility(CompatLevel::BestEffort).handle_access(AccessFs::from_all(NEWEST))?.scope(Scope::from_all(NEWEST))?;
    let mut rules = ruleset.create()?;
    if level == Level::KernelFilter {
        for (path, access) in &plan.trees {
            rules = allow(rules, path, if *access == Access::Write { writing() } else { reading() })?;
        }
        rules = allow(rules, Path::new("/proc"), AccessFs::ReadFile | AccessFs::ReadDir)?;
    } else {
        // All that there is can be read. What was mounted read-only inside of a writable folder stays so by its mount.
        rules = allow(rules, Path::new("/"), reading())?;
        let written = plan.trees.iter().filter(|(_, access)| **access == Access::Write).map(|(path, _)| path.as_path());
        for path in written.chain([Path::new("/tmp"), Path::new("/dev/shm")]) {
            rules = allow(rules, path, writing())?;
        }
    }
    for path in devices::HARMLESS {
        rules = allow(rules, Path::new(path), using())?;
    }
    for path in &plan.devices {
        rules = allow(rules, path, using() | AccessFs::IoctlDev)?;
    }
    Ok(rules)
}

fn allow(rules: RulesetCreated, path: &Path, access: BitFlags<AccessFs>) -> Result<RulesetCreated, RulesetError> {
    // What is not there needs no rule.
    let Ok(file) = PathFd::new(path) else { return Ok(rules) };
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(NEWEST) };
    rules.add_rule(PathBeneath::new(file, access))
}
