//! The floor: the requests of a poll sent as recorded bytes over open sockets, and as many bytes read back.

use std::sync::Arc;

use highwater::config::DcSettings;
use highwater::directory::{self, Port, Session, Wanted};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;

use crate::CONCURRENCY;
use crate::round::{REQUESTS, wanted};
use crate::servers::Servers;

/// One request and the length of its answer.
type Exchange = (Vec<u8>, usize);

pub(crate) struct Client {
    sockets: Vec<(TcpStream, Vec<Exchange>)>,
}

impl Client {
    pub(crate) async fn new(servers: &Servers) -> Self {
        let mut sockets = Vec::new();
        for (number, dc) in servers.dcs.iter().enumerate() {
            let mut exchanges = recorded(dc, &wanted(number)).await;
            let bind = exchanges.remove(0);
            assert_eq!(exchanges.len(), REQUESTS);
            let mut socket = TcpStream::connect(("127.0.0.1", dc.port)).await.unwrap();
            socket.set_nodelay(true).unwrap();
            exchange(&mut socket, &[bind]).await;
            sockets.push((socket, exchanges));
        }
        Self { sockets }
    }

    /// How many bytes a round is, both ways.
    pub(crate) fn bytes(&self) -> usize {
        let exchanges = self.sockets.iter().flat_map(|(_, exchanges)| exchanges);
        exchanges.map(|(sent, got)| sent.len() + got).sum()
    }

    pub(crate) async fn round(&mut self) {
        let permits = Arc::new(Semaphore::new(CONCURRENCY));
        let mut running = JoinSet::new();
        for (mut socket, exchanges) in self.sockets.drain(..) {
            let permits = Arc::clone(&permits);
            running.spawn(async move {
                let _permit = permits.acquire_owned().await.unwrap();
                exchange(&mut socket, &exchanges).await;
                (socket, exchanges)
            });
        }
        self.sockets = running.join_all().await;
    }
}

/// The exchanges of a bind and one reading, taken down by a proxy in between.
async fn recorded(dc: &DcSettings, wanted: &Wanted) -> Vec<Exchange> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut through = dc.clone();
    through.port = listener.local_addr().unwrap().port();
    let port = dc.port;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&seen);
    let proxy = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let (mut up, mut down) = (vec![0; 65_536], vec![0; 65_536]);
        loop {
            tokio::select! {
                read = client.read(&mut up) => {
                    let sent = up.get(..read.unwrap()).unwrap().to_vec();
                    if sent.is_empty() {
                        return;
                    }
                    server.write_all(&sent).await.unwrap();
                    record.lock().await.push((sent, 0));
                }
                read = server.read(&mut down) => {
                    let got = down.get(..read.unwrap()).unwrap();
                    if let Some((_, length)) = record.lock().await.last_mut() {
                        *length += got.len();
                    }
                    client.write_all(got).await.unwrap();
                }
            }
        }
    });
    let mut session = Session::open(&through, Port::Directory).await.unwrap();
    directory::read_facts(&mut session, wanted).await.unwrap();
    proxy.abort();
    let exchanges: Vec<Exchange> = seen.lock().await.drain(..).collect();
    assert!(
        exchanges.len() >= 6,
        "a bind and five searches: {}",
        exchanges.len()
    );
    exchanges
}

/// Sends each request and reads its answer's length; a counter that grew by a digit would block, and none does here.
async fn exchange(socket: &mut TcpStream, exchanges: &[Exchange]) {
    let mut buffer = vec![0; 8_192];
    for (sent, length) in exchanges {
        socket.write_all(sent).await.unwrap();
        let mut left = *length;
        while left > 0 {
            let read = socket.read(&mut buffer).await.unwrap();
            assert!(read > 0 && read <= left, "the answer has another length");
            left -= read;
        }
    }
}
