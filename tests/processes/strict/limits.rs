//! One command cannot use up the machine.

use std::{
    env, fs,
    time::{Duration, Instant},
};

use worldflux::{
    names::{Bytes, EndKind},
    policy::Resources,
};

use super::world::world;
use crate::{
    kit::{launcher, order, run},
    tidy::{census, settle},
};

/// PR21
#[test]
fn a_fork_bomb_is_bounded_and_leaves_nothing() {
    let world = world();
    let script = "
count = 0
try:
    while True:
        if os.fork() == 0:
            time.sleep(1000)
            os._exit(0)
        count += 1
except OSError as error:
    print(errno.errorcode[error.errno], count < 400)
";
    let mut order = world.python(script);
    order.limits = Resources { processes: Some(200), ..Resources::default() };
    let output = run(order.output(|_| ()));
    assert_eq!((output.stdout().as_str(), output.exit.ending.kind), ("EAGAIN True\n", EndKind::Exited { code: 0 }));
}

/// PR21
#[test]
fn a_flood_of_processes_does_not_hold_up_another_command() {
    let (bomb, other) = (world(), world());
    run(async {
        let script = "
if os.fork() == 0:
    while True:
        try:
            os.fork()
        except OSError:
            time.sleep(0.01)
time.sleep(1000)
";
        let mut flood = bomb.python(script);
        flood.limits = Resources { processes: Some(300), ..Resources::default() };
        let child = flood.start(crate::kit::quiet()).await;
        let begin = Instant::now();
        let output = order(["echo", "alive"]).strict([&other.work]).output(|_| ()).await;
        assert_eq!(output.stdout(), "alive\n");
        assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
        child.kill();
        assert_eq!(child.wait().await.ending.kind, EndKind::Killed);
    });
}

#[test]
fn a_file_has_a_longest_length_and_memory_an_end() {
    let world = world();
    let mut order = world.python(
        "
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
def write():
    with open('long', 'wb') as file:
        file.write(b'x' * (3 << 20))
attempt(write)
try:
    bytearray(900 << 20)
except MemoryError:
    print('no memory')
def fill():
    with open('/dev/shm/x', 'wb') as file:
        for _ in range(600):
            file.write(b'x' * (1 << 20))
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
attempt(fill)
",
    );
    order.limits = Resources { file: Some(Bytes::mebi(2)), memory: Some(Bytes::mebi(500)), ..Resources::default() };
    let output = run(order.output(|_| ()));
    assert_eq!(output.stdout(), "EFBIG\nno memory\n", "and the last one is ended by a signal");
    assert_eq!(output.exit.ending.kind, EndKind::Signalled { signal: 25 });
    assert!(fs::metadata(world.work.join("long")).unwrap().len() <= 2 << 20);
}

#[test]
fn a_limit_on_memory_is_for_all_processes_together_where_the_machine_can_do_that() {
    let world = world();
    // Each of them alone stays well below the limit.
    let script = "
def hold():
    kept = b'x' * (60 << 20)
    time.sleep(1000)
children = []
for _ in range(4):
    child = os.fork()
    if child == 0:
        hold()
    children.append(child)
if together:
    os.waitpid(-1, 0)
    print('one was ended')
else:
    time.sleep(1)
    print(os.waitpid(-1, os.WNOHANG))
";
    let together = launcher().bounds_trees();
    let mut order = world.python(&format!("together = {}\n{script}", if together { "True" } else { "False" }));
    order.limits = Resources { memory: Some(Bytes::mebi(150)), ..Resources::default() };
    let output = run(order.output(|_| ()));
    assert_eq!(output.stdout(), if together { "one was ended\n" } else { "(0, 0)\n" });
    assert_eq!(output.exit.ending.evidence.contains("of it at the limit on memory"), together, "{}", output.exit.ending.evidence);
}

#[test]
fn a_limit_on_processors_is_for_all_processes_together_or_is_said_not_to_hold() {
    let world = world();
    // Each of them alone would use up a whole processor.
    let script = "
begin = time.monotonic()
for _ in range(4):
    if os.fork() == 0:
        while time.monotonic() < begin + 4:
            pass
        os._exit(0)
for _ in range(4):
    os.wait()
used = os.times()
print(used.children_user + used.children_system, time.monotonic() - begin)
";
    let mut order = world.python(script);
    order.limits = Resources { cpus: "0.5".parse().ok(), ..Resources::default() };
    let output = run(order.output(|_| ()));
    let (stdout, evidence) = (output.stdout(), output.exit.ending.evidence);
    let (used, took) = stdout.trim().split_once(' ').unwrap();
    let (used, took): (f64, f64) = (used.parse().unwrap(), took.parse().unwrap());
    let holds = launcher().bounds_processors();
    assert_eq!(evidence.contains("cpus=0.5 was not kept"), !holds, "{evidence}");
    assert!(!holds || (took >= 3.0 && used <= 0.8 * took), "{used} seconds of processors in {took} seconds");
}

#[test]
fn what_is_written_in_memory_counts_as_memory() {
    let world = world();
    let mut order = world.python("attempt(lambda: open('/tmp/x', 'wb').write(b'x' * (60 << 20)))");
    order.limits = Resources { memory: Some(Bytes::mebi(50)), ..Resources::default() };
    let output = run(order.output(|_| ()));
    assert!(!output.stdout().contains("worked"), "{}", output.stdout());
}

#[test]
fn both_folders_in_memory_together_hold_no_more_than_was_granted() {
    let world = world();
    let script = "
def fill(path):
    with open(path, 'wb') as file:
        file.write(b'x' * (40 << 20))
attempt(lambda: fill('/tmp/x'))
attempt(lambda: fill('/dev/shm/y'))
";
    let mut order = world.python(script);
    order.limits = Resources { memory: Some(Bytes::mebi(60)), ..Resources::default() };
    let output = run(order.output(|_| ()));
    assert!(output.stdout().matches("worked").count() < 2, "{}", output.stdout());
}

/// PR23
#[test]
fn a_flood_of_output_is_counted_and_cut() {
    let world = world();
    let output = run(order(["head", "-c", "300M", "/dev/zero"]).strict([&world.work]).output(|options| options.cap = Bytes::mebi(1)));
    let ending = output.exit.ending;
    assert_eq!((ending.kind, ending.stdout_bytes, ending.truncated), (EndKind::Exited { code: 0 }, Bytes::mebi(300), true));
    assert_eq!(output.events.iter().map(|event| event.bytes.len()).sum::<usize>(), 1 << 20);
}

/// Tells the copy of this program that it is to count.
const COUNT: &str = "WORLDFLUX_TEST_STRICT_COUNT";

/// PR32
#[test]
fn hundreds_of_strict_commands_leave_nothing_behind() {
    if env::var_os(COUNT).is_none() {
        // In a process of its own, so that other tests do not disturb the count.
        let status = std::process::Command::new(env::current_exe().unwrap())
            .args(["strict::limits::hundreds_of_strict_commands_leave_nothing_behind", "--exact"])
            .env(COUNT, "1")
            .status()
            .unwrap();
        assert!(status.success());
        return;
    }
    let world = world();
    run(async {
        for _ in 0..3 {
            order(["true"]).strict([&world.work]).output(|_| ()).await;
        }
        settle().await;
        let before = census();
        for _ in 0..100 {
            let start = || order(["true"]).strict([&world.work]).output(|_| ());
            let (a, b, c) = tokio::join!(start(), start(), start());
            for output in [a, b, c] {
                assert_eq!(output.exit.ending.kind, EndKind::Exited { code: 0 });
            }
        }
        settle().await;
        assert_eq!(census(), before);
    });
}
