//! What a hostile command tries, one way each, and what the system answers.

use std::{
    fs,
    net::{TcpListener, UdpSocket},
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixListener},
    },
};

use super::world::world;

/// PR12, PR14
#[test]
fn a_file_outside_can_neither_be_read_nor_seen_nor_changed() {
    let world = world();
    let said = world.says(
        "
secret, outside = os.environ['SECRET'], os.environ['OUTSIDE']
attempt(lambda: open(secret).read())
attempt(lambda: os.stat(secret))
attempt(lambda: os.chmod(secret, 0o666))
attempt(lambda: os.utime(secret))
attempt(lambda: os.listdir(outside))
attempt(lambda: os.rename(secret, 'mine'))
attempt(lambda: os.link(secret, 'mine'))
",
    );
    assert_eq!(said, "ENOENT\n".repeat(7));
    assert_eq!(fs::read_to_string(&world.secret).unwrap(), "hunter2");
}

/// PR12
#[test]
fn the_home_folder_the_shadow_file_and_the_hosts_folder_are_not_there() {
    let here = env!("CARGO_MANIFEST_DIR");
    let said = world().says(&format!(
        "
for path in ['/root', '/home', '/etc/shadow', '/etc/machine-id', '/var', '/run', {here:?}]:
    attempt(lambda: os.stat(path))
print(sorted(os.listdir('/')))
"
    ));
    let (refused, root) = said.rsplit_once("ENOENT\n").unwrap();
    assert_eq!(refused, "ENOENT\n".repeat(6));
    assert!(["usr", "proc", "dev", "tmp"].iter().all(|name| root.contains(name)) && !root.contains("home"), "{root}");
}

/// PR13
#[test]
fn nothing_is_written_outside_of_what_was_granted() {
    let world = world();
    let said = world.says(
        "
for path in [os.environ['OUTSIDE'] + '/new', '/new', '/usr/new', '/etc/passwd', '/etc/ld.so.cache', '/proc/sys/kernel/core_pattern']:
    attempt(lambda: open(path, 'w'))
attempt(lambda: os.mkdir('/new'))
attempt(lambda: os.unlink('/etc/hosts'))
",
    );
    assert!(!said.contains("worked") && said.lines().count() == 8, "{said}");
    assert_eq!(fs::read_dir(&world.outside).unwrap().count(), 1);
}

/// PR12
#[test]
fn a_link_in_a_granted_folder_opens_nothing() {
    let said = world().says("os.symlink(os.environ['SECRET'], 'link'); attempt(lambda: open('link').read())");
    assert_eq!(said, "ENOENT\n");
}

/// PR15
#[test]
fn no_socket_of_the_host_can_be_reached() {
    let world = world();
    let (tcp, udp) = (TcpListener::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    udp.set_nonblocking(true).unwrap();
    let path = world.outside.join("docker.sock");
    let name = format!("worldflux-test-{}", std::process::id());
    let _listeners =
        (UnixListener::bind(&path).unwrap(), UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap());
    let said = world.says(&format!(
        "
def connect(family, kind, address):
    with socket.socket(family, kind) as s:
        s.settimeout(5)
        s.connect(address)
        s.send(b'x')
attempt(lambda: connect(socket.AF_INET, socket.SOCK_STREAM, ('127.0.0.1', {})))
attempt(lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, {path:?}))
attempt(lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, b'\\0' + {name:?}.encode()))
attempt(lambda: connect(socket.AF_INET, socket.SOCK_STREAM, ('192.0.2.1', 80)))
try:
    connect(socket.AF_INET, socket.SOCK_DGRAM, ('127.0.0.1', {}))
except OSError:
    pass
",
        tcp.local_addr().unwrap().port(),
        udp.local_addr().unwrap().port(),
    ));
    assert_eq!(said, "ECONNREFUSED\nENOENT\nECONNREFUSED\nENETUNREACH\n");
    assert!(udp.recv(&mut [0; 8]).is_err());
}

/// PR16
#[test]
fn the_host_can_neither_be_signalled_nor_followed_nor_read() {
    let said = world().says(&format!(
        "
host = {}
attempt(lambda: os.kill(host, 0))
attempt(lambda: open('/proc/%d/environ' % host).read())
attempt(lambda: call(101, 0x4206, host, 0, 0))
attempt(lambda: open('/proc/1/environ').read())
attempt(lambda: open('/proc/1/mem'))
attempt(lambda: os.readlink('/proc/1/root'))
attempt(lambda: os.kill(1, signal.SIGKILL))
",
        std::process::id()
    ));
    assert_eq!(said, "ESRCH\nENOENT\nEPERM\nEACCES\nEACCES\nEACCES\nEPERM\n");
}

