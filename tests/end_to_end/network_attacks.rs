//! What a command tries at the one way out of its network, and what it is answered.

use std::{fs, net::TcpListener, thread};

use rustix::process::Signal;

use crate::{
    kit::{Going, until},
    network::Site,
};

/// Speaks to the proxy byte by byte.
const HEAD: &str = r"
import base64, os, re, socket, ssl, sys, time
way = re.fullmatch(r'http://([^@]+)@([^:]+):(\d+)', os.environ['HTTPS_PROXY'])
own = base64.b64encode(way[1].encode()).decode()
def dial():
    s = socket.create_connection((way[2], int(way[3])))
    s.settimeout(40)
    return s
def ask(request, token=own, s=None):
    s = s or dial()
    if isinstance(request, str):
        request = request.encode('latin-1')
    auth = b'Proxy-Authorization: Basic ' + token.encode() + b'\r\n' if token else b''
    s.sendall(request + b' HTTP/1.1\r\nHost: x\r\n' + auth + b'\r\n')
    return s
def status(s):
    line = b''
    try:
        while not line.endswith(b'\n'):
            byte = s.recv(1)
            if not byte:
                break
            line += byte
    except ConnectionResetError:
        pass
    return line.split(b' ')[1].decode() if line.startswith(b'HTTP/1.1 ') else 'closed'
def head(s):
    data = b''
    while b'\r\n\r\n' not in data:
        piece = s.recv(1)
        if not piece:
            break
        data += piece
    return data
def tunnel(target='example.test:443'):
    s = ask('CONNECT ' + target)
    answer = head(s)
    assert b' 200 ' in answer, answer
    return s
def through(hostname, target='example.test:443', **options):
    context = ssl._create_unverified_context()
    for name, value in options.items():
        setattr(context, name, value)
    try:
        s = context.wrap_socket(tunnel(target), server_hostname=hostname)
        s.sendall(b'GET /tls HTTP/1.1\r\nHost: x\r\n\r\n')
        return head(s).split(b' ')[1].decode()
    except (ssl.SSLError, ConnectionError) as error:
        return getattr(error, 'reason', None) or type(error).__name__
";

/// NE01, NE02, NE03, NE04, NE05, NE06, NE13, NE14, NE27
#[test]
fn every_spelling_of_another_host_is_refused_before_anything_is_connected() {
    let site = Site::new();
    let script = format!(
        "{HEAD}
for target in ['other.test:443', 'example.test:80', 'example.test:8443', 'example.test.evil.test:443', 'evilexample.test:443', 'sub.example.test:443',
               '[::1]:443', '127.0.0.1:443', '169.254.169.254:80',
               '127.1:443', '0x7f.1:443', '2130706433:443', '0177.1:443', '0:443', '[::ffff:127.0.0.1]:443', 'example.test@127.0.0.1:443',
               'user@example.test:443', 'example.test%00:443', 'example.test%2e:443', 'example.test', 'example.test:', ':443', '*:443',
               'ex\\0ample.test:443', 'example.test:443:443', '\\xfcx.test:443', 'example.test:0', 'example.test:99999',
               'EXAMPLE.TEST.:443']:
    print('CONNECT', repr(target), status(ask('CONNECT ' + target)))
for request in ['GET http://example.test/', 'GET http://example.test:443/', 'GET https://example.test/', 'GET /', 'OPTIONS *', 'GET http://127.1/',
                'POST http://other.test/x']:
    print(request, status(ask(request)))
for token in [None, base64.b64encode(b'worldflux:' + b'0' * 32).decode(), own[:-4] + 'AAAA', '']:
    print('token', status(ask('CONNECT example.test:443', token=token)))
"
    );
    let answer = site.python(&["--run-id", "spellings", "--network", "example.test"], &script).expect(0);
    let said = answer.text();
    let of =
        |start: &str| said.lines().filter(|line| line.starts_with(start)).map(|line| line.rsplit(' ').next().unwrap()).collect::<Vec<_>>();
    let forbidden = ["403"; 9];
    let connects = of("CONNECT");
    assert_eq!(connects[..9], forbidden, "{said}");
    let (last, invalid) = connects[9..].split_last().unwrap();
    assert!(invalid.iter().all(|status| *status == "400" || *status == "closed"), "{said}");
    assert_eq!(*last, "200", "it is the same host: {said}");
    assert_eq!([of("GET"), of("OPTIONS"), of("POST")].concat(), ["403", "403", "400", "400", "400", "400", "403"], "{said}");
    assert_eq!(of("token"), ["407"; 4], "{said}");
    assert_eq!(site.origin.seen().len(), 0);
    let connections = site.connections("spellings");
    let allowed: Vec<_> = connections.iter().filter(|(_, outcome)| outcome["rule"].is_null()).map(|(host, _)| host.as_str()).collect();
    assert_eq!(allowed, ["EXAMPLE.TEST.:443"]);
    assert!(connections.len() > 30, "what was refused is there as well: {}", connections.len());
    assert!(connections.iter().all(|(host, _)| !host.contains("user@")), "a user name can be a secret");
}

