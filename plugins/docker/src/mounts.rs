//! What a container sees of this machine.

use worldflux_plugin::{
    Failure,
    context::{Context, Folder},
};

use crate::settings::{ASSETS, OUTPUT, Settings, WORKSPACE, is_below, is_place};

/// Something of this machine that a container sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mounted {
    pub(crate) host: String,
    pub(crate) target: String,
    pub(crate) writable: bool,
}

/// Everything that the container sees of this machine, each at another place.
pub(crate) fn all(context: &Context, settings: &Settings) -> Result<Vec<Mounted>, Failure> {
    let mut mounts: Vec<Mounted> = Vec::new();
    let mut add = |folder: &Folder, target: &str, writable: bool, is_needed: bool| match &folder.host {
        Some(host) => {
            mounts.push(Mounted { host: host.clone(), target: target.to_owned(), writable });
            Ok(())
        }
        None if is_needed => Err(Failure::other(format!("where `{}` is on this machine is not known to this plugin", folder.guest))
            .hint(format!("worldflux plugin grant docker --folder {}=write", folder.guest))),
        None => Ok(()),
    };
    let folders = &context.folders;
    if settings.mount_workspace {
        add(&folders.workspace, WORKSPACE, true, true)?;
        if settings.workdir != WORKSPACE {
            // Assets and the paths that the user is told begin with the usual place.
            add(&folders.workspace, &settings.workdir, true, true)?;
        }
    }
    // A plan is made before there is a place for results.
    add(&folders.output, OUTPUT, true, false)?;
    add(&folders.assets, ASSETS, false, false)?;
    for mount in &context.specification.mounts {
        let refused = |expected: &str| Err(Failure::invalid("specification.mounts", &mount.target, expected));
        if !is_place(&mount.target) {
            return refused("an absolute path in the container, without `..`");
        }
        if ["/proc", "/sys", "/dev"].iter().any(|kernel| is_below(&mount.target, kernel)) {
            return refused("another place: that one is the kernel's");
        }
        let taken = mounts.iter().find(|taken| is_below(&mount.target, &taken.target) || is_below(&taken.target, &mount.target));
        if let Some(taken) = taken {
            return refused(&format!("another place: `{}` is there already", taken.target));
        }
        mounts.push(Mounted { host: mount.host.clone(), target: mount.target.clone(), writable: mount.writable });
    }
    Ok(mounts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::{
        Shape,
        tests::{context, image},
    };
    use worldflux_plugin::context::Mount;

    fn shape(context: &Context) -> Shape {
        Shape::new(context, false).unwrap()
    }

    /// F139, X38, X39
    #[test]
    fn two_mounts_never_hide_each_other() {
        let mount = |host: &str, target: &str| Mount { host: host.into(), target: target.into(), writable: false };
        let with = |mounts: Vec<Mount>| {
            let mut context = image();
            context.specification.mounts = mounts;
            Shape::new(&context, false)
        };
        // One folder of the machine at two places, and a name that only begins like the workspace.
        let shape = with(vec![mount("/data", "/a"), mount("/data", "/b"), mount("/data", "/workspace2")]).unwrap();
        assert_eq!(shape.mounts.len(), 5);
        for wrong in ["/workspace", "/workspace/x", "/output/x", "/", "relative", "/a/../b", "/proc/x", "/a//b"] {
            assert!(with(vec![mount("/data", wrong)]).is_err(), "{wrong}");
        }
        assert!(with(vec![mount("/data", "/a"), mount("/data", "/a")]).is_err());
        assert!(with(vec![mount("/data", "/a"), mount("/data", "/a/b")]).is_err());
    }

    #[test]
    fn a_workspace_can_have_another_place_or_none() {
        let found = context(r#"{"image":"x","workdir":"/app"}"#);
        let shape = shape(&found);
        let targets: Vec<_> = shape.mounts.iter().map(|mount| mount.target.as_str()).collect();
        assert_eq!(targets, ["/workspace", "/app", "/output"]);
        assert_eq!((shape.inside("/workspace/x"), shape.inside("/output")), ("/app/x".into(), "/output".into()));
        let none = context(r#"{"image":"x","mount_workspace":false}"#);
        assert_eq!(Shape::new(&none, false).unwrap().mounts.len(), 1);
    }
}
