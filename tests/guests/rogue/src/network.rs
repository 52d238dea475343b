//! Tries to reach the outside.

use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};

fn report<T>(what: &str, result: std::io::Result<T>) -> String {
    match result {
        Ok(_) => format!("ok: {what}"),
        Err(error) => format!("denied: {what}: {error}"),
    }
}

pub fn connect(address: &str) -> String {
    report(&format!("connect to {address}"), TcpStream::connect(address))
}

pub fn resolve(name: &str) -> String {
    report(&format!("look up {name}"), (name, 80).to_socket_addrs())
}

pub fn udp() -> String {
    report("bind a datagram socket", UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.send_to(b"rogue", "127.0.0.1:9")))
}

pub fn listen() -> String {
    report("listen", TcpListener::bind("127.0.0.1:0"))
}