#[test]
fn a_tunnel_carries_encryption_for_the_host_that_it_leads_to_and_nothing_else() {
    let site = Site::new();
    let script = format!(
        "{HEAD}
print('own', through('example.test'))
print('other', through('other.test'))
print('none', through(None))
def raw(data):
    s = tunnel()
    s.sendall(data)
    return repr(s.recv(100))
print('plain', raw(b'GET / HTTP/1.1\\r\\nHost: example.test\\r\\n\\r\\n'))
print('ssh', raw(b'SSH-2.0-x\\r\\n'))
print('broken', raw(b'\\x16\\x03\\x01\\x00\\x05hello'))
print('long', raw(b'\\x16\\x03\\x01\\x40\\x00' + b'\\x01\\x00\\xff\\xff' + b'x' * 0x3ffc + (b'\\x16\\x03\\x01\\x40\\x00' + b'x' * 0x4000) * 2))
s = tunnel()
s.sendall(b'\\x16')
began = time.monotonic()
print('slow', repr(s.recv(100)), 8 < time.monotonic() - began < 30)
"
    );
    let answer = site.python(&["--run-id", "tunnel", "--network", "example.test"], &script).expect(0);
    let said: Vec<_> = answer.text().lines().collect();
    assert_eq!(said[0], "own 200", "{said:#?}");
    assert!(said[1].contains("UNRECOGNIZED_NAME") && said[2].contains("UNRECOGNIZED_NAME"), "{said:#?}");
    assert_eq!(said[3..5], ["plain b''", "ssh b''"], "{said:#?}");
    assert!(said[5..7].iter().all(|line| line.contains(r"b'\x15\x03\x03\x00\x02\x02")), "an alert: {said:#?}");
    assert_eq!(said[7], "slow b'' True", "{said:#?}");
    assert_eq!(site.origin.seen().len(), 1, "only what was for it came through");
    let refused =
        site.connections("tunnel").into_iter().filter_map(|(_, outcome)| outcome["failed"]["message"].as_str().map(str::to_owned));
    let refused: Vec<_> = refused.collect();
    for why in [
        "asks there for `other.test`",
        "does not say there that it wants it",
        "does not begin as an encrypted",
        "took longer than",
        "its first message is broken",
    ] {
        assert!(refused.iter().any(|refused| refused.contains(why)), "{why}: {refused:#?}");
    }
}

#[test]
fn a_head_without_end_or_that_never_comes_takes_nothing_of_the_host() {
    let site = Site::new();
    let script = format!(
        "{HEAD}
def send(data):
    s = dial()
    try:
        for piece in data:
            s.sendall(piece)
    except (BrokenPipeError, ConnectionResetError):
        pass
    return status(s)
print('long', send([b'CONNECT example.test:443 HTTP/1.1\\r\\nX: '] + [b'x' * 65536] * 16))
print('line', send([b'CONNECT ' + b'x' * 200000]))
print('many', send([b'CONNECT example.test:443 HTTP/1.1\\r\\n'] + [b'X: y\\r\\n' * 1000, b'\\r\\n']))
s = dial()
began = time.monotonic()
s.sendall(b'CONNECT example.test:443 HTTP/1.1\\r\\n')
answer = status(s)
print('slow', answer in ('closed', '408'), 8 < time.monotonic() - began < 30)
for smuggled in [b'GET http://example.test/ HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 5\\r\\nContent-Length: 6\\r\\n\\r\\n',
                 b'GET http://example.test/ HTTP/1.1\\r\\nHost : a\\r\\n\\r\\n', b'GET http://example.test/\\r\\n\\r\\n\\0\\0', b'PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n']:
    print('odd', send([smuggled]))
print('still', status(ask('CONNECT example.test:443')))
"
    );
    let answer = site.python(&["--network", "example.test"], &script).expect(0);
    let said: Vec<_> = answer.text().lines().collect();
    for (line, start) in said.iter().zip(["long", "line", "many"]) {
        assert!(line.starts_with(start) && ["400", "414", "431", "closed"].iter().any(|status| line.ends_with(status)), "{said:#?}");
    }
    assert_eq!(said[3], "slow True True", "{said:#?}");
    assert!(said[4..8].iter().all(|line| !line.ends_with("200")), "{said:#?}");
    assert_eq!(said[8], "still 200", "{said:#?}");
}

