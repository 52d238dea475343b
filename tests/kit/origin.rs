//! A real server, which writes down exactly what reached it, and answers byte by byte what a test wants.

use std::{
    io::{self, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use crate::authority::Identity;

/// One request, as it came over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// The first line and the headers, whole.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// Over which of the connections it came, counted from 1.
    pub(crate) connection: usize,
}

impl Seen {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .skip(1)
            .find_map(|line| line.split_once(": ").filter(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value))
    }

    /// `/path?query`, as it stood in the first line.
    pub(crate) fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }
}

/// What a server does with a request: writes an answer. An error, or an answer that ends with the connection, closes it.
pub(crate) trait Answer: Fn(&Seen, &mut dyn Write) -> io::Result<()> + Send + Sync + 'static {}

impl<T: Fn(&Seen, &mut dyn Write) -> io::Result<()> + Send + Sync + 'static> Answer for T {}

/// A server on a port of its own. It goes on until the test is over.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<AtomicUsize>,
}

trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

impl Origin {
    /// A server in the clear.
    pub(crate) fn start(answer: impl Answer) -> Self {
        Self::serve(answer, |stream| Ok(Box::new(stream)))
    }

    /// A server with this certificate.
    pub(crate) fn start_tls(identity: &Identity, answer: impl Answer) -> Self {
        let config = identity.server(&[b"http/1.1"]);
        Self::serve(answer, move |mut stream| {
            let mut session = rustls::ServerConnection::new(config.clone()).map_err(io::Error::other)?;
            session.complete_io(&mut stream)?;
            Ok(Box::new(rustls::StreamOwned::new(session, stream)))
        })
    }

    /// A server that says hello to everybody.
    pub(crate) fn hello() -> Self {
        Self::start(|_, stream| text(stream, "200 OK", "hello"))
    }

    fn serve(answer: impl Answer, open: impl Fn(TcpStream) -> io::Result<Box<dyn Stream>> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = Self { address: listener.local_addr().unwrap(), seen: Arc::default(), connections: Arc::default() };
        let (seen, connections) = (origin.seen.clone(), origin.connections.clone());
        let (answer, open) = (Arc::new(answer), Arc::new(open));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let connection = connections.fetch_add(1, Ordering::SeqCst) + 1;
                let (seen, answer, open) = (seen.clone(), answer.clone(), open.clone());
                thread::spawn(move || {
                    let _ = stream.set_nodelay(true);
                    let _ = stream.set_read_timeout(Some(Duration::from_mins(1)));
                    let mut stream = BufReader::new(open(stream)?);
                    while let Some(request) = read(&mut stream, connection)? {
                        seen.lock().unwrap().push(request.clone());
                        answer(&request, stream.get_mut())?;
                        stream.get_mut().flush()?;
                    }
                    io::Result::Ok(())
                });
            }
        });
        origin
    }

    /// All requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Answer with a text, and keep the connection.
pub(crate) fn text(stream: &mut dyn Write, status: &str, body: &str) -> io::Result<()> {
    write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn read(stream: &mut impl io::BufRead, connection: usize) -> io::Result<Option<Seen>> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head)? == 0 {
            return Ok(None);
        }
    }
    let mut seen = Seen { head, body: vec![], connection };
    if let Some(length) = seen.header("content-length") {
        seen.body = vec![0; length.parse().map_err(io::Error::other)?];
        stream.read_exact(&mut seen.body)?;
    } else if seen.header("transfer-encoding") == Some("chunked") {
        loop {
            let mut line = String::new();
            stream.read_line(&mut line)?;
            let length = usize::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
            let mut chunk = vec![0; length + 2];
            stream.read_exact(&mut chunk)?;
            if length == 0 {
                break;
            }
            seen.body.extend(&chunk[..length]);
        }
    }
    Ok(Some(seen))
}
