//! What would be made.

use worldflux_plugin::{Failure, Outline, context::Context};

use crate::{
    dialect,
    handle::Handle,
    image,
    settings::{Pull, Source},
    translate::{Network, Shape},
};

pub(crate) fn outline(context: &Context) -> Result<Outline, Failure> {
    let shape = Shape::new(context, dialect::info()?.is_rootless())?;
    let outline = match &shape.settings.source {
        Some(Source::Image(name, pull)) => {
            let is_here = dialect::image(name)?.is_some();
            match (is_here, pull) {
                (true, Pull::Missing | Pull::Never) => Outline::free().step(format!("use the image {name}")),
                (false, Pull::Never) => {
                    let failure = Failure::not_found(format!("the image `{name}` is not here, and is not to be fetched"));
                    return Err(failure.hint(format!("fetch it with `docker pull {name}`, or leave out `pull = \"never\"`")));
                }
                (_, Pull::Always) | (false, Pull::Missing) => Outline::free().makes("image", name).step(format!("fetch the image {name}")),
            }
        }
        Some(Source::Dockerfile { file, .. }) => {
            let step = format!("build an image from {file}, unless one from the same is here");
            Outline::free().makes("image", file).step(step)
        }
        None => Outline::free(),
    };
    let baked = image::baked_lines(context).len();
    let outline = if baked == 0 {
        outline
    } else {
        outline.makes("image", "setup").step(format!("put the work of {baked} setup lines into an image, unless it is there"))
    };
    let reached = match &shape.network {
        Network::None => "without a network".to_owned(),
        Network::Full => "with the network of the daemon".to_owned(),
        Network::Host => "with the network of this machine".to_owned(),
        Network::Named(name) => format!("in the network {name}"),
    };
    let writable = shape.mounts.iter().filter(|mount| mount.writable).map(|mount| mount.target.as_str()).collect::<Vec<_>>();
    let step = format!("make a container as user {} {reached}, which can write to {}", shape.user, writable.join(", "));
    let outline = outline.makes("container", Handle::of(context).container).step(step).step("run the command in it, and remove it");
    Ok(shape.notes.iter().fold(outline, |outline, note| outline.step(note.as_str())))
}
