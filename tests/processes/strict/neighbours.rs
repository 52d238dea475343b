//! Two commands have nothing in common but what both were granted.

use std::sync::Arc;

use worldflux::sandbox::StartOptions;

use super::world::world;
use crate::kit::{Events, run, until};

/// PR30
#[test]
fn two_commands_find_no_place_to_meet() {
    let (one, other) = (world(), world());
    run(async {
        let events = Arc::new(Events::default());
        let waiting = "
a = socket.socket(socket.AF_UNIX); a.bind(b'\\0meet'); a.listen()
b = socket.socket(); b.bind(('127.0.0.1', 4711)); b.listen()
open('/dev/shm/meet', 'w').write('x'); open('/tmp/meet', 'w').write('x')
assert libc.shmget(4711, 4096, 0o1666) != -1 and libc.msgget(4711, 0o1666) != -1 and libc.semget(4711, 1, 0o1666) != -1
print('waits', flush=True); time.sleep(1000)
";
        let child = one.python(waiting).start(StartOptions::new(events.clone())).await;
        until("it waits", || events.text() == "waits\n").await;
        let looking = "
attempt(lambda: socket.socket(socket.AF_UNIX).connect(b'\\0meet'))
attempt(lambda: socket.create_connection(('127.0.0.1', 4711)))
attempt(lambda: open('/dev/shm/meet')); attempt(lambda: open('/tmp/meet'))
print(libc.shmget(4711, 0, 0), libc.msgget(4711, 0), libc.semget(4711, 0, 0))
print([pid for pid in os.listdir('/proc') if pid.isdigit()])
";
        let output = other.python(looking).output(|_| ()).await;
        assert_eq!(output.stdout(), "ECONNREFUSED\nECONNREFUSED\nENOENT\nENOENT\n-1 -1 -1\n['1', '2']\n");
        child.kill();
    });
}
