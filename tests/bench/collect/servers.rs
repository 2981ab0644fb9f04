//! The simulated DCs as a process of their own: this program, started again.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use highwater::clock;
use highwater::config::{Credentials, DcSettings, Security, Timeouts, TlsTrust};
use highwater::lab::forest::{DOMAIN, Forest, Pace, Shape, Traffic};
use highwater::lab::server::{Lab, READER};
use secrecy::ExposeSecret as _;
use tempfile::TempDir;

use crate::cost;

/// The argument that makes this program the servers; the folder for their certificates follows, `-` for none.
pub(crate) const CHILD: &str = "--serve";

/// So many DCs share a forest, so that each has partners in its vector.
pub(crate) const PER_FOREST: usize = 5;

pub(crate) const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(30),
    operation: Duration::from_secs(30),
    search: Duration::from_mins(1),
};

/// A forest at work: a write a second or so in each, replicated within some seconds.
const PACE: Pace = Pace {
    write_percent: 20,
    interval_ms: 3_000,
    packet_percent: 100,
    break_percent: 0,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// In clear, and nothing changes there: every round reads the same bytes.
    Clear,
    /// LDAPS, and the forests are at work.
    TlsAtWork,
}

/// The running servers; they end when this is dropped.
pub(crate) struct Servers {
    child: Child,
    folder: TempDir,
    pub(crate) dcs: Vec<DcSettings>,
}

impl Servers {
    /// Starts so many DCs, and waits until they listen.
    pub(crate) fn start(dcs: usize, kind: Kind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certificates = match kind {
            Kind::Clear => Path::new("-"),
            Kind::TlsAtWork => folder.path(),
        };
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg(CHILD)
            .arg(certificates)
            .args(["--dcs", &dcs.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let settings = (1..=dcs).map(|number| settings(number, &lines.next().unwrap().unwrap()));
        let dcs = settings.collect();
        Self { child, folder, dcs }
    }

    /// A folder that goes with the servers.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The CPU the servers have used so far.
    pub(crate) fn cpu(&self) -> Duration {
        cost::cpu_of(self.child.id())
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// How a DC is reached, from the line its server printed.
fn settings(number: usize, line: &str) -> DcSettings {
    let mut words = line.split(' ');
    let mut next = || words.next().unwrap();
    let (host, port, password) = (next(), next(), next());
    let port = port.parse().unwrap();
    let (security, trust) = match next() {
        "-" => (Security::Clear, TlsTrust::System),
        file => (Security::Ldaps, TlsTrust::File(file.into())),
    };
    DcSettings {
        name: format!("dc{number}").parse().unwrap(),
        host: host.to_owned(),
        address: Some("127.0.0.1".to_owned()),
        port,
        global_catalog_port: port,
        server_name: None,
        security,
        trust,
        credentials: Credentials::Simple {
            user: READER.to_owned(),
            password: password.to_owned().into(),
        },
        timeouts: TIMEOUTS,
    }
}

/// The password of a DC's account.
pub(crate) fn password(dc: &DcSettings) -> &str {
    match &dc.credentials {
        Credentials::Simple { password, .. } => password.expose_secret(),
        _ => "",
    }
}

/// Runs so many DCs and prints how each is reached, until standard input ends, which it does with whoever started us.
pub(crate) async fn serve(dcs: usize, folder: &Path) {
    let mut labs = Vec::new();
    for number in 0..dcs.div_ceil(PER_FOREST) {
        labs.push(lab(number, folder));
        let lab = labs.last().unwrap();
        for dc in 0..PER_FOREST.min(dcs - number * PER_FOREST) {
            let dc = lab.settings(dc, TIMEOUTS).unwrap();
            let trust = match &dc.trust {
                TlsTrust::File(file) => file.display().to_string(),
                TlsTrust::System => "-".to_owned(),
            };
            println!("{} {} {} {trust}", dc.host, dc.port, password(&dc));
        }
    }
    if folder != Path::new("-") {
        tokio::spawn(work(labs));
    }
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0]));
    drop(ended.await);
}

fn lab(number: usize, folder: &Path) -> Lab {
    let shape = Shape {
        domain: format!("forest{number}.test"),
        users: 2,
        groups: 1,
        ..Shape::of(PER_FOREST)
    };
    let now = clock::now().as_millis();
    let mut forest = Forest::new(u64::try_from(number).unwrap(), &shape, now).unwrap();
    for dc in 0..PER_FOREST {
        forest.new_user(dc, 100 + dc, now).unwrap();
    }
    forest.settle(now).unwrap();
    assert_eq!(forest.dc(0).unwrap().vector(DOMAIN).len(), PER_FOREST - 1);
    if folder == Path::new("-") {
        return Lab::start(forest, None).unwrap();
    }
    let folder = folder.join(format!("forest{number}"));
    std::fs::create_dir(&folder).unwrap();
    Lab::start(forest, Some(&folder)).unwrap()
}

/// Lets every forest work, a tick a second.
async fn work(labs: Vec<Lab>) {
    let mut traffic: Vec<Traffic> = labs.iter().map(|_| Traffic::new(PACE)).collect();
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    loop {
        ticks.tick().await;
        let now = clock::now().as_millis();
        for (lab, traffic) in labs.iter().zip(&mut traffic) {
            lab.with(|forest| traffic.tick(forest, now).unwrap());
            tokio::task::yield_now().await;
        }
    }
}