#[test]
fn the_kernel_is_not_asked_for_what_no_command_needs() {
    // unshare, io_uring_setup, clone3, keyctl, bpf, ptrace, userfaultfd, perf_event_open, mount, setns, open_by_handle_at: by number, as
    // an attacker does.
    let said = world().says(
        "
if os.uname().machine == 'x86_64':
    for number, arguments in [(272, (0x10000000,)), (425, (1, 0)), (435, (0, 0)), (250, (0, -4)), (321, (0, 0)), (101, (0, 0)),
                              (323, (0,)), (298, (0, 0, 0, 0)), (165, (0, 0, 0, 0, 0)), (308, (0, 0)), (304, (0, 0, 0))]:
        attempt(lambda: call(number, *arguments))
    attempt(lambda: call(56, 0x10000000 | 17, 0, 0, 0, 0))
else:
    print('EPERM\\nENOSYS\\nENOSYS\\n' + 'EPERM\\n' * 9, end='')
",
    );
    assert_eq!(said, format!("EPERM\nENOSYS\nENOSYS\n{}", "EPERM\n".repeat(9)));
}

#[test]
fn only_sockets_of_the_usual_kinds_are_made() {
    let said = world().says(
        "
for family in [40, 16, 17, 38, 2, 10, 1]:
    attempt(lambda: socket.socket(family, socket.SOCK_DGRAM).close())
attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
print(len(socket.socketpair()))
",
    );
    assert_eq!(said, format!("{}{}EPERM\n2\n", "EPERM\n".repeat(4), "worked None\n".repeat(3)));
}

#[test]
fn a_call_of_the_x32_kind_ends_the_process() {
    if cfg!(target_arch = "x86_64") {
        let said = world().says(
            "print(subprocess.run([sys.executable, '-S', '-c', 'import ctypes; ctypes.CDLL(None).syscall(0x40000000 | 39)']).returncode)",
        );
        assert_eq!(said, "-31\n", "SIGSYS");
    }
}

#[test]
fn there_is_no_right_of_root_and_none_to_be_had() {
    let said = world().says(
        "
lines = dict(line.split(':', 1) for line in open('/proc/self/status'))
print([lines[name].strip() for name in ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb', 'NoNewPrivs', 'Seccomp']])
attempt(lambda: os.mknod('device', 0o20666, os.makedev(1, 3)))
attempt(lambda: os.setgroups([0]))
attempt(lambda: os.chroot('.'))
",
    );
    let none = "'0000000000000000', ".repeat(5);
    assert_eq!(said, format!("[{none}'1', '2']\nEACCES\nEPERM\nEPERM\n"));
}

/// PR33
#[test]
fn a_program_that_takes_the_rights_of_its_owner_takes_none() {
    let world = world();
    fs::copy("/usr/bin/id", world.work.join("id")).unwrap();
    fs::set_permissions(world.work.join("id"), std::os::unix::fs::PermissionsExt::from_mode(0o6755)).unwrap();
    let said = world.says("print(subprocess.run(['./id', '-u'], capture_output=True, text=True).stdout == '%d\\n' % os.getuid())");
    assert_eq!(said, "True\n");
}

/// PR17, PR18
#[test]
fn it_has_three_descriptors_and_no_terminal() {
    // One that the host itself inherited, without the flag that would close it.
    let file = tempfile::tempfile().unwrap();
    rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).unwrap();
    let said = world().says(
        "
print([fd for fd in range(1024) if os.path.exists('/proc/self/fd/%d' % fd)])
attempt(lambda: os.open('/dev/tty', os.O_RDWR))
attempt(lambda: call(16, 0, 0x5412, b'x'))
attempt(lambda: call(16, 0, 0xffffffff00005412, b'x'))
attempt(lambda: call(16, 0, 0x541c, b'x'))
",
    );
    let typing = if cfg!(target_arch = "x86_64") { "EPERM\nEPERM\nEPERM\n" } else { "ENOTTY\n" };
    assert!(said.starts_with("[0, 1, 2]\nENOENT\n") && (said.ends_with(typing) || cfg!(not(target_arch = "x86_64"))), "{said}");
}

/// PR31
#[test]
fn no_device_but_the_harmless_is_there() {
    let said = world()
        .says("print(sorted(os.listdir('/dev'))); print(len(open('/dev/urandom', 'rb').read(4))); open('/dev/null', 'w').write('x')");
    assert_eq!(said, "['fd', 'full', 'null', 'random', 'shm', 'stderr', 'stdin', 'stdout', 'urandom', 'zero']\n4\n");
}
