//! A small web server on loopback: answers from a list and keeps what it was asked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{
    AsyncBufRead, AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite,
    AsyncWriteExt as _, BufReader,
};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) first_line: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
    /// The number of its connection.
    pub(super) connection: usize,
}

/// The server; its task ends with the runtime of the test.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Gives these answers in turn, and the last one for ever; an empty one is never given.
    pub(super) async fn start(answers: &[&str], tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (seen, answers) = (
            Arc::clone(&requests),
            answers
                .iter()
                .map(|one| (*one).to_owned())
                .collect::<Arc<[String]>>(),
        );
        tokio::spawn(async move {
            let mut connection = 0;
            while let Ok((stream, _)) = listener.accept().await {
                connection += 1;
                let (seen, answers, tls) = (Arc::clone(&seen), Arc::clone(&answers), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, connection, &seen, &answers).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, connection, &seen, &answers).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, requests }
    }

    /// What it was asked so far.
    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    connection: usize,
    seen: &Mutex<Vec<Request>>,
    answers: &[String],
) {
    let mut stream = BufReader::new(stream);
    while let Some(mut request) = read(&mut stream).await {
        request.connection = connection;
        let count = {
            let mut seen = seen.lock().unwrap();
            seen.push(request);
            seen.len()
        };
        let answer = &answers[(count - 1).min(answers.len() - 1)];
        if answer.is_empty() {
            std::future::pending::<()>().await;
        }
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
        stream.flush().await.unwrap();
    }
}

async fn read(stream: &mut (impl AsyncBufRead + Unpin)) -> Option<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 || lines.len() > 100 {
            return None;
        }
        if line.trim_end().is_empty() {
            break;
        }
        lines.push(line.trim_end().to_owned());
    }
    let first_line = lines.first()?.clone();
    let headers: BTreeMap<String, String> = lines[1..]
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers.get("content-length")?.parse().ok()?;
    let mut body = vec![0; length.min(1 << 24)];
    stream.read_exact(&mut body).await.ok()?;
    Some(Request {
        first_line,
        headers,
        body: String::from_utf8(body).unwrap(),
        connection: 0,
    })
}
