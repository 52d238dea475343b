//! Looks what is on this machine. All programs are asked at once.

use worldflux_plugin::{Failure, Finding, process};

use crate::{
    dialect, settings,
    translate::{self, Answer},
};

pub(crate) fn findings(text: &str) -> Result<Vec<Finding>, Failure> {
    let settings = settings::read(text)?;
    let questions = [dialect::python_version(), dialect::uv_version(), dialect::git_version(), dialect::gpus(), dialect::free_disk()];
    let mut answers = process::output_all(&questions).into_iter();
    let mut next = |program: &str| Answer::of(program, answers.next().unwrap_or_else(|| Err(Failure::other("the host gave no answer"))));
    let (python, uv, git) = (next("python3"), next("uv"), next("git"));
    let (gpus, disk) = (next("nvidia-smi"), next("df"));

    let no_git = Finding::warning("git", "git is not here: the manifest cannot say which commit ran").remedy("install git");
    let mut findings = vec![
        translate::program("python", &python, translate::no_python(&settings, uv.is_here())),
        translate::program("uv", &uv, translate::no_uv(&settings)),
        translate::program("git", &git, no_git),
        translate::gpu(&gpus),
        translate::disk(&disk),
    ];
    findings.extend(translate::without_effect(&settings));
    Ok(findings)
}
