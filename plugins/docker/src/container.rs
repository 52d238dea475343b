//! The container of a run: made once, there for every command, gone at the end.

use worldflux_plugin::{Cause, Detail, Environment, Failure, Release, context::Context, log};

use crate::{
    answers::{Binding, Container},
    dialect::{self, LABEL},
    handle::{self, Handle},
    image::{self, Ready},
    translate::Shape,
};

/// Make the container, and whatever image it needs. A repeat makes no second one.
pub(crate) fn build(context: &Context) -> Result<Environment, Failure> {
    let info = dialect::info()?;
    let shape = Shape::new(context, info.is_rootless())?;
    for note in &shape.notes {
        log::warning(note);
    }
    if context.folders.output.host.is_none() {
        let failure = Failure::other("where `/output` is on this machine is not known to this plugin");
        return Err(failure.hint("worldflux plugin grant docker --folder /output=write"));
    }
    let image = image::ready(context, &shape)?;
    let handle = Handle::of(context);
    make(context, &handle, &shape, &image)?;
    handle::note_daemon(dialect::is_podman()?)?;
    let made = dialect::container(&handle.container)?.unwrap_or_default();
    let environment = Environment::made(handle.to_string())
        .metadata(Detail::text("container", &handle.container))
        .metadata(Detail::text("container_id", &made.id))
        .metadata(Detail::text("image", &image.name))
        .metadata(Detail::text("image_id", &image.id))
        .metadata(Detail::text("user", &shape.user))
        .metadata(Detail::text("network", shape.network.mode()))
        .metadata(Detail::text("daemon", &info.server_version))
        .metadata(Detail::new("rootless", &info.is_rootless().into()));
    let environment = match image.digest {
        Some(digest) => environment.metadata(Detail::text("image_digest", digest)),
        None => environment,
    };
    let ports = open_ports(&made);
    Ok(if ports.is_empty() { environment } else { environment.metadata(Detail::new("ports", &ports.into())) })
}

/// The shape of the container, which runs when this returns: one that has ended is started again with its files, and one that somebody removed
/// is made anew where nothing that the run has set up is lost with it.
pub(crate) fn running(context: &Context, handle: &Handle) -> Result<Shape, Failure> {
    let name = &handle.container;
    match dialect::container(name)? {
        Some(container) if container.state.running && !container.state.paused => {}
        Some(container) if container.state.paused => {
            log::warning(&format!("the container `{name}` was paused from outside: letting it go on"));
            dialect::unpause(name)?;
        }
        Some(container) => {
            log::warning(&format!("the container `{name}` {}: starting it again; what ran in it is gone", end_of(&container)));
            dialect::start(name).map_err(told)?;
        }
        None => {
            let was_set_up = !image::setup_lines(context).is_empty() && !is_all_baked(context);
            if was_set_up {
                let message = format!("the container `{name}` was removed from outside, and with it what the setup lines had made");
                return Err(Failure::not_found(message).hint("run it again; a new container is set up then"));
            }
            log::warning(&format!("the container `{name}` was removed from outside: making it anew, without what commands had left in it"));
            let shape = Shape::new(context, dialect::info()?.is_rootless())?;
            let image = image::ready(context, &shape)?;
            make(context, handle, &shape, &image)?;
            return Ok(shape);
        }
    }
    // Who it runs as is decided already; for the rest the daemon makes no difference.
    Shape::new(context, false)
}

/// Remove every container of the run. Safe to repeat, and without a handle.
pub(crate) fn release(context: &Context, handle: Option<&Handle>) -> Result<Release, Failure> {
    let mut found = dialect::containers_of(&context.run.run_id)?;
    if found.is_empty() {
        // One whose label nobody can read any more still has its name.
        let name = handle.map(|handle| handle.container.clone());
        let mine = |name: &String| dialect::container(name).map(|container| container.filter(|container| is_ours(container, context)));
        if let Some(container) = name.as_ref().map(mine).transpose()?.flatten() {
            found.push(container.id);
        }
    }
    for id in &found {
        dialect::remove(id)?;
    }
    Ok(Release::because(match found.as_slice() {
        [] => "the daemon has no container of this run".to_owned(),
        [one] => format!("container {} is gone", short(one)),
        several => format!("{} containers are gone", several.len()),
    }))
}

/// Whether the plugin has made it for this run.
fn is_ours(container: &Container, context: &Context) -> bool {
    container.config.labels.get(LABEL) == Some(&context.run.run_id)
}

