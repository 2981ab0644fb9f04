//! Wall time and CPU of a client and of the servers, and the table of them.

use std::time::Duration;

use highwater::clock::Stopwatch;

use crate::servers::Servers;

/// What something took: its wall time, and the CPU (user and system) of the client and of the servers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) wall: Duration,
    pub(crate) client: Duration,
    pub(crate) servers: Duration,
}

/// A line of the table: the cost of one round, or why there is none.
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) cost: Option<Cost>,
    pub(crate) note: String,
}

impl Row {
    /// The medians of several rounds' walls, and the means of their CPU, which the system counts in steps of 10 ms.
    pub(crate) fn of(what: &str, rounds: &[Cost]) -> Self {
        let mut walls: Vec<Duration> = rounds.iter().map(|round| round.wall).collect();
        walls.sort();
        let count = u32::try_from(rounds.len()).unwrap();
        let mean = |part: fn(&Cost) -> Duration| rounds.iter().map(part).sum::<Duration>() / count;
        let cost = Cost {
            wall: *walls.get(walls.len() / 2).unwrap(),
            client: mean(|round| round.client),
            servers: mean(|round| round.servers),
        };
        let (first, last) = (walls.first().unwrap(), walls.last().unwrap());
        Self {
            what: what.to_owned(),
            cost: Some(cost),
            note: format!("wall {first:.0?} to {last:.0?}"),
        }
    }

    pub(crate) fn missing(what: &str, why: impl Into<String>) -> Self {
        Self {
            what: what.to_owned(),
            cost: None,
            note: why.into(),
        }
    }
}

/// A cost that is still growing.
pub(crate) struct Watch {
    wall: Stopwatch,
    client: Duration,
    servers: Duration,
}

impl Watch {
    pub(crate) fn start(servers: &Servers) -> Self {
        Self {
            servers: servers.cpu(),
            client: own_cpu(),
            wall: Stopwatch::start(),
        }
    }

    pub(crate) fn stop(self, servers: &Servers) -> Cost {
        let wall = self.wall.elapsed();
        Cost {
            wall,
            client: own_cpu().saturating_sub(self.client),
            servers: servers.cpu().saturating_sub(self.servers),
        }
    }
}

/// The CPU of this process and of the children that have ended.
fn own_cpu() -> Duration {
    cpu("self", 4)
}

/// The CPU a process has used, user and system, without its children's.
pub(crate) fn cpu_of(process: u32) -> Duration {
    cpu(&process.to_string(), 2)
}

/// The sum of the first `fields` of utime, stime, cutime and cstime (proc(5)), which are in steps of 10 ms.
fn cpu(process: &str, fields: usize) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The name in parentheses may hold blanks; utime is the 12th field after it.
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    let ticks = rest.split(' ').skip(11).take(fields);
    let ticks: u64 = ticks.map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

/// The table; every figure is of one round over all DCs, and of one DC in the last column.
pub(crate) fn print(table: &[Row], dcs: usize) {
    let ms = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1e3);
    println!(
        "{:<60} {:>10} {:>13} {:>14} {:>13}  note",
        "client", "wall ms", "client CPU ms", "server CPU ms", "CPU us per DC"
    );
    for row in table {
        let Some(cost) = row.cost else {
            println!("{:<60} MISSING: {}", row.what, row.note);
            continue;
        };
        let per_dc = cost.client.as_secs_f64() * 1e6 / f64::from(u32::try_from(dcs).unwrap());
        println!(
            "{:<60} {:>10} {:>13} {:>14} {per_dc:>13.0}  {}",
            row.what,
            ms(cost.wall),
            ms(cost.client),
            ms(cost.servers),
            row.note
        );
    }
}