/// NE09
#[test]
fn a_name_that_leads_inside_is_refused_until_the_user_says_so() {
    let site = Site::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = format!(
        "{HEAD}
s = ask('CONNECT localhost:{port}')
print(head(s).split(b'\\r\\n')[0].decode())
print(s.recv(1000).decode(), end='')
"
    );
    let network = format!("http://localhost:{port}");
    let run = || site.python(&["--network", &network], &script).expect(0).text().to_owned();
    let refused = run();
    assert!(
        refused.starts_with("HTTP/1.1 403") && refused.contains(&format!("worldflux endpoint add localhost:{port} --private")),
        "{refused}"
    );
    site.place.type_in(["endpoint", "add", &format!("localhost:{port}"), "--private", "127.0.0.0/8", "--private", "::1/128"]).expect(0);
    let greeting = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        std::io::Write::write_all(&mut stream, b"from inside\n").unwrap();
    });
    let allowed = run();
    assert!(allowed.starts_with("HTTP/1.1 200") && allowed.ends_with("from inside\n"), "{allowed}");
    greeting.join().unwrap();
}

#[test]
fn what_was_named_in_the_clear_is_passed_on_clean_and_both_directions_end_on_their_own() {
    let site = Site::new();
    let plain = crate::origin::Origin::start(|request, stream| {
        crate::origin::text(stream, "200 OK", &format!("{} {}", request.body.len(), request.path()))
    });
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let counter = listener.local_addr().unwrap();
    // Answers only when everything has come: whoever closed its own side still hears it.
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut data = vec![];
            std::io::Read::read_to_end(&mut stream, &mut data).unwrap();
            std::io::Write::write_all(&mut stream, format!("{} bytes", data.len()).as_bytes()).unwrap();
        }
    });
    site.place.type_in(["endpoint", "add", "plain.test:80", "--at", &plain.address.to_string()]).expect(0);
    site.place.type_in(["endpoint", "add", "count.test:7", "--at", &counter.to_string()]).expect(0);
    let script = format!(
        "{HEAD}
import urllib.request as r
print(r.urlopen('http://plain.test/urllib?q=1', data=b'x' * 3000000).read().decode())
s = dial()
for turn in range(2):
    ask('GET http://PLAIN.test/turn/%d' % turn, s=s)
    answer = head(s)
    length = int(re.search(rb'(?i)content-length: (\\d+)', answer)[1])
    print(s.recv(length).decode())
print(status(ask('GET http://other.test/', s=s)))
s = tunnel('count.test:7')
for _ in range(20):
    s.sendall(b'x' * (1 << 20))
s.shutdown(socket.SHUT_WR)
print(s.recv(100).decode(), s.recv(100))
"
    );
    let options = ["--run-id", "clear", "--network", "http://plain.test", "--network", "http://count.test:7"];
    let answer = site.python(&options, &script).expect(0);
    let said: Vec<_> = answer.text().lines().collect();
    assert_eq!(said, ["3000000 /urllib?q=1", "0 /turn/0", "0 /turn/1", "403", "20971520 bytes b''"]);
    for seen in plain.seen() {
        assert_eq!(seen.header("host"), Some("plain.test"));
        for name in ["proxy-authorization", "proxy-connection", "connection", "keep-alive", "te"] {
            assert_eq!(seen.header(name), None, "{}", seen.head);
        }
    }
    let connections = site.connections("clear");
    assert!(connections.iter().any(|(host, outcome)| host == "count.test:7" && outcome["ok"]["up"] == 20 << 20), "{connections:#?}");
    let record = fs::read_to_string(site.place.state().join("runs/clear/record.jsonl")).unwrap();
    assert!(!record.contains("urllib?q"), "a path can hold what must not be written down");
}

#[test]
fn many_connections_take_only_so_many_descriptors_of_the_host_and_end_with_the_command() {
    let site = Site::new();
    site.place.write(
        "script.py",
        format!("{HEAD}\nheld = [dial() for _ in range(380)]\nprint('held', flush=True)\nsys.stdin.read()\ntime.sleep(1000)"),
    );
    let mut going = Going::start(&mut site.line(&["--network", "example.test"], &["/usr/bin/python3", "script.py"]));
    let descriptors = || fs::read_dir(format!("/proc/{}/fd", going.pid())).map_or(0, Iterator::count);
    until("they are taken", || descriptors() > 256);
    let most = (0..200).map(|_| descriptors()).max().unwrap();
    assert!(most < 256 + 80, "{most}");
    assert_eq!(going.line(), "held\n");
    going.send(Signal::INT);
    assert_eq!(going.end().code, Some(130));
}
