//! `check`: tries every connection and permission.

use std::collections::{BTreeMap, BTreeSet};

use comfy_table::Table;
use serde::Serialize;
use tokio::task::JoinSet;

use super::output::table;
use super::{CliError, Context, Exit, progress};
use crate::collector::{self, Target};
use crate::config::{Feed, ResourceSettings, Secrets, Settings};
use crate::consumer::Consumer;
use crate::directory::{self, Access, Port, Verdict, Wanted};
use crate::model::{DcName, HostAttribute, ResourceName};
use crate::store::Store;

const EXAMPLES: &str = "\
Examples:
  highwater check             every DC and every resource
  highwater check hr          one resource
  highwater check --dc dc2    one DC";

/// Tries every connection and permission, and says what to grant
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Only the DCs of this resource, and its cursor
    pub resource: Option<ResourceName>,
    /// Only this DC
    #[arg(long, value_name = "DC", conflicts_with = "resource")]
    pub dc: Option<DcName>,
}

/// What `check` found.
#[derive(Debug, Serialize)]
struct Checked {
    dcs: Vec<CheckedDc>,
    cursors: Vec<CheckedCursor>,
}

/// One DC with every finding.
#[derive(Debug, Serialize)]
struct CheckedDc {
    dc: DcName,
    findings: Vec<Access>,
}

/// One resource's cursor.
#[derive(Debug, Serialize)]
struct CheckedCursor {
    resource: ResourceName,
    dc: Option<DcName>,
    problem: Option<String>,
}

/// Tries every connection and right, and every cursor.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CliError> {
    let settings = context.settings(Secrets::Resolve)?;
    let resources: Vec<&ResourceSettings> = match &args.resource {
        Some(name) => vec![context.resource(&settings, name)?],
        None => settings.resources.values().collect(),
    };
    let only = match &args.dc {
        Some(name) => Some(context.dc(&settings, name)?.name.clone()),
        None => None,
    };
    let mut cursors = Vec::new();
    if args.dc.is_none() {
        let store = context.store(&settings).await?;
        for resource in &resources {
            cursors.push(cursor(&store, &settings, resource).await);
        }
    }
    let named = |cursor: &CheckedCursor| Some((cursor.resource.clone(), cursor.dc.clone()?));
    let in_use: BTreeMap<ResourceName, DcName> = cursors.iter().filter_map(named).collect();
    let mut targets = collector::targets(&settings, &in_use, only.as_slice());
    if args.resource.is_some() {
        let backs_up = |dc: &DcName| {
            resources
                .iter()
                .any(|resource| resource.backup_dcs.contains_key(dc))
        };
        targets.retain(|target| {
            in_use.values().any(|used| *used == target.dc.name) || backs_up(&target.dc.name)
        });
    }
    let feeds = feeds(&resources, &in_use);
    let checked = Checked {
        dcs: dcs(targets, &feeds, context).await?,
        cursors,
    };
    context.output.show(&checked, || text(&checked, context))?;
    Ok(outcome(&checked))
}

/// What a feed of our own is to find on a DC.
#[derive(Debug, Clone)]
struct FeedNeeds {
    resource: ResourceName,
    wanted: Wanted,
    feed: Feed,
    port: Port,
}

/// The feeds of these resources, by each DC that they read or may move to.
fn feeds(
    resources: &[&ResourceSettings],
    in_use: &BTreeMap<ResourceName, DcName>,
) -> BTreeMap<DcName, Vec<FeedNeeds>> {
    let mut feeds: BTreeMap<DcName, Vec<FeedNeeds>> = BTreeMap::new();
    for resource in resources {
        let Some(feed) = &resource.feed else {
            continue;
        };
        let needs = FeedNeeds {
            resource: resource.name.clone(),
            wanted: Wanted {
                bases: resource.base_contexts.clone(),
                subdomains: resource.search_subdomains,
                ..Wanted::default()
            },
            feed: feed.clone(),
            port: match resource.host_attribute {
                HostAttribute::LdapHost => Port::Directory,
                HostAttribute::GlobalCatalog => Port::GlobalCatalog,
            },
        };
        let mut dcs: BTreeSet<&DcName> = resource.backup_dcs.keys().collect();
        dcs.extend(in_use.get(&resource.name));
        for dc in dcs {
            feeds.entry(dc.clone()).or_default().push(needs.clone());
        }
    }
    feeds
}

