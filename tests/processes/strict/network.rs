//! A command that may reach hosts by name has one way out, and the host is at the other end of it.

use std::{
    io::{Read, Write},
    net::{TcpListener, UdpSocket},
    sync::Arc,
};

use worldflux::{
    policy::ChildNetwork,
    sandbox::{StartOptions, WAY_OUT},
};

use super::world::{World, world};
use crate::kit::{Events, Order, run, until};

/// Confined, with the way out.
fn named(world: &World, script: &str) -> Order {
    Order { network: ChildNetwork::Hosts(["example.test".parse().unwrap()].into()), ..world.python(script) }
}

const WAYS: &str = "
def connect(kind, address, family=socket.AF_INET, protocol=0):
    with socket.socket(family, kind, protocol) as s:
        s.settimeout(5)
        s.connect(address)
        s.send(b'x')
";

#[test]
fn the_host_answers_at_the_one_port_and_only_when_it_wants_to() {
    let world = world();
    run(async {
        let events = Arc::new(Events::default());
        let script = format!("print(socket.create_connection(('127.0.0.1', {WAY_OUT})).makefile('rw').readline())");
        let mut options = StartOptions::new(events.clone());
        options.way_out.insert("HTTPS_PROXY".into(), "somewhere".into());
        let child = named(&world, &script).start(options).await;
        let listener = TcpListener::from(child.take_listener().unwrap());
        assert!(child.take_listener().is_none(), "there is one");
        listener.set_nonblocking(false).unwrap();
        let (mut connection, from) = listener.accept().unwrap();
        assert!(from.ip().is_loopback());
        connection.write_all(b"from the host\n").unwrap();
        drop(connection);
        child.wait().await;
        assert_eq!(events.text(), "from the host\n\n");
    });
}

/// NE25
#[test]
fn nothing_is_reached_by_any_other_way() {
    let world = world();
    let (tcp, udp) = (TcpListener::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    udp.set_nonblocking(true).unwrap();
    let script = format!(
        "{WAYS}
attempt(lambda: connect(socket.SOCK_STREAM, ('127.0.0.1', {tcp})))
attempt(lambda: connect(socket.SOCK_STREAM, ('192.0.2.1', 443)))
attempt(lambda: connect(socket.SOCK_STREAM, ('2001:db8::1', 443), socket.AF_INET6))
attempt(lambda: connect(socket.SOCK_DGRAM, ('192.0.2.1', 53)))
attempt(lambda: connect(socket.SOCK_DGRAM, ('169.254.169.254', 80)))
attempt(lambda: connect(socket.SOCK_RAW, ('192.0.2.1', 0), protocol=socket.IPPROTO_ICMP))
attempt(lambda: connect(socket.SOCK_RAW, ('192.0.2.1', 0), protocol=socket.IPPROTO_RAW))
attempt(lambda: connect(socket.SOCK_DGRAM, ('192.0.2.1', 0), protocol=socket.IPPROTO_ICMP))
attempt(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
attempt(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
try:
    socket.getaddrinfo('example.test', 443)
except socket.gaierror:
    print('no name')
try:
    connect(socket.SOCK_DGRAM, ('127.0.0.1', {udp}))
except OSError:
    pass
",
        tcp = tcp.local_addr().unwrap().port(),
        udp = udp.local_addr().unwrap().port(),
    );
    let output = run(named(&world, &script).output(|_| ()));
    let refused =
        ["ECONNREFUSED", "ENETUNREACH", "ENETUNREACH", "ENETUNREACH", "ENETUNREACH", "EPERM", "EPERM", "EACCES", "EPERM", "EPERM"];
    assert_eq!(output.stdout(), format!("{}\nno name\n", refused.join("\n")));
    assert!(udp.recv(&mut [0; 8]).is_err());
}

#[test]
fn the_port_cannot_be_taken_over_from_inside_and_the_way_is_told_by_variables_that_win() {
    let world = world();
    let script = format!(
        "{WAYS}
def listen(*options):
    s = socket.socket()
    for option in options:
        s.setsockopt(socket.SOL_SOCKET, option, 1)
    s.bind(('127.0.0.1', {WAY_OUT}))
    s.listen()
attempt(lambda: listen())
attempt(lambda: listen(socket.SO_REUSEADDR))
attempt(lambda: listen(socket.SO_REUSEADDR, socket.SO_REUSEPORT))
print(os.environ['HTTPS_PROXY'], [fd for fd in range(1024) if os.path.exists('/proc/self/fd/%d' % fd)])
"
    );
    let order = named(&world, &script).variable("HTTPS_PROXY", "http://elsewhere");
    let output = run(order.output(|options| drop(options.way_out.insert("HTTPS_PROXY".into(), "http://here".into()))));
    assert_eq!(output.stdout(), format!("{}http://here [0, 1, 2]\n", "EADDRINUSE\n".repeat(3)));
}

#[test]
fn a_command_without_a_network_of_names_has_neither_the_port_nor_the_variables() {
    let world = world();
    run(async {
        let events = Arc::new(Events::default());
        let script =
            format!("{WAYS}attempt(lambda: connect(socket.SOCK_STREAM, ('127.0.0.1', {WAY_OUT}))); print('HTTPS_PROXY' in os.environ)");
        let mut options = StartOptions::new(events.clone());
        options.way_out.insert("HTTPS_PROXY".into(), "somewhere".into());
        let child = world.python(&script).start(options).await;
        assert!(child.take_listener().is_none());
        child.wait().await;
        assert_eq!(events.text(), "ECONNREFUSED\nFalse\n");
    });
}

#[test]
fn a_command_that_ends_closes_what_it_was_connected_to() {
    let world = world();
    run(async {
        let events = Arc::new(Events::default());
        let script = format!("s = socket.create_connection(('127.0.0.1', {WAY_OUT})); print('there'); time.sleep(1000)");
        let child = named(&world, &script).start(StartOptions::new(events.clone())).await;
        let listener = TcpListener::from(child.take_listener().unwrap());
        listener.set_nonblocking(false).unwrap();
        let (mut connection, _) = listener.accept().unwrap();
        until("it is connected", || events.text() == "there\n").await;
        child.kill();
        child.wait().await;
        // Either end is fine; what counts is that it comes.
        assert!(matches!(connection.read(&mut [0; 8]), Ok(0) | Err(_)));
    });
}
