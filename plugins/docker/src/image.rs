//! The image of a run: what is here, what a registry has, or what is built and kept under the digest of all that it is built from.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};
use worldflux_plugin::{
    Cause, Failure,
    context::{Context, Mode},
    http::Content,
    log,
};

use crate::{
    VERSION,
    answers::Image,
    archive, build, dialect, pull,
    settings::{Pull, Settings, Source},
    translate::Shape,
};

/// An image that is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ready {
    /// As a person knows it.
    pub(crate) name: String,
    pub(crate) id: String,
    /// Its digest in the registry that it came from.
    pub(crate) digest: Option<String>,
}

impl Ready {
    fn new(name: &str, image: Image) -> Self {
        let digest = image.repo_digests.into_iter().find_map(|digest| digest.split_once('@').map(|(_, digest)| digest.to_owned()));
        Self { name: name.to_owned(), id: image.id, digest }
    }
}

/// Have the image of the run here.
pub(crate) fn ready(context: &Context, shape: &Shape) -> Result<Ready, Failure> {
    let settings = &shape.settings;
    let base = match &settings.source {
        Some(Source::Image(name, pull)) => get(name, *pull)?,
        Some(Source::Dockerfile { file, folder, arguments }) => {
            let context = archive::of(folder, file)?;
            let key = key(&["dockerfile", &context.digest, &context.dockerfile, &format!("{arguments:?}"), shape.network.mode()]);
            built(settings, shape, &key, &context.dockerfile, arguments, context.content)?
        }
        None => return Err(Failure::invalid("settings.image", "nothing", "the name of an image, or a `dockerfile`")),
    };
    let lines = baked_lines(context);
    if lines.is_empty() {
        return Ok(base);
    }
    let dockerfile = baking(&base.id, &settings.shell, &lines);
    let key = key(&["setup", &dockerfile, shape.network.mode()]);
    let sent = archive::of_text("Dockerfile", &dockerfile);
    built(settings, shape, &key, "Dockerfile", &BTreeMap::new(), sent)
}

/// The setup lines of this run, in their order.
pub(crate) fn setup_lines(context: &Context) -> Vec<String> {
    let specification = &context.specification;
    if specification.setup_disabled {
        return Vec::new();
    }
    let evaluation: &[String] = if context.mode == Mode::Evaluation { &specification.evaluation_commands } else { &[] };
    [&specification.setup_commands, evaluation, &specification.caller_setup_commands].concat()
}

/// The setup lines that the image has already, where the user wants them there.
pub(crate) fn baked_lines(context: &Context) -> Vec<String> {
    let is_wanted = crate::settings::read(&context.settings).is_ok_and(|settings| settings.bake);
    if is_wanted { setup_lines(context) } else { Vec::new() }
}

/// The tag under which what has this key is kept.
pub(crate) fn tag(key: &str) -> String {
    format!("worldflux/built:{}", key.get(..32).unwrap_or(key))
}

fn get(name: &str, pull: Pull) -> Result<Ready, Failure> {
    if pull != Pull::Always
        && let Some(image) = dialect::image(name)?
    {
        return Ok(Ready::new(name, image));
    }
    let missing = |failure: Option<Failure>| {
        let why = failure.as_ref().map(|failure| format!(": {}", failure.message)).unwrap_or_default();
        let cause = failure.map_or(Cause::NotFound, |failure| match failure.cause {
            Cause::Other | Cause::Unavailable { .. } => Cause::NotFound,
            cause => cause,
        });
        Failure::new(cause, format!("the image `{name}` is not here{why}"))
    };
    if pull == Pull::Never {
        return Err(missing(None).hint(format!("fetch it with `docker pull {name}`, or leave out `pull = \"never\"`")));
    }
    pull::pull(name).map_err(|failure| {
        let hint =
            format!("check the name; an image of a registry with a login is fetched by `docker pull {name}` and then used as it is here");
        let full = failure.cause == Cause::Quota;
        let failure = missing(Some(failure));
        if full { failure } else { failure.hint(hint) }
    })?;
    let image = dialect::image(name)?.ok_or_else(|| missing(None))?;
    Ok(Ready::new(name, image))
}

fn built(
    settings: &Settings,
    shape: &Shape,
    key: &str,
    dockerfile: &str,
    arguments: &BTreeMap<String, String>,
    content: Vec<Content>,
) -> Result<Ready, Failure> {
    let tag = tag(key);
    if !settings.rebuild
        && let Some(image) = dialect::image(&tag)?
    {
        log::info(&format!("the image `{tag}` was built from the same before"));
        return Ok(Ready::new(&tag, image));
    }
    let network = shape.network.mode();
    build::build(dialect::Build { tag: &tag, dockerfile, arguments, network, anew: settings.rebuild, label: key, context: content })
        .map_err(|failure| match failure.hint {
            None if network == "none" => failure.hint("a build has the network of the run, which is none: `--set network=full` opens it"),
            _ => failure,
        })?;
    let image = dialect::image(&tag)?.ok_or_else(|| Failure::not_found(format!("the image `{tag}` is not here though it was built")))?;
    Ok(Ready::new(&tag, image))
}

/// A Dockerfile that runs setup lines, each as it would be run in a container, but as root.
fn baking(base: &str, shell: &str, lines: &[String]) -> String {
    let run = |line: &String| format!("RUN {}\n", serde_json::json!([shell, "-c", line]));
    format!("FROM {base}\nUSER 0:0\n{}", lines.iter().map(run).collect::<String>())
}

/// The digest of everything that an image is made from.
fn key(parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for part in [&[VERSION], parts].concat() {
        digest.update(part.len().to_le_bytes());
        digest.update(part);
    }
    archive::hex(&digest.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::tests::context;

    #[test]
    fn what_is_made_from_the_same_has_the_same_key() {
        assert_eq!(key(&["a", "b"]), key(&["a", "b"]));
        assert_ne!(key(&["a", "b"]), key(&["ab", ""]));
        assert_eq!(tag(&key(&["a"])).len(), "worldflux/built:".len() + 32);
    }

    /// F104, F105, F107, F108
    #[test]
    fn lines_are_baked_only_where_that_is_wanted() {
        let mut context = context(r#"{"image":"x","bake":true}"#);
        context.specification.setup_commands = vec!["a".into()];
        context.specification.evaluation_commands = vec!["b".into()];
        context.specification.caller_setup_commands = vec!["c".into()];
        assert_eq!(baked_lines(&context), ["a", "c"]);
        context.mode = Mode::Evaluation;
        assert_eq!(baked_lines(&context), ["a", "b", "c"]);
        context.specification.setup_disabled = true;
        assert!(baked_lines(&context).is_empty());
        context.specification.setup_disabled = false;
        context.settings = r#"{"image":"x"}"#.into();
        assert!(baked_lines(&context).is_empty() && setup_lines(&context).len() == 3);
    }

    #[test]
    fn a_line_with_quotes_reaches_the_shell_as_it_is() {
        let text = baking("sha256:ab", "/bin/sh", &["echo \"a\" 'b' $c".into()]);
        assert_eq!(text, "FROM sha256:ab\nUSER 0:0\nRUN [\"/bin/sh\",\"-c\",\"echo \\\"a\\\" 'b' $c\"]\n");
    }
}
