//! Is answered before it has sent all of its request.

use std::{
    io::{self, BufRead as _, BufReader, Read as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use bytes::Bytes;
use futures_util::stream;
use http::Request;
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use tokio::{sync::mpsc, time::timeout};
use worldflux::egress::{self, RequestBody};

use crate::{
    http::request,
    http_runs::{Sender, text_of},
    lab::run,
    origin::text,
};

/// Bytes that no socket keeps until somebody reads them.
const LONG: usize = 16 << 20;

const PATIENCE: Duration = Duration::from_secs(20);

/// A server that answers as soon as it has read the head of a request, and only then reads the body. It tells how long each body was.
struct Early {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    bodies: mpsc::UnboundedReceiver<u64>,
}

/// What it does with the connection once it has answered.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    Reads,
    Ends,
}

impl Early {
    fn start(then: Then) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections: Arc<AtomicUsize> = Arc::default();
        let (read, bodies) = mpsc::unbounded_channel();
        let counted = connections.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                counted.fetch_add(1, Ordering::SeqCst);
                let read = read.clone();
                thread::spawn(move || attend(stream, then, &read));
            }
        });
        Self { address, connections, bodies }
    }

    async fn body(&mut self) -> usize {
        let length = timeout(PATIENCE, self.bodies.recv()).await.expect("the rest of the request comes").unwrap();
        length.try_into().unwrap()
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn attend(stream: TcpStream, then: Then, read: &mpsc::UnboundedSender<u64>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |length| length.parse().unwrap());
        text(stream.get_mut(), "200 OK", "early")?;
        if then == Then::Ends {
            stream.get_ref().shutdown(Shutdown::Write)?;
            // Whoever closes with something unread takes back what it said.
            return io::copy(&mut stream, &mut io::sink()).map(drop);
        }
        let came = io::copy(&mut stream.by_ref().take(length), &mut io::sink())?;
        // Nobody asks any more once the test is over.
        let _ = read.send(came);
    }
}

fn announced(body: RequestBody) -> Request<RequestBody> {
    Request::builder().header("content-length", LONG).body(body).unwrap()
}

#[test]
fn the_rest_of_a_request_is_taken_although_nobody_reads_its_answer() {
    let mut server = Early::start(Then::Reads);
    let sender = Sender::new(server.address);
    let piece = Bytes::from(vec![b'x'; 1 << 16]);
    run(async {
        for _ in 0..3 {
            let (pieces, queue) = mpsc::channel(1);
            let queue = stream::unfold(queue, |mut queue| async { Some((Ok(Frame::data(queue.recv().await?)), queue)) });
            let answer = sender.answer("one", "POST", announced(StreamBody::new(queue).boxed_unsync())).await.unwrap();
            for _ in 0..LONG / piece.len() {
                timeout(PATIENCE, pieces.send(piece.clone())).await.expect("the next piece is taken").unwrap();
            }
            drop(pieces);
            assert_eq!(server.body().await, LONG);
            assert_eq!(text_of(answer.into_body()).await.unwrap(), "early");
        }
        let after = sender.answer("one", "GET", Request::new(egress::empty())).await.unwrap();
        assert_eq!(text_of(after.into_body()).await.unwrap(), "early");
    });
    assert_eq!(server.connections(), 1, "the connection is as good as any other afterwards");
}

#[test]
fn what_was_handed_over_in_one_piece_is_sent_although_nobody_reads_its_answer() {
    let mut server = Early::start(Then::Reads);
    let sender = Sender::new(server.address);
    run(async {
        let body = Full::new(Bytes::from(vec![b'x'; LONG])).map_err(|never| match never {}).boxed_unsync();
        let answer = sender.answer("one", "POST", announced(body)).await.unwrap();
        assert_eq!(server.body().await, LONG);
        assert_eq!(text_of(answer.into_body()).await.unwrap(), "early");
    });
}

#[test]
fn a_plugin_that_is_answered_early_can_send_all_before_it_looks() {
    let server = Early::start(Then::Reads);
    let report = request("POST http://allowed.test/|length=3000000|fill=3000000|times=2").at("allowed.test:80", server.address).run();
    assert!(report.said().starts_with("ok: 200 ") && report.said().contains("body=early "), "{}", report.said());
}

#[test]
fn a_connection_that_ends_with_an_early_answer_is_not_used_again() {
    let server = Early::start(Then::Ends);
    let report = request("POST http://allowed.test/|fill=3000000|times=2").at("allowed.test:80", server.address).run();
    assert!(report.said().starts_with("ok: 200 ") && report.said().contains("body=early "), "{}", report.said());
    assert_eq!(server.connections(), 2);
}
