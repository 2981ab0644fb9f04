//! Stopping and starting by requests.

use std::time::Duration;

use url::Url;

use super::product::{Answer, Fault, Product, Request, answer};
use super::server;
use crate::config::{HttpAsk, HttpBody, HttpMethod, HttpStep, HttpUntil, HttpUrl};
use crate::consumer::outside::http::run;
use crate::consumer::outside::spot::SpotError;

/// A task that takes two looks to stand still.
#[derive(Default)]
struct Task {
    active: bool,
    stopping: u32,
    orders: u32,
}

fn serve(task: &mut Task, request: &Request) -> Answer {
    match (request.method.as_str(), request.path.as_str()) {
        ("POST", "/task/suspend") if !task.active => answer(409, "{}"),
        ("POST", "/task/suspend") => {
            task.active = false;
            task.stopping = 2;
            task.orders += 1;
            answer(204, "")
        }
        ("GET", "/task") => {
            let state = match (task.active, task.stopping) {
                (true, _) => "running",
                (false, 0) => "suspended",
                (false, _) => "stopping",
            };
            task.stopping = task.stopping.saturating_sub(1);
            answer(200, format!("{{\"task\":{{\"state\":\"{state}\"}}}}"))
        }
        ("GET", "/job") => answer(
            200,
            format!("{{\"active\":{},\"cron\":\"0 * * * *\"}}", task.active),
        ),
        ("PUT", "/job") => {
            task.active = request.body.contains("true");
            task.orders += 1;
            answer(204, "")
        }
        ("POST", "/jobs") if task.active => answer(200, r#"[{"context":{"source":"system/x"}}]"#),
        ("POST", "/jobs") => answer(200, "[]"),
        _ => answer(404, "{}"),
    }
}

async fn running() -> Product<Task> {
    let task = Task {
        active: true,
        ..Task::default()
    };
    Product::start(task, serve).await
}

fn step(
    base: &Url,
    ask: Option<(HttpMethod, &str, HttpBody)>,
    until: Option<HttpUntil>,
) -> HttpStep {
    let ask = ask.map(|(method, path, body)| HttpAsk {
        method,
        url: HttpUrl(base.join(path).unwrap()),
        body,
        expect: vec![200, 204],
    });
    HttpStep {
        server: server(base.clone()),
        ask,
        until,
    }
}

fn suspended(base: &Url, within: u64) -> HttpUntil {
    HttpUntil {
        method: HttpMethod::Get,
        url: HttpUrl(base.join("task").unwrap()),
        at: "/task/state".parse().unwrap(),
        is: Some("suspended".to_owned()),
        within: Duration::from_millis(within),
    }
}

fn suspend(base: &Url, within: u64) -> HttpStep {
    let ask = (HttpMethod::Post, "task/suspend", HttpBody::Nothing);
    step(base, Some(ask), Some(suspended(base, within)))
}

#[tokio::test]
async fn a_step_waits_and_may_be_taken_twice() {
    let product = running().await;
    let steps = [suspend(&product.base(), 20_000)];
    run(&steps).await.unwrap();
    let get = "GET /task";
    assert_eq!(product.asked(), [get, "POST /task/suspend", get, get, get]);
    run(&steps).await.unwrap();
    assert_eq!(product.state.lock().unwrap().orders, 1);
}

#[tokio::test]
async fn a_lost_answer_is_settled_by_what_is_waited_for() {
    for fault in [Fault::CutAfter, Fault::Hang, Fault::Broken] {
        let product = running().await;
        product.fail(2, fault);
        run(&[suspend(&product.base(), 20_000)]).await.unwrap();
        assert!(!product.state.lock().unwrap().active, "{fault:?}");
    }
    let product = running().await;
    product.fail(3, Fault::CutBefore);
    product.fail(4, Fault::Instead(503));
    run(&[suspend(&product.base(), 20_000)]).await.unwrap();
}

#[tokio::test]
async fn waiting_ends() {
    let product = running().await;
    product.fail(2, Fault::Broken);
    product.fail(2, Fault::CutBefore);
    let error = run(&[suspend(&product.base(), 300)]).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("`/task/state` is still \"running\" after 0.3 s"),
        "{error}"
    );
}

#[tokio::test]
async fn a_refusal_is_an_error_at_once() {
    for (status, words) in [
        (409, "answered 409"),
        (302, "redirects"),
        (401, "answered 401"),
        (404, "answered 404"),
    ] {
        let product = running().await;
        product.fail(2, Fault::Instead(status));
        let error = run(&[suspend(&product.base(), 20_000)]).await.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(product.asked().len(), 2);
    }
}

#[tokio::test]
async fn a_value_is_set_where_it_is_not() {
    let product = running().await;
    let set = |value: &str| {
        let body = HttpBody::Set(vec![("/active".parse().unwrap(), value.to_owned())]);
        [step(
            &product.base(),
            Some((HttpMethod::Put, "job", body)),
            None,
        )]
    };
    run(&set("true")).await.unwrap();
    assert_eq!(product.asked(), ["GET /job"]);
    run(&set("false")).await.unwrap();
    let put = product.requests().pop().unwrap();
    assert_eq!(put.body, r#"{"active":false,"cron":"0 * * * *"}"#);
    // Lost, and done; lost, and not done.
    product.fail(2, Fault::CutAfter);
    run(&set("true")).await.unwrap();
    product.fail(2, Fault::CutBefore);
    let error = run(&set("false")).await.unwrap_err();
    assert!(matches!(error, SpotError::Unwritable { .. }), "{error}");
    assert!(error.to_string().contains("may have been taken"), "{error}");
}

#[tokio::test]
async fn what_is_gone_can_be_waited_for() {
    let product = running().await;
    let gone = |within| HttpUntil {
        method: HttpMethod::Post,
        url: HttpUrl(product.base().join("jobs").unwrap()),
        at: "/[context.source=system~1x]".parse().unwrap(),
        is: None,
        within: Duration::from_millis(within),
    };
    let error = run(&[step(&product.base(), None, Some(gone(250)))])
        .await
        .unwrap_err();
    assert!(error.to_string().contains("is still there"), "{error}");
    product.state.lock().unwrap().active = false;
    run(&[step(&product.base(), None, Some(gone(250)))])
        .await
        .unwrap();
}

#[tokio::test]
async fn the_first_failure_ends_the_steps() {
    let product = running().await;
    let base = product.base();
    let missing = step(
        &base,
        Some((HttpMethod::Post, "nowhere", HttpBody::Nothing)),
        None,
    );
    let error = run(&[missing, suspend(&base, 1000)]).await.unwrap_err();
    assert!(matches!(error, SpotError::Missing { .. }), "{error}");
    assert!(product.state.lock().unwrap().active);
}