/// Every finding on one DC: what the service needs, then what each feed does.
async fn findings(target: &Target, feeds: Vec<FeedNeeds>) -> Vec<Access> {
    let mut findings = directory::check(&target.dc, Port::Directory, &target.wanted).await;
    let is_reached = !matches!(findings.as_slice(), [only] if only.verdict == Verdict::Fail);
    for needs in feeds.into_iter().filter(|_| is_reached) {
        let items = directory::check_feed(&target.dc, needs.port, &needs.wanted, &needs.feed).await;
        findings.extend(items.into_iter().map(|mut item| {
            item.item = item
                .item
                .replacen("feed", &format!("feed {}", needs.resource), 1);
            item
        }));
    }
    findings
}

async fn dcs(
    targets: Vec<Target>,
    feeds: &BTreeMap<DcName, Vec<FeedNeeds>>,
    context: &Context,
) -> Result<Vec<CheckedDc>, CliError> {
    let bar = progress::bar("checking", targets.len(), context.quiet());
    let mut checking = JoinSet::new();
    for target in targets {
        let feeds = feeds.get(&target.dc.name).cloned().unwrap_or_default();
        checking.spawn(async move {
            CheckedDc {
                findings: findings(&target, feeds).await,
                dc: target.dc.name,
            }
        });
    }
    let mut dcs = Vec::new();
    while let Some(ended) = checking.join_next().await {
        dcs.push(ended.map_err(|panic| CliError::failed("a check ended in a panic", panic))?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    dcs.sort_by(|a, b| a.dc.cmp(&b.dc));
    Ok(dcs)
}

async fn cursor(store: &Store, settings: &Settings, resource: &ResourceSettings) -> CheckedCursor {
    let read = Consumer::new(&resource.name, &resource.consumer, store)
        .read()
        .await;
    let (dc, problem) = match read {
        Err(error) => (None, Some(error.to_string())),
        Ok(held) => match held.cursor.host(resource.host_attribute) {
            None => (
                None,
                Some("the cursor names no global catalog, but the resource reads one".to_owned()),
            ),
            Some(host) => match settings.dc_of_host(host) {
                Some(dc) => (Some(dc.name.clone()), None),
                None => (
                    None,
                    Some(format!(
                        "the cursor names `{host}`, which is the `host` of no [dc] section"
                    )),
                ),
            },
        },
    };
    CheckedCursor {
        resource: resource.name.clone(),
        dc,
        problem,
    }
}

/// What failed decides: the network before TLS before rights; a doubt alone is no failure.
fn outcome(checked: &Checked) -> Exit {
    let findings = checked.dcs.iter().flat_map(|dc| &dc.findings);
    let failed: Vec<&Access> = findings
        .filter(|finding| finding.verdict == Verdict::Fail)
        .collect();
    if let Some(kind) = failed.iter().find_map(|finding| finding.failure) {
        return Exit::of_failure_kind(kind);
    }
    if checked
        .cursors
        .iter()
        .any(|cursor| cursor.problem.is_some())
    {
        return Exit::Failed;
    }
    if failed.is_empty() {
        Exit::Ok
    } else {
        Exit::Denied
    }
}

fn text(checked: &Checked, context: &Context) -> String {
    let mut rows = table(&["WHERE", "WHAT", "RESULT", "FINDING"]);
    for cursor in &checked.cursors {
        let finding = match (&cursor.problem, &cursor.dc) {
            (Some(problem), _) => problem.clone(),
            (None, Some(dc)) => format!("reads {dc}"),
            (None, None) => String::new(),
        };
        let result = if cursor.problem.is_some() {
            "FAIL"
        } else {
            "ok"
        };
        let what = format!("resource {}", cursor.resource);
        rows.add_row(vec![what, "cursor".to_owned(), result.to_owned(), finding]);
    }
    add_findings(&mut rows, checked);
    let mut text = context.output.draw(rows);
    for dc in &checked.dcs {
        for grant in dc
            .findings
            .iter()
            .filter_map(|finding| finding.grant.as_ref())
        {
            let wanted = format!(
                "\n\n{}: to grant it, on Windows\n  {}\nor on Samba\n  {}",
                dc.dc, grant.dsacls, grant.samba_tool
            );
            if !text.contains(&grant.dsacls) {
                text.push_str(&wanted);
            }
        }
    }
    text
}

fn add_findings(rows: &mut Table, checked: &Checked) {
    for dc in &checked.dcs {
        for finding in &dc.findings {
            let result = match finding.verdict {
                Verdict::Ok => "ok",
                Verdict::Warn => "warn",
                Verdict::Fail => "FAIL",
            };
            rows.add_row(vec![
                dc.dc.to_string(),
                finding.item.clone(),
                result.to_owned(),
                finding.finding.clone(),
            ]);
        }
    }
}
