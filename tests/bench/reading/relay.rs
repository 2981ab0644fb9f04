//! A relay that makes the control for deleted objects uncritical on its way to slapd, which has no such control.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};

/// The control's OID as it stands in a request, and `BOOLEAN TRUE` behind it.
const CRITICAL: &[u8] = b"1.2.840.113556.1.4.417\x01\x01\xff";

/// Listens on a port of its own and relays to `to` until the program ends.
pub(crate) fn start(to: u16) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (
                client.unwrap(),
                TcpStream::connect(("127.0.0.1", to)).unwrap(),
            );
            for socket in [&client, &server] {
                socket.set_nodelay(true).unwrap();
            }
            let (mut from_server, mut to_client) =
                (server.try_clone().unwrap(), client.try_clone().unwrap());
            std::thread::spawn(move || {
                // A client that goes away first is no failure.
                drop(std::io::copy(&mut from_server, &mut to_client));
                drop(to_client.shutdown(Shutdown::Both));
            });
            std::thread::spawn(move || requests(client, server));
        }
    });
    port
}

/// Every request is small and is sent at once, so it is found whole in what is read.
fn requests(mut client: TcpStream, mut server: TcpStream) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = client.read(&mut buffer) {
        let request = &mut buffer[..length];
        if let Some(at) = request
            .windows(CRITICAL.len())
            .position(|part| part == CRITICAL)
        {
            request[at + CRITICAL.len() - 1] = 0;
        }
        if server.write_all(request).is_err() {
            break;
        }
    }
    drop(server.shutdown(Shutdown::Both));
}
