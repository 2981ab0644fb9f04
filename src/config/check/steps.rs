//! `stop = { http = [ … ] }`: steps of requests.

use std::sync::Arc;
use std::time::Duration;

use super::super::problem::Notes;
use super::super::raw::{Field, Section};
use super::super::{HttpAsk, HttpBody, HttpMethod, HttpServer, HttpStep, HttpUntil, JsonPath};
use super::http::{Named, WAITS, address, json_path};

const METHODS: [(&str, HttpMethod); 5] = [
    ("get", HttpMethod::Get),
    ("put", HttpMethod::Put),
    ("patch", HttpMethod::Patch),
    ("post", HttpMethod::Post),
    ("delete", HttpMethod::Delete),
];

/// Reads the steps.
pub(super) fn read(field: &Field<'_>, server: &Named, notes: &mut Notes) -> Option<Vec<HttpStep>> {
    let server = server.need(notes)?;
    let like = "[{ post = \"tasks/hr/suspend\" }]";
    let list = field.list(like, notes);
    let steps: Vec<Option<HttpStep>> = list.iter().map(|item| step(item, server, notes)).collect();
    let steps: Option<Vec<HttpStep>> = steps.into_iter().collect();
    steps.filter(|steps| !steps.is_empty())
}

fn step(field: &Field<'_>, server: &Arc<HttpServer>, notes: &mut Notes) -> Option<HttpStep> {
    let mut section = field.table(notes)?;
    let until = match section.take("until", notes) {
        Some(field) => Some(until(&field, server, notes)?),
        None => None,
    };
    let asked = request(&mut section, server, notes)?;
    let ask = ask(&mut section, asked, notes);
    let span = section.span();
    let path = section.path().to_owned();
    section.finish(notes);
    let ask = ask?;
    if ask.is_none() && until.is_none() {
        notes.add(
            span,
            format!("`{path}` asks nothing and waits for nothing"),
            "write a step like { post = \"tasks/hr/suspend\" }, or { until = { get = \"tasks/hr\", at = \"/state\", is = \"suspended\" } }",
        );
        return None;
    }
    Some(HttpStep {
        server: Arc::clone(server),
        ask,
        until,
    })
}

/// The one request a table names; inside, none.
#[expect(
    clippy::option_option,
    reason = "outside: whether it is right; inside: whether there is one"
)]
fn request<'t>(
    section: &mut Section<'t>,
    server: &HttpServer,
    notes: &mut Notes,
) -> Option<Option<(HttpMethod, super::super::HttpUrl, Field<'t>)>> {
    let mut found = Vec::new();
    for (word, method) in METHODS {
        if let Some(field) = section.take(word, notes) {
            found.push((method, field));
        }
    }
    if let [_, (_, second), ..] = found.as_slice() {
        second.wrong(
            "is a second request",
            "write it as a step of its own",
            notes,
        );
        return None;
    }
    match found.pop() {
        None => Some(None),
        Some((method, field)) => {
            let url = address(&field, server, notes)?;
            Some(Some((method, url, field)))
        }
    }
}

#[expect(
    clippy::option_option,
    reason = "outside: whether it is right; inside: whether there is one"
)]
fn ask(
    section: &mut Section<'_>,
    asked: Option<(HttpMethod, super::super::HttpUrl, Field<'_>)>,
    notes: &mut Notes,
) -> Option<Option<HttpAsk>> {
    let body = section.take("body", notes);
    let set = section.take("set", notes);
    let expect = section.take("expect", notes);
    let Some((method, url, of)) = asked else {
        for field in [body, set, expect].into_iter().flatten() {
            notes.add(
                field.span(),
                format!("`{}` is of no use without a request", field.path()),
                "add post = \"…\", or remove it",
            );
        }
        return Some(None);
    };
    if method == HttpMethod::Get {
        of.wrong(
            "does nothing",
            "write until = { get = \"…\" } to wait for something",
            notes,
        );
        return None;
    }
    let body = match (body, set) {
        (None, None) => HttpBody::Nothing,
        (Some(field), None) => {
            HttpBody::Text(field.lines("'{\"enabled\": false}'", notes)?.to_owned())
        }
        (None, Some(field)) => HttpBody::Set(values(&field, notes)?),
        (Some(_), Some(field)) => {
            notes.add(
                field.span(),
                format!("`{}` stands beside body", field.path()),
                "keep one of the two",
            );
            return None;
        }
    };
    let expect = match expect {
        None => vec![200, 201, 202, 204],
        Some(field) => statuses(&field, notes)?,
    };
    Some(Some(HttpAsk {
        method,
        url,
        body,
        expect,
    }))
}

fn statuses(field: &Field<'_>, notes: &mut Notes) -> Option<Vec<u16>> {
    let list = field.list("[200, 204]", notes);
    let read: Option<Vec<u16>> = list
        .iter()
        .map(|item| u16::try_from(item.whole(200..=499, notes)?).ok())
        .collect();
    read.filter(|statuses| !statuses.is_empty())
}

fn values(field: &Field<'_>, notes: &mut Notes) -> Option<Vec<(JsonPath, String)>> {
    let like = "{ \"/enabled\" = \"false\" }";
    let mut values = Vec::new();
    for (path, text) in field.texts(like, notes) {
        let span = field.span();
        let path = super::super::raw::parsed(field.path(), &path, span, like, notes)?;
        values.push((path, text));
    }
    (!values.is_empty()).then_some(values)
}

fn until(field: &Field<'_>, server: &HttpServer, notes: &mut Notes) -> Option<HttpUntil> {
    let mut section = field.table(notes)?;
    let asked = request(&mut section, server, notes);
    let at = section
        .require("at", "\"/task/executionState\"", notes)
        .and_then(|field| json_path(&field, notes));
    let is = match section.take("is", notes) {
        Some(field) => Some(field.text("\"suspended\"", notes)?.to_owned()),
        None => None,
    };
    let within = section
        .take("within", notes)
        .map_or(Some(Duration::from_mins(2)), |field| {
            field.duration(WAITS, notes)
        });
    section.finish(notes);
    let Some((method @ (HttpMethod::Get | HttpMethod::Post), url, _)) = asked? else {
        notes.add(
            field.span(),
            format!("`{}` does not say where to look", field.path()),
            "add get = \"tasks/hr\", or post where the product wants that",
        );
        return None;
    };
    Some(HttpUntil {
        method,
        url,
        at: at?,
        is,
        within: within?,
    })
}
