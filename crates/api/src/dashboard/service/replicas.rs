//! The replicas of a service that is run here, what happened to them, and orders to them.

use maud::{Markup, html};
use seaworthy_supervisor::events::Severity;
use seaworthy_supervisor::replica::Phase;
use seaworthy_supervisor::rollout;
use seaworthy_supervisor::status::{ReplicaStatus, ServiceStatus};

use crate::dashboard::number::{self, NONE};
use crate::dashboard::order::{Form, Order};
use crate::dashboard::overview::Standing;
use crate::dashboard::text;
use crate::dashboard::visit::Visit;
use crate::dashboard::widgets::{Tone, section, status, table};

/// Most replicas, events and lines that are shown.
const MOST: usize = 100;
const EVENTS: usize = 20;
const LINES: usize = 50;

pub(super) fn all(visit: &Visit, service: &Standing) -> Markup {
    let Some(run) = &service.run else { return Markup::default() };
    let rows: Vec<_> = run.instances.iter().take(MOST).map(|replica| row(visit, replica)).collect();
    let heads = [
        ("Replica", false),
        ("Phase", false),
        ("Since", false),
        ("Address", false),
        ("CPU", true),
        ("Memory", true),
        ("Restarts", true),
        ("Last end", false),
    ];
    let content = html! {
        p.told { (told(run)) }
        @if !rows.is_empty() { (table("Replicas", &heads, &rows)) }
        div.orders { (orders(visit, run)) (scale(visit, run)) }
    };
    html! {
        (section("replicas", "Replicas", &html! {}, &content))
        (events(visit, &run.name))
        (lines(visit, &run.name))
    }
}

fn told(run: &ServiceStatus) -> Markup {
    let rollout = match &run.rollout {
        rollout::Status::Complete => status(Tone::Good, "rollout complete"),
        rollout::Status::Progressing => status(Tone::Moving, "rollout under way"),
        rollout::Status::Failed(_) => status(Tone::Bad, "rollout failed"),
    };
    html! {
        b { (run.ready) " of " (run.replicas) } " ready. " (rollout)
        @if let rollout::Status::Failed(why) = &run.rollout { " " (text::inline(why, 200)) }
        @if let Some(reason) = &run.reason { " " (text::inline(reason, 200)) }
        @if let Some(load) = &run.autoscale { " Scaled by load: " (text::inline(&load.reason, 200)) }
    }
}

const fn tone(phase: Phase) -> Tone {
    match phase {
        Phase::Ready => Tone::Good,
        Phase::Pending | Phase::Starting | Phase::Started | Phase::Draining | Phase::Stopping => Tone::Moving,
        Phase::NotReady => Tone::Warn,
        Phase::CrashLoopBackOff | Phase::Failed => Tone::Bad,
        Phase::Completed | Phase::Stopped => Tone::Plain,
    }
}

fn row(visit: &Visit, replica: &ReplicaStatus) -> Markup {
    let usage = replica.usage.as_ref();
    html! {
        tr {
            th scope="row" { (text::inline(&replica.name, 40)) }
            td { (status(tone(replica.phase), &format!("{:?}", replica.phase)))
                @if let Some(message) = &replica.message { div.muted { (text::inline(message, 120)) } } }
            td { (text::ago(replica.since.into(), visit.now)) }
            td { @match replica.addr { Some(addr) => { code { (addr) } } None => (NONE) } }
            td.n { (usage.map_or_else(|| NONE.to_owned(), |usage| number::si(usage.cores, "cores"))) }
            td.n { (usage.map_or_else(|| NONE.to_owned(), |usage| number::bytes(usage.memory_bytes))) }
            td.n { (number::count(replica.restarts)) }
            td { @match &replica.last_exit { Some(exit) => (text::inline(exit, 60)), None => (NONE) } }
        }
    }
}

fn orders(visit: &Visit, run: &ServiceStatus) -> Markup {
    let order = |route, word: &'static str, label, confirm: Option<String>, done: String, danger| {
        let path = format!("/api/v1/services/{}/{word}", text::segment(&run.name));
        Order { method: "POST", route, path, body: None, label, of: &run.name, confirm, done, danger }
            .button(visit)
    };
    let name = &run.name;
    html! {
        @if run.stopped {
            (order("/api/v1/services/{name}/start", "start", "Start", None, format!("{name} is being started."), false))
        } @else {
            (order("/api/v1/services/{name}/restart", "restart", "Restart",
                Some(format!("Replace every replica of {name}? Each new one is ready before the old one is drained.")),
                format!("{name} is being restarted."), false))
            (order("/api/v1/services/{name}/stop", "stop", "Stop",
                Some(format!("Stop {name}? Nobody answers its requests until it is started again.")),
                format!("{name} is being stopped."), true))
        }
    }
}

fn scale(visit: &Visit, run: &ServiceStatus) -> Markup {
    let fields = html! {
        label for="replicas-wanted" { "Replicas" }
        input #replicas-wanted name="replicas" type="number" data-type="number" min="0" max="100" required value=(run.replicas);
        button type="submit" { "Scale" }
    };
    Form {
        method: "PUT",
        route: "/api/v1/services/{name}/replicas",
        path: format!("/api/v1/services/{}/replicas", text::segment(&run.name)),
        confirm: None,
        done: "The number of replicas is changed.",
        then: None,
    }
    .around(visit, &fields)
}

fn events(visit: &Visit, service: &str) -> Markup {
    let Some(events) = visit.control.fleet.fleet().and_then(|fleet| fleet.events(service).ok()) else {
        return Markup::default();
    };
    let rows: Vec<_> = events
        .iter()
        .rev()
        .take(EVENTS)
        .map(|event| {
            let tone = if event.severity == Severity::Warning { Tone::Warn } else { Tone::Plain };
            html! {
                tr {
                    td { (text::ago(event.last.into(), visit.now)) }
                    td { (status(tone, &format!("{:?}", event.reason))) }
                    td { (text::inline(event.replica.as_deref().unwrap_or(NONE), 40)) }
                    td { (text::inline(&event.message, 200)) }
                    td.n { (number::count(event.count)) }
                }
            }
        })
        .collect();
    if rows.is_empty() {
        return Markup::default();
    }
    let heads = [("When", false), ("What", false), ("Replica", false), ("Message", false), ("Times", true)];
    section("events", "Events", &html! {}, &table("Events", &heads, &rows))
}

fn lines(visit: &Visit, service: &str) -> Markup {
    let Some(lines) = visit.control.fleet.fleet().and_then(|fleet| fleet.logs(service, None, LINES).ok())
    else {
        return Markup::default();
    };
    if lines.is_empty() {
        return Markup::default();
    }
    let content = html! {
        details #log-lines {
            summary { "The last " (lines.len()) " lines" }
            pre.log tabindex="0" aria-label="Lines of the service’s output" {
                @for line in &lines { span.who { (text::harmless(&line.replica)) } " " (text::middle_cut(&line.text, 400)) "\n" }
            }
        }
    };
    section("output", "Output", &html! {}, &content)
}
