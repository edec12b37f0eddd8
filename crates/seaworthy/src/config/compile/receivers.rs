//! Whom to tell: from what the file says to receivers, routes and times.

use jiff::civil::Weekday;
use seaworthy_alerts::escalation::{Chain, Step, Target};
use seaworthy_alerts::labels::{Matcher, Matchers};
use seaworthy_alerts::notify::{Channel, Email, Encryption, Opsgenie, PagerDuty, Slack, Webhook};
use seaworthy_alerts::on_call::{Rotation, Schedule};
use seaworthy_alerts::route::Route;
use seaworthy_alerts::{Heartbeat, MuteTime, ReceiverSettings, Settings, Storm, Weekly};
use seaworthy_core::Secret;

use super::identity::read;
use super::{Files, alerts};
use crate::config::file::File;
use crate::config::file::alerts::{MailEncryption, MuteTime as WrittenMute, Receiver};
use crate::config::problem::Problems;
use crate::config::setting::At;

/// What stands for nobody.
const NOBODY: &str = "default";

/// What is looked at, and who is told; nothing where that is switched off.
pub(super) fn settings(file: &File, files: &mut Files<'_>, problems: &mut Problems) -> Option<Settings> {
    let written = &file.alerts;
    let settings = Settings {
        interval: written.interval,
        rules: alerts::rules(file, problems),
        objectives: alerts::objectives(file, problems),
        receivers: receivers(file, files, problems),
        route: route(file, problems),
        mute_times: file.mute_time.iter().map(|(name, mute)| mute_time(name, mute, problems)).collect(),
        escalations: file.escalation.iter().map(|(name, chain)| escalation(name, chain, problems)).collect(),
        schedules: file.on_call.iter().map(|(name, duty)| on_call(name, duty, problems)).collect(),
        heartbeats: written
            .heartbeat
            .iter()
            .map(|beat| Heartbeat { receiver: beat.receiver.clone(), interval: beat.interval })
            .collect(),
        storm: Storm { max_notifications: written.storm_messages, interval: written.storm_interval },
        external_url: written.external_url.clone(),
        ..Settings::default()
    };
    if problems.is_empty()
        && let Err(error) = settings.validate()
    {
        problems.push(written.spans.of(""), error.to_string());
    }
    if !written.enabled {
        for name in
            written.spans.written().filter(|(name, _)| *name != "enabled").map(|(name, _)| name.to_owned())
        {
            problems.push(written.spans.of(&name), "has no effect: alerts are switched off");
        }
        return None;
    }
    Some(settings)
}

fn receivers(file: &File, files: &mut Files<'_>, problems: &mut Problems) -> Vec<ReceiverSettings> {
    let mut all = vec![ReceiverSettings::new(NOBODY, Vec::new())];
    for (name, written) in &file.receiver {
        all.retain(|known| known.name != *name);
        all.push(ReceiverSettings {
            name: name.clone(),
            channels: channels(written, files, problems),
            send_resolved: written.send_resolved,
        });
    }
    all
}

fn channels(written: &Receiver, files: &mut Files<'_>, problems: &mut Problems) -> Vec<Channel> {
    let mut secret = |name: &At<String>| {
        let text = read(name, files, problems)?;
        Some(Secret::new(text.trim().to_owned()))
    };
    let mut channels = Vec::new();
    for webhook in &written.webhook {
        let key = webhook.secret.as_ref().and_then(&mut secret);
        channels.push(Channel::Webhook(Webhook { url: Secret::new(webhook.url.value.clone()), secret: key }));
    }
    for slack in &written.slack {
        channels.extend(secret(&slack.url).map(|url| Channel::Slack(Slack { url })));
    }
    for pagerduty in &written.pagerduty {
        let url = pagerduty.url.clone();
        let key = secret(&pagerduty.routing_key);
        channels.extend(key.map(|routing_key| Channel::PagerDuty(PagerDuty { routing_key, url })));
    }
    for opsgenie in &written.opsgenie {
        let url = opsgenie.url.clone();
        let key = secret(&opsgenie.api_key);
        channels.extend(key.map(|api_key| Channel::Opsgenie(Opsgenie { api_key, url })));
    }
    for email in &written.email {
        let password = email.password.as_ref().and_then(&mut secret);
        channels.push(Channel::Email(Email {
            host: email.host.value.clone(),
            port: email.port,
            encryption: match email.encryption {
                MailEncryption::Tls => Encryption::Implicit,
                MailEncryption::StartTls => Encryption::StartTls,
                MailEncryption::None => Encryption::None,
            },
            username: email.username.clone(),
            password,
            from: email.from.clone(),
            to: email.to.clone(),
            ca: None,
        }));
    }
    let mut mail = channels.iter_mut().filter_map(|channel| match channel {
        Channel::Email(email) => Some(email),
        _ => None,
    });
    for written in &written.email {
        let Some(email) = mail.next() else { break };
        let Some(path) = written.ca.as_ref().map(|name| files.resolve(name)) else { continue };
        match std::fs::read(&path) {
            Ok(pem) => email.ca = Some(pem),
            Err(error) => problems.push(written.spans.of("ca"), format!("{}: {error}", path.display())),
        }
    }
    if channels.is_empty() {
        problems
            .push(written.spans.of(""), "a receiver needs a webhook, slack, pagerduty, opsgenie or email");
    }
    channels
}

