//! A service manager, as far as a service can tell: it starts, listens and sends signals. And a DC that only listens.

use std::io::Read as _;
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// How long anything is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// A started service, killed when this goes.
pub(crate) struct Service {
    child: Child,
    socket: UnixDatagram,
}

impl Service {
    /// Starts `highwater run` in a folder, with the notify socket and these variables.
    pub(crate) fn start(folder: &Path, environment: &[(&str, &str)]) -> Self {
        let path = folder.join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_highwater"))
            .arg("run")
            .current_dir(folder)
            .env_clear()
            .env("NOTIFY_SOCKET", &path)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { child, socket }
    }

    /// The next message.
    pub(crate) fn message(&self) -> String {
        let mut bytes = [0; 1024];
        let length = self
            .socket
            .recv(&mut bytes)
            .unwrap_or_else(|error| panic!("no message: {error}"));
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    /// The next message that says this, others passed over.
    pub(crate) fn wait_for(&self, line: &str) -> String {
        loop {
            let message = self.message();
            if message.lines().any(|one| one == line) {
                return message;
            }
        }
    }

    /// Whether a message that says this comes within a time.
    pub(crate) fn says_within(&self, line: &str, time: Duration) -> bool {
        self.socket.set_read_timeout(Some(time)).unwrap();
        let mut bytes = [0; 1024];
        let mut said = false;
        while let Ok(length) = self.socket.recv(&mut bytes) {
            said |= String::from_utf8_lossy(&bytes[..length])
                .lines()
                .any(|one| one == line);
            if said {
                break;
            }
        }
        self.socket.set_read_timeout(Some(PATIENCE)).unwrap();
        said
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// The exit code.
    pub(crate) fn end(&mut self) -> Option<i32> {
        for _ in 0..400 {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("the service does not end");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A DC that takes connections, keeps the first message of each, and hangs up.
pub(crate) struct Listener {
    pub(crate) port: u16,
    heard: Receiver<Vec<u8>>,
}

impl Listener {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, heard) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut bytes = vec![0; 1024];
                let length = stream.read(&mut bytes).unwrap_or(0);
                bytes.truncate(length);
                if tell.send(bytes).is_err() {
                    return;
                }
            }
        });
        Self { port, heard }
    }

    /// Waits for a connection whose first message holds this.
    pub(crate) fn hears(&self, text: &str) {
        loop {
            let bytes = self
                .heard
                .recv_timeout(PATIENCE)
                .unwrap_or_else(|_| panic!("nobody came with {text}"));
            if String::from_utf8_lossy(&bytes).contains(text) {
                return;
            }
        }
    }

    /// How many connections came within a time.
    pub(crate) fn visits(&self, time: Duration) -> usize {
        while self.heard.try_recv().is_ok() {}
        std::thread::sleep(time);
        self.heard.try_iter().count()
    }

    /// Whether nobody comes for a time.
    pub(crate) fn is_left_alone(&self, time: Duration) -> bool {
        self.heard.recv_timeout(time) == Err(RecvTimeoutError::Timeout)
    }
}