fn make(context: &Context, handle: &Handle, shape: &Shape, image: &Ready) -> Result<(), Failure> {
    let name = &handle.container;
    if let Some(left) = dialect::container(name)? {
        if !is_ours(&left, context) {
            let message = format!("there is a container `{name}` already, and it belongs to somebody else");
            return Err(Failure::new(Cause::Conflict, message).hint(format!("rename or remove it: `docker rm {name}`")));
        }
        // Of a call whose answer was lost.
        dialect::remove(&left.id)?;
    }
    log::progress("starting the container", 0, Some(2), "steps");
    let made = dialect::create(name, &shape.request(context, &image.id)).map_err(told)?;
    for warning in made {
        log::warning(&format!("the daemon says: {warning}"));
    }
    log::progress("starting the container", 1, Some(2), "steps");
    if let Err(failure) = dialect::start(name).map_err(told) {
        // It would be removed at the end anyway; meanwhile it would only be in the way.
        let _ = dialect::remove(name);
        return Err(failure);
    }
    let started = dialect::container(name)?.unwrap_or_default();
    if !started.state.running {
        let _ = dialect::remove(name);
        let message = format!("the container of image `{}` {} right after its start", image.name, end_of(&started));
        return Err(Failure::other(message).hint("the image needs a shell (`/bin/sh`, or the setting `shell`) and `sleep`"));
    }
    log::progress("starting the container", 2, Some(2), "steps");
    Ok(())
}

fn is_all_baked(context: &Context) -> bool {
    let baked = image::baked_lines(context);
    image::setup_lines(context).iter().all(|line| baked.contains(line))
}

/// Ports inside with those of this machine.
fn open_ports(container: &Container) -> serde_json::Map<String, serde_json::Value> {
    let bound = |(inside, bindings): (&String, &Option<Vec<Binding>>)| {
        let port = bindings.iter().flatten().find_map(|binding| binding.host_port.parse::<u16>().ok())?;
        Some((inside.trim_end_matches("/tcp").to_owned(), port.into()))
    };
    container.network_settings.ports.iter().filter_map(bound).collect()
}

fn end_of(container: &Container) -> String {
    let state = &container.state;
    if state.out_of_memory {
        return "was ended for want of memory".to_owned();
    }
    let why = if state.error.is_empty() { String::new() } else { format!(" ({})", state.error) };
    format!("has ended with code {}{why}", state.exit_code)
}

fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

/// What the daemon could not do, as the thing that it is: it says the most with words, and little with its status.
fn told(failure: Failure) -> Failure {
    let said = failure.message.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let (cause, hint) = if has(&["port is already allocated", "address already in use"]) {
        (Cause::Conflict, "another process has this port: choose another one, or 0 to have one chosen")
    } else if has(&["no space left", "disk quota exceeded"]) {
        (Cause::Quota, "the disk of the daemon is full: `docker system prune` removes what nobody uses")
    } else if has(&["bind source path does not exist"]) {
        (Cause::NotFound, "the daemon does not see this path: it has to be a path of its own machine")
    } else if has(&["network"]) && has(&["not found"]) {
        (Cause::NotFound, "make the network first (`docker network create NAME`), or name another one")
    } else if has(&["could not select device driver", "unresolvable cdi"]) {
        (Cause::Other, "the daemon has no runtime for graphics processors: install the NVIDIA container toolkit")
    } else if has(&["no such file or directory", "executable file not found"]) && has(&["exec"]) {
        (Cause::Other, "the image needs a shell (`/bin/sh`, or the setting `shell`) and `sleep`")
    } else if has(&["unable to find user", "no matching entries in passwd"]) {
        (Cause::NotFound, "the image does not know this user: give numbers, such as `1000:1000`")
    } else {
        return failure;
    };
    Failure { cause, hint: failure.hint.clone().or_else(|| Some(hint.to_owned())), ..failure }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_daemon_says_becomes_what_it_is() {
        let cause = |message: &str| told(Failure::unavailable(message, None)).cause;
        let port = "starting the container failed with status 500: driver failed programming external connectivity on endpoint x: Bind for \
                    127.0.0.1:8080 failed: port is already allocated";
        assert_eq!(cause(port), Cause::Conflict);
        assert_eq!(cause("failed with status 500: write /x: no space left on device"), Cause::Quota);
        assert_eq!(cause("invalid mount config for type \"bind\": bind source path does not exist: /x"), Cause::NotFound);
        assert_eq!(cause("failed with status 404: network benchmark not found"), Cause::NotFound);
        assert_eq!(cause("something else"), Cause::Unavailable { retry_after: None });
        let shell = told(Failure::other("OCI runtime create failed: exec: \"/bin/sh\": stat /bin/sh: no such file or directory"));
        assert!(shell.hint.unwrap().contains("/bin/sh"));
    }

    #[test]
    fn the_end_of_a_container_is_told_in_words() {
        let mut container = Container::default();
        container.state.exit_code = 137;
        assert_eq!(end_of(&container), "has ended with code 137");
        container.state.out_of_memory = true;
        assert_eq!(end_of(&container), "was ended for want of memory");
    }
}
