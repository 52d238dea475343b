//! Acts: what is tried, and what came of it.

use crate::{
    broken, files, http, network, processes, resources, transfer,
    wit::worldflux::runtime::{
        log::{self, Level},
        secrets,
    },
};

/// Does what `behaviour` says. `None` where it is no act.
pub fn act(behaviour: &str) -> Option<String> {
    // No answer may hold NUL; here the act is meant, not the report of it.
    Some(try_act(behaviour)?.replace('\0', "%00"))
}

fn try_act(behaviour: &str) -> Option<String> {
    let (name, value) = behaviour.split_once(':').unwrap_or((behaviour, ""));
    // What cannot stand in a setting.
    let value = &value.replace("%00", "\0").replace("%0a", "\n");
    Some(match name {
        "trap" => unreachable(),
        "panic" => panic!("the rogue panics"),
        "exit" => std::process::exit(value.parse().unwrap_or(0)),
        "hang" => resources::hang(),
        "recurse" => format!("ok: {}", resources::recurse(1)),
        "recurse-calls" => format!("ok: {}", resources::recurse_calls(1)),
        "grow" => resources::grow(),
        "allocate" => resources::allocate(),
        "handles" => resources::handles(),
        "sleep" => resources::sleep(value),
        "storm-of-sleeps" => resources::storm_of_sleeps(),
        "endless-wait" => resources::endless_wait(),
        "many-writes" => resources::many_writes(),
        "random" => resources::random(value),
        "huge-line" => resources::huge_line(),
        "bad-text" => broken::bad_text(value),
        "forged-handle" => broken::forged_handle(value),
        "dropped-handle" => broken::dropped_handle(),
        "dropped-twice" => broken::dropped_twice(),
        "hold-and-trap" => {
            let _file = std::fs::File::create("/output/held");
            log::write(Level::Info, &processes::launch_with(value), &[]);
            unreachable()
        }
        "flood-stdout" => resources::flood_stdout(),
        "flood-stderr" => resources::flood_stderr(),
        "flood-log" => resources::flood_log(),
        "flood-lines" => resources::flood_lines(),
        "flood-progress" => resources::flood_progress(),
        "log-control" => resources::log_control(),

        "environment" => resources::environment(),
        "stdin" => resources::stdin(),
        "secrets" => format!("ok: {}", secrets::available().join(" ")),

        "read" => files::read(value),
        "tell" => files::tell(value),
        "write" => files::write(value),
        "list" => files::list(value),
        "remove" => files::remove(value),
        "preopens" => files::preopens(),
        "symlink" => files::symlink(value),
        "hard-link" => files::hard_link(value),
        "open-at" => files::open_at(value),
        "fill" => files::fill(value),
        "sparse" => files::sparse(value),
        "sparse-stream" => files::sparse_stream(value),
        "append-stream" => files::append_stream(value),
        "many-files" => files::many_files(value),
        "deep" => files::deep(value),
        "deep-by-moving" => files::deep_by_moving(value),
        "rename" => files::rename(value),
        "make" => files::make(value),
        "open-many" => files::open_many(value),

        "connect" => network::connect(value),
        "resolve" => network::resolve(value),
        "udp" => network::udp(),
        "listen" => network::listen(),
        "http" => http::http(value),
        "download" => transfer::download(value),

        "output" => processes::output(value),
        "output-with" => processes::output_with(value),
        "launch-with" => processes::launch_with(value),
        "launch-and-hang" => {
            processes::launch_with(value);
            resources::hang()
        }
        "output-variable" => processes::output_variable(value),
        "output-folder" => processes::output_folder(value),
        "output-nul" => processes::output_nul(),
        "storm-of-starts" => processes::storm_of_starts(),
        "launch-many" => processes::launch_many(value),
        "output-many" => processes::output_many(),
        "launch" => processes::launch(value),
        "command" => processes::command(),
        "command-variable" => processes::command_variable(value),
        "command-folder" => processes::command_folder(value),
        "command-path" => processes::command_path(value),
        "observe" => processes::observe(value),
        "stop" => processes::stop(value),
        _ => return None,
    })
}

#[cfg(target_arch = "wasm32")]
pub fn unreachable() -> ! {
    core::arch::wasm32::unreachable()
}

#[cfg(not(target_arch = "wasm32"))]
pub fn unreachable() -> ! {
    std::process::abort()
}
