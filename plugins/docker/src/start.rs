//! Starting a command in the container.
//!
//! The command is a `docker exec` (or `podman exec`) on this machine, which the host launches, feeds and follows like any process: so input and
//! output go at the speed of a pipe and never through this plugin, the exit code comes back by itself, and interactive input works. The other
//! way, to have the daemon's own stream of input and output copied here, would have every byte cross into this component and out again.

use worldflux_plugin::{
    Cause, ExecutionKind, ExecutionRequest, Failure, Started, Stdin,
    context::Context,
    process::{self, Command},
};

use crate::{
    container, dialect, handle,
    handle::Handle,
    image,
    settings::{Client, OUTPUT},
    translate::Shape,
    variables,
};

/// Reads what a command leaves of its input.
const RELAY: &str = include_str!("relay.sh");

/// By this variable the processes of one command are found inside the container.
pub(crate) const MARK: &str = "WORLDFLUX_EXECUTION";

pub(crate) fn start(context: &Context, handle: &Handle, request: &ExecutionRequest) -> Result<Started, Failure> {
    let shape = container::running(context, handle)?;
    let socket = context.socket(dialect::ENDPOINT).ok_or_else(|| {
        let failure = Failure::other("the daemon is not reached through a socket of this machine, and a command is connected through one");
        failure.hint("worldflux endpoint add docker.sock:80 --at unix:/run/docker.sock")
    })?;
    let mark = handle::mark(context, request.index);
    let launch = |client| process::launch(&line(client, &socket, context, handle, &shape, request, &mark)?);
    let process = match shape.settings.client {
        Some(client) => launch(client),
        None => match launch(Client::Docker) {
            Err(failure) if failure.cause == Cause::NotFound => launch(Client::Podman),
            other => other,
        },
    };
    let process = process.map_err(|failure| match failure.cause {
        Cause::NotFound => failure.hint("install the client: `docker` (on Debian docker.io, or docker-cli) or `podman`"),
        _ => failure,
    })?;
    handle::note(&process, &mark)?;
    Ok(Started::HostProcess(process))
}

/// The program that stands for the command.
fn line(
    client: Client,
    socket: &str,
    context: &Context,
    handle: &Handle,
    shape: &Shape,
    request: &ExecutionRequest,
    mark: &str,
) -> Result<Command, Failure> {
    let mut line = dialect::exec(client, socket);
    if !matches!(request.stdin, Stdin::Empty) {
        line = line.argument("--interactive").input_of_command();
    }
    line = line.arguments(["--workdir", &shape.inside(&request.working_directory)]);
    let metrics = format!("{OUTPUT}/metrics.json");
    for (name, value) in [
        (MARK, mark),
        ("WORLDFLUX_RUN_ID", &context.run.run_id),
        ("WORLDFLUX_OUTPUT_DIR", OUTPUT),
        ("WORLDFLUX_METRICS", &metrics),
        ("WORLDFLUX_LISTEN", shape.listen()),
    ] {
        line = line.arguments(["--env", &format!("{name}={value}")]);
    }
    let carried = variables::carry(&request.variables)?;
    for variable in &carried {
        line = line.arguments(["--env", &variable.on_the_way]).carry(&variable.on_the_way, &variable.name);
    }
    let argv = if shape.settings.bake && is_baked(context, request) {
        let said = "echo 'this was done when the image was made'";
        vec![shape.settings.shell.clone(), "-c".to_owned(), said.to_owned()]
    } else {
        variables::restoring(&carried, &shape.settings.shell, &request.argv)
    };
    let has_input = !matches!(request.stdin, Stdin::Empty);
    let argv = if has_input && handle::is_podman() { relayed(&shape.settings.shell, argv) } else { argv };
    Ok(line.argument(&handle.container).arguments(argv))
}

/// The same command, with somebody behind it who reads the input that it leaves.
fn relayed(shell: &str, argv: Vec<String>) -> Vec<String> {
    [shell, "-c", RELAY, "sh"].map(str::to_owned).into_iter().chain(argv).collect()
}

/// Whether the image has what this setup line does.
fn is_baked(context: &Context, request: &ExecutionRequest) -> bool {
    let is_setup = matches!(request.kind, ExecutionKind::Setup | ExecutionKind::EvaluationSetup);
    is_setup && request.argv.last().is_some_and(|line| image::baked_lines(context).contains(line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::tests::{context, image};
    use worldflux_plugin::context::Variable;

    fn request(stdin: Stdin) -> ExecutionRequest {
        ExecutionRequest {
            kind: ExecutionKind::Command,
            index: 3,
            argv: vec!["cat".into(), "-".into()],
            variables: vec![Variable::new("TOKEN", "s3cret"), Variable::new("PATH", "/opt/bin")],
            working_directory: "/workspace/sub".into(),
            deadline: None,
            stdin,
            details: vec![],
        }
    }

    fn arguments(context: &Context, request: &ExecutionRequest) -> Vec<String> {
        let shape = Shape::new(context, false).unwrap();
        let line = line(Client::Docker, "/s", context, &Handle::of(context), &shape, request, &handle::mark(context, 3)).unwrap();
        line.arguments_given().to_vec()
    }

    /// X33, N20
    #[test]
    fn values_of_variables_are_no_arguments() {
        let arguments = arguments(&image(), &request(Stdin::Empty));
        assert!(!arguments.iter().any(|argument| argument.contains("s3cret") || argument.contains("/opt/bin")), "{arguments:?}");
        assert!(arguments.windows(2).any(|pair| pair == ["--env", "TOKEN"]) && arguments.contains(&"CARRIED_1".to_owned()));
        assert!(!arguments.contains(&"--interactive".to_owned()));
    }

    #[test]
    fn the_command_follows_the_container_as_it_was_typed() {
        let arguments = arguments(&context(r#"{"image":"x","workdir":"/app"}"#), &request(Stdin::Host(None)));
        assert!(arguments.ends_with(&["sh".into(), "cat".into(), "-".into()]));
        assert!(arguments.windows(2).any(|pair| pair == ["--workdir", "/app/sub"]) && arguments.contains(&"--interactive".to_owned()));
        assert!(arguments.windows(2).any(|pair| pair == ["--env", "WORLDFLUX_EXECUTION=r-1.3."]));
    }

    #[test]
    fn input_that_is_left_is_read_and_the_code_is_that_of_the_command() {
        use std::{io::Write as _, process::Stdio};
        let argv = relayed("/bin/sh", ["sh", "-c", "read -r line; echo \"$line\"; exit 5"].map(str::to_owned).to_vec());
        let mut command = std::process::Command::new(&argv[0]);
        let mut child = command.args(&argv[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // More than a pipe holds: a write that nobody reads would never end.
        stdin.write_all(&[b"one\n".to_vec(), vec![b'x'; 1 << 20]].concat()).unwrap();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(5), b"one\n".as_slice()));
    }

    #[test]
    fn a_line_that_the_image_has_is_not_run_again() {
        let mut context = context(r#"{"image":"x","bake":true}"#);
        context.specification.setup_commands = vec!["apk add git".into()];
        let setup = |line: &str| ExecutionRequest {
            kind: ExecutionKind::Setup,
            argv: vec!["/bin/sh".into(), "-c".into(), line.into()],
            variables: vec![],
            ..request(Stdin::Empty)
        };
        assert!(!arguments(&context, &setup("apk add git")).contains(&"apk add git".to_owned()));
        assert!(arguments(&context, &setup("make")).contains(&"make".to_owned()));
    }
}
