//! The graphics processors are there where they were granted, and nothing else is.

use std::{
    env,
    process::{Command, Stdio},
};

use super::world::world;
use crate::kit::run;

/// Tells the copy of this program that its `/dev` has stand-ins.
const INSIDE: &str = "WORLDFLUX_TEST_STAND_INS";

/// A `/dev` of its own, in which a harmless device plays the part of several others.
const STAGE: &str = "
set -e
mkdir -p \"$1/dev\" && mount -t tmpfs none \"$1/dev\"
mkdir \"$1/dev/dri\" \"$1/dev/nvidia-caps\" \"$1/dev/shm\"
for name in null zero full random urandom; do touch \"$1/dev/$name\"; mount --bind /dev/$name \"$1/dev/$name\"; done
for name in nvidia0 nvidiactl nvidia-uvm dri/renderD128 dri/card0 nvidia-caps/nvidia-cap1 sda; do
    touch \"$1/dev/$name\"; mount --bind /dev/null \"$1/dev/$name\"
done
touch \"$1/dev/nvidia7\"
mount --rbind \"$1/dev\" /dev
shift
exec \"$@\"
";

/// PR31
#[test]
fn a_processor_is_there_only_where_it_was_granted() {
    if env::var_os(INSIDE).is_some() {
        return with_stand_ins();
    }
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "--propagation", "private", "sh", "-c", STAGE, "sh"])
        .args([folder.path(), &env::current_exe().unwrap()])
        .args(["strict::devices::a_processor_is_there_only_where_it_was_granted", "--exact", "--nocapture"])
        .env(INSIDE, "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
}

fn with_stand_ins() {
    let world = world();
    let script = "
import fcntl
def names(folder):
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else None
print(names('/dev/dri'), names('/dev/nvidia-caps'), [name for name in names('/dev') if 'nv' in name or name == 'sda'])
def ask(name):
    with open(name, 'r+b', buffering=0) as device:
        fcntl.ioctl(device, 0x1234)
attempt(lambda: ask('/dev/nvidia0'))
attempt(lambda: ask('/dev/zero'))
";
    let mut order = world.python(script);
    assert_eq!(run(order.clone().output(|_| ())).stdout(), "None None []\nENOENT\nEACCES\n");
    order.gpu = true;
    // The stand-in does not know the request, which shows that it was asked.
    let all = "['renderD128'] ['nvidia-cap1'] ['nvidia-caps', 'nvidia-uvm', 'nvidia0', 'nvidiactl']\nENOTTY\nEACCES\n";
    assert_eq!(run(order.output(|_| ())).stdout(), all);
}
