//! An imitation of a product on loopback: faults at a chosen request, and death from one on.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// What is answered: status, further headers, body.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

pub(crate) fn answer(status: u16, body: impl Into<String>) -> Answer {
    Answer {
        status,
        headers: Vec::new(),
        body: body.into(),
    }
}

/// What happens to a request instead of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection is cut, and nothing is done.
    CutBefore,
    /// It is done, and the connection is cut.
    CutAfter,
    /// It is done, and never answered.
    Hang,
    /// It is done, and answered with 500.
    Broken,
    /// It is not done, and answered with this.
    Instead(u16),
}

type Faults = Arc<Mutex<BTreeMap<usize, Fault>>>;
type Requests = Arc<Mutex<Vec<Request>>>;

/// The product; its task ends with the runtime of the test.
pub(crate) struct Product<S> {
    pub(crate) address: SocketAddr,
    pub(crate) state: Arc<Mutex<S>>,
    requests: Requests,
    faults: Faults,
    /// The number of the request from which on it is dead.
    death: Arc<Mutex<Option<usize>>>,
}

impl<S: Send + 'static> Product<S> {
    /// Answers every request by `serve`, which changes the state.
    pub(crate) async fn start(state: S, serve: fn(&mut S, &Request) -> Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let product = Self {
            address: listener.local_addr().unwrap(),
            state: Arc::new(Mutex::new(state)),
            requests: Arc::default(),
            faults: Arc::default(),
            death: Arc::default(),
        };
        let (state, requests, faults, death) = (
            Arc::clone(&product.state),
            Arc::clone(&product.requests),
            Arc::clone(&product.faults),
            Arc::clone(&product.death),
        );
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (state, requests, faults) = (
                    Arc::clone(&state),
                    Arc::clone(&requests),
                    Arc::clone(&faults),
                );
                let death = Arc::clone(&death);
                tokio::spawn(async move {
                    let mut stream = BufReader::new(stream);
                    while let Some(request) = read(&mut stream).await {
                        let number = {
                            let mut requests = requests.lock().unwrap();
                            requests.push(request.clone());
                            requests.len()
                        };
                        let mut fault = faults.lock().unwrap().get(&number).copied();
                        if death.lock().unwrap().is_some_and(|from| number >= from) {
                            fault = Some(Fault::CutBefore);
                        }
                        if fault == Some(Fault::CutBefore) {
                            return;
                        }
                        let mut given = match fault {
                            Some(Fault::Instead(status)) => answer(status, "{}"),
                            _ => serve(&mut state.lock().unwrap(), &request),
                        };
                        match fault {
                            Some(Fault::CutAfter) => return,
                            Some(Fault::Hang) => std::future::pending().await,
                            Some(Fault::Broken) => given = answer(500, "hunter2"),
                            _ => {}
                        }
                        if write(&mut stream, &given).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        product
    }

    /// What it was asked so far, as `GET /path`.
    pub(crate) fn asked(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        let word = |request: &Request| format!("{} {}", request.method, request.path);
        requests.iter().map(word).collect()
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// Lets the request of this number from now, 1 for the next, meet the fault.
    pub(crate) fn fail(&self, number: usize, fault: Fault) {
        let before = self.requests.lock().unwrap().len();
        self.faults.lock().unwrap().insert(before + number, fault);
    }

    /// Lets it be dead from the request of this number from now; `None` brings it back.
    pub(crate) fn die(&self, number: Option<usize>) {
        let before = self.requests.lock().unwrap().len();
        *self.death.lock().unwrap() = number.map(|number| before + number);
    }

    pub(crate) fn base(&self) -> url::Url {
        format!("http://{}/", self.address).parse().unwrap()
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        if line.trim_end().is_empty() {
            break;
        }
        lines.push(line.trim_end().to_owned());
    }
    let mut words = lines.first()?.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let headers: BTreeMap<String, String> = lines[1..]
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.get("content-length").map_or("0", String::as_str);
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).await.ok()?;
    Some(Request {
        method,
        path,
        headers,
        body: String::from_utf8(body).unwrap(),
    })
}

async fn write(stream: &mut BufReader<TcpStream>, answer: &Answer) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {} X\r\n", answer.status);
    for (name, value) in &answer.headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    if answer.status != 204 {
        write!(head, "content-length: {}\r\n", answer.body.len()).unwrap();
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).await?;
    if answer.status != 204 {
        stream.write_all(answer.body.as_bytes()).await?;
    }
    stream.flush().await
}
