//! `discover`: finds the domain controllers of a forest.

use std::fmt::Write as _;

use comfy_table::Table;

use super::output::table;
use super::{CliError, Context, Exit};
use crate::config::{DcSettings, Secrets, Settings};
use crate::directory::{self, Discovered, Port, Session};
use crate::model::{DcName, Dn, PollFailure};

const EXAMPLES: &str = "\
Examples:
  highwater discover           asks the first configured DC that answers
  highwater discover --stub    the tables for the configuration
  highwater discover --host dc1.example.com --stub";

/// Finds the domain controllers there are by asking one of them
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Ask this configured DC
    #[arg(long, value_name = "DC")]
    pub dc: Option<DcName>,
    /// Ask these hosts, configured or not
    #[arg(long = "host", value_name = "HOST", num_args = 1.., conflicts_with = "dc")]
    pub hosts: Vec<String>,
    /// Write a [dc.NAME] table for every DC found, in place of those in the configuration
    #[arg(long)]
    pub stub: bool,
}

/// Asks the first DC that answers, and DNS.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CliError> {
    let settings = context.settings(Secrets::Resolve)?;
    let mut session = first_answer(asked(&args, &settings, context)?, context).await?;
    let identity = directory::identify(&mut session)
        .await
        .map_err(|error| CliError::Directory(error.failure()))?;
    let listed = directory::discover_directory(&mut session).await;
    let listed = listed.map_err(|error| CliError::Directory(error.failure()))?;
    let bound = session.timeouts().operation;
    session.close().await;
    let own = listed
        .iter()
        .find(|dc| dc.server_name.eq_ignore_ascii_case(&identity.server_name));
    let domain: Option<Dn> = own.and_then(|dc| dc.domains.first().cloned());
    let mut dns = None;
    if let Some(domain) = &domain {
        match directory::discover_dns(&dotted(domain), bound).await {
            Ok(hosts) => dns = Some(hosts),
            Err(error) => context.message(format!("{error}; only the directory was asked")),
        }
    }
    let found = directory::merge_discovered(listed, domain.as_ref().zip(dns.as_deref()));
    if args.stub {
        context.output.line(&stub(&found))?;
    } else {
        context.output.emit(&found, || drawn(&found))?;
    }
    Ok(Exit::Ok)
}

/// The DCs to ask: those named, or all that are configured. A host is reached as the first configured DC is.
fn asked(args: &Args, settings: &Settings, context: &Context) -> Result<Vec<DcSettings>, CliError> {
    if let Some(name) = &args.dc {
        return Ok(vec![context.dc(settings, name)?.clone()]);
    }
    let Some(pattern) = settings.dcs.values().next() else {
        let what =
            "no [dc] section is configured: write one, and `discover` finds the others from there";
        return Err(CliError::Usage(what.to_owned()));
    };
    if args.hosts.is_empty() {
        return Ok(settings.dcs.values().cloned().collect());
    }
    let like = |host: &String| {
        let known = settings.dc_of_host(host).cloned();
        known.unwrap_or_else(|| DcSettings {
            host: host.clone(),
            address: None,
            server_name: None,
            ..pattern.clone()
        })
    };
    Ok(args.hosts.iter().map(like).collect())
}

async fn first_answer(asked: Vec<DcSettings>, context: &Context) -> Result<Session, CliError> {
    let mut last: Option<PollFailure> = None;
    for dc in asked {
        match Session::open(&dc, Port::Directory).await {
            Ok(session) => return Ok(session),
            Err(error) => {
                let failure = error.failure();
                context.message(&failure);
                last = Some(failure);
            }
        }
    }
    Err(last.map_or_else(
        || CliError::Usage("no host was named".to_owned()),
        CliError::Directory,
    ))
}

/// `DC=lab,DC=test` as `lab.test`.
fn dotted(domain: &Dn) -> String {
    let labels = domain
        .folded()
        .split(',')
        .filter_map(|rdn| rdn.strip_prefix("dc="));
    labels.collect::<Vec<_>>().join(".")
}

/// A `[dc.…]` table per full DC; a read-only DC can stand in for nobody and stays a comment.
fn stub(found: &[Discovered]) -> String {
    let mut text = String::new();
    for dc in found {
        let name = dc.host.split('.').next().unwrap_or(&dc.host);
        let read_only = dc
            .directory
            .as_ref()
            .is_some_and(|directory| directory.is_read_only);
        let mark = if read_only { "# read-only: " } else { "" };
        // Writing to a String cannot fail.
        _ = writeln!(text, "{mark}[dc.{name}]\n{mark}host = \"{}\"", dc.host);
        if let Some(directory) = &dc.directory {
            let catalog = if directory.is_global_catalog {
                ", global catalog"
            } else {
                ""
            };
            _ = writeln!(text, "# site {}{catalog}", directory.site);
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text
}

fn drawn(found: &[Discovered]) -> Table {
    let mut rows = table(&[
        "HOST",
        "SERVER",
        "SITE",
        "GC",
        "READ-ONLY",
        "IN DNS",
        "INVOCATION ID",
    ]);
    let yes = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    let dash = || "-".to_owned();
    for dc in found {
        let directory = dc.directory.as_ref();
        rows.add_row(vec![
            dc.host.clone(),
            directory.map_or_else(dash, |directory| directory.server_name.clone()),
            directory.map_or_else(dash, |directory| directory.site.clone()),
            directory.map_or_else(dash, |directory| yes(directory.is_global_catalog)),
            directory.map_or_else(dash, |directory| yes(directory.is_read_only)),
            dc.in_dns.map_or_else(dash, yes),
            directory
                .and_then(|directory| directory.invocation_id)
                .map_or_else(dash, |id| id.to_string()),
        ]);
    }
    rows
}