fn route(file: &File, problems: &mut Problems) -> Route {
    let written = &file.alerts;
    let routes = written.route.iter().map(|route| Route {
        receiver: route.receiver.clone(),
        matchers: matchers(&route.matchers, problems),
        r#continue: route.r#continue,
        group_by: route.group_by.clone(),
        group_wait: route.group_wait,
        group_interval: route.group_interval,
        repeat_interval: route.repeat_interval,
        mute_times: route.mute_times.clone(),
        escalation: route.escalation.clone(),
        routes: Vec::new(),
    });
    let routes = routes.collect();
    Route {
        receiver: Some(written.receiver.clone().unwrap_or_else(|| NOBODY.to_owned())),
        group_by: written.group_by.clone(),
        group_wait: written.group_wait,
        group_interval: Some(written.group_interval),
        repeat_interval: Some(written.repeat_interval),
        routes,
        ..Route::default()
    }
}

fn matchers(texts: &[At<String>], problems: &mut Problems) -> Matchers {
    let mut all = Vec::new();
    for text in texts {
        match Matcher::parse(&text.value) {
            Ok(matcher) => all.push(matcher),
            Err(error) => problems.push(text.span.clone(), error.to_string()),
        }
    }
    Matchers::new(all).unwrap_or_default()
}

fn mute_time(name: &str, written: &WrittenMute, problems: &mut Problems) -> MuteTime {
    let mut days = Vec::new();
    for text in &written.days {
        match weekday(&text.value) {
            Some(day) => days.push(day),
            None => {
                problems.push(text.span.clone(), format!("\"{}\" is no day: write mon, tue, …", text.value))
            }
        }
    }
    let mut time = |text: &At<String>| {
        text.value.parse().unwrap_or_else(|_| {
            problems.push(text.span.clone(), format!("\"{}\" is no time of day: write 18:00", text.value));
            Default::default()
        })
    };
    let (from, to) = (time(&written.from), time(&written.to));
    MuteTime { name: name.to_owned(), zone: written.zone.clone(), times: vec![Weekly { days, from, to }] }
}

fn weekday(text: &str) -> Option<Weekday> {
    let all = [
        ("mon", Weekday::Monday),
        ("tue", Weekday::Tuesday),
        ("wed", Weekday::Wednesday),
        ("thu", Weekday::Thursday),
        ("fri", Weekday::Friday),
        ("sat", Weekday::Saturday),
        ("sun", Weekday::Sunday),
    ];
    all.into_iter().find(|(name, _)| *name == text).map(|(_, day)| day)
}

fn escalation(
    name: &str,
    written: &crate::config::file::alerts::Escalation,
    problems: &mut Problems,
) -> Chain {
    let steps = written.steps.iter().filter_map(|step| {
        let told = step.notify.clone().map(Target::Receiver);
        let told = told.or_else(|| step.on_call.clone().map(Target::Schedule));
        let told = told
            .or_else(|| (!step.round_robin.is_empty()).then(|| Target::RoundRobin(step.round_robin.clone())));
        let kinds = [
            step.wait.is_some(),
            step.notify.is_some(),
            step.on_call.is_some(),
            !step.round_robin.is_empty(),
        ];
        if kinds.into_iter().filter(|is| *is).count() != 1 {
            problems.push(step.spans.of(""), "a step has one of wait, notify, round_robin and on_call");
            return None;
        }
        step.wait.map(Step::Wait).or(told.map(Step::Notify))
    });
    let steps = steps.collect();
    Chain { name: name.to_owned(), steps, repeat: u8::try_from(written.repeat).unwrap_or(u8::MAX) }
}

fn on_call(name: &str, written: &crate::config::file::alerts::OnCall, problems: &mut Problems) -> Schedule {
    let start = written.start.value.parse().unwrap_or_else(|_| {
        let message = format!("\"{}\" is no moment: write 2026-01-05T09:00", written.start.value);
        problems.push(written.start.span.clone(), message);
        Default::default()
    });
    Schedule {
        name: name.to_owned(),
        zone: written.zone.clone(),
        rotations: vec![Rotation {
            participants: written.participants.clone(),
            start,
            shift_hours: written.shift_hours,
            hours: Vec::new(),
        }],
        overrides: Vec::new(),
    }
}
