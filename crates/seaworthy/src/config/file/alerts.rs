//! Settings of objectives, alerts and whom to tell.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::setting::At;

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

const fn nowhere() -> At<String> {
    At { value: String::new(), span: 0..0 }
}

settings! {
    /// What is promised: which share of requests has to be good, over how long.
    struct Objective {
        /// What it is about, for people.
        description: String = String::new(),
        /// Requests to this service only. Without it: all.
        service: Option<At<String>> = None,
        /// Requests of this route only (its path as written). Without it: all.
        route: Option<String> = None,
        /// The share of requests that has to be good, in percent.
        target: f64 = 99.9,
        /// Over how long.
        window: Duration = secs(30 * 86_400),
        /// Statuses of bad answers: a regular expression for the whole of it. Answers that broke off are bad, too.
        bad_status: String = "5..".to_owned(),
        /// Makes it an objective of latency: good is what is answered within this time, one of the bounds 5 ms, 10, 25, 50, 75, 100,
        /// 250, 500, 750 ms, 1 s, 2.5, 5, 7.5, 10 s. Answers 5xx are left out then.
        within: Option<Duration> = None,
        /// With fewer requests than this in its short window a burn rate tells nobody.
        min_requests: f64 = 20.0,
        /// Whether services with little traffic whose requests nearly all fail are told of.
        sustained: bool = true,
        /// Labels of its alerts.
        labels: BTreeMap<String, String> = BTreeMap::new(),
        /// What to do when it fails: an address.
        runbook: Option<String> = None,
    }

    /// A rule: when something is wrong, and what is said then. `HighErrorRate`, `HighLatency`, `DeadLetters` and `QueueAge` are
    /// there already; one of the same name takes their place.
    struct Alert {
        /// `false` switches it off, also a built-in one.
        enabled: bool = true,
        /// What is asked of the history of metrics.
        query: Option<Question> = None,
        /// Divides the answer by that of another question, series by series.
        whole: Option<Question> = None,
        /// With a smaller whole there is no value.
        min_whole: f64 = 0.0,
        /// Wrong above this …
        above: Option<f64> = None,
        /// … or at it …
        at_least: Option<f64> = None,
        /// … or below …
        below: Option<f64> = None,
        /// … or at it. One of the four.
        at_most: Option<f64> = None,
        /// The bound that has to be passed to be right again. Without it: the same.
        resolve: Option<f64> = None,
        /// Wrong where there is no answer; instead of a bound.
        absent: bool = false,
        /// Wrong where the value is unlike what it was; instead of a bound.
        anomaly: Option<Anomaly> = None,
        /// How long it has to be wrong first.
        r#for: Duration = secs(0),
        /// How long it has to be right again first.
        keep_firing_for: Duration = secs(0),
        /// How bad it is.
        severity: Severity = Severity::Warning,
        /// Labels of its alerts.
        labels: BTreeMap<String, String> = BTreeMap::new(),
        /// One line: what is wrong. `{{value}}`, `{{percent}}` and `{{labels.NAME}}` are filled in.
        summary: String = String::new(),
        /// More texts, by name.
        annotations: BTreeMap<String, String> = BTreeMap::new(),
        /// What to do: an address.
        runbook: Option<String> = None,
    }

    /// A question to the history of metrics.
    struct Question {
        /// The metric, as `/metrics` shows it.
        metric: At<String> = nowhere(),
        /// Conditions on its labels, such as `jobs_queue="mail"` or `http_route=~"/api/.*"`.
        matchers: Vec<At<String>> = Vec::new(),
        /// What is made of each series.
        function: Function = Function::Latest,
        /// With `function = "quantile"`: which, from 0 to 1.
        quantile: f64 = 0.95,
        /// Over how long.
        window: Duration = secs(300),
        /// Labels by which series are put together; `[]` makes one of all. Without it: each on its own.
        by: Option<Vec<String>> = None,
        /// How they are put together.
        aggregate: Aggregate = Aggregate::Sum,
    }

    /// When a value is unlike what it was, by a robust z-score (median and MAD).
    struct Anomaly {
        /// On which side.
        side: Side = Side::Both,
        /// From which score on.
        score: f64 = 3.5,
        /// How far back is looked.
        history: Duration = secs(7_200),
        /// How far apart the points of the past are.
        step: Duration = secs(60),
        /// With fewer points nothing is said.
        min_samples: usize = 20,
    }
}

choices! {
    /// How bad something is.
    enum Severity {
        /// Worth knowing.
        Info = "info",
        /// Somebody should look at it in working hours.
        Warning = "warning",
        /// Somebody has to look at it now.
        Critical = "critical",
    }

    /// What is made of the samples of one series in the window.
    enum Function {
        /// The last value.
        Latest = "latest",
        /// Growth a second.
        Rate = "rate",
        /// Growth.
        Increase = "increase",
        /// The duration below which a share of observations lies.
        Quantile = "quantile",
        /// The mean.
        Mean = "mean",
        /// The greatest.
        Max = "max",
        /// The least.
        Min = "min",
        /// How many observations a histogram took.
        Observations = "observations",
    }

    /// How several series become one.
    enum Aggregate {
        /// All added up.
        Sum = "sum",
        /// The greatest.
        Max = "max",
        /// The least.
        Min = "min",
        /// Their mean.
        Mean = "mean",
        /// How many there are.
        Count = "count",
    }

    /// Which values are told of.
    enum Side {
        /// Both.
        Both = "both",
        /// Those that are too high.
        Upper = "upper",
        /// Those that are too low.
        Lower = "lower",
    }
}

settings! {
    /// How alerts are looked for and told of.
    struct Alerts {
        /// `false`: no rules, no alerts.
        enabled: bool = true,
        /// How often rules are looked at.
        interval: Duration = secs(10),
        /// Who is told of what no route below says otherwise of. Without it: nobody; alerts are shown all the same.
        receiver: Option<String> = None,
        /// Alerts with the same values of these labels are told of together. Without it: `alertname` and `seaworthy_service`.
        group_by: Option<Vec<String>> = None,
        /// How long the first alert of a group waits for others. Without it: 30 s, and 0 for critical ones.
        group_wait: Option<Duration> = None,
        /// How long further changes of a group are collected.
        group_interval: Duration = secs(300),
        /// After how long a group that goes on is told of again.
        repeat_interval: Duration = secs(4 * 3_600),
        /// Finer routes, first match first.
        route: Vec<AlertRoute> = Vec::new(),
        /// Most messages to one receiver within `storm_interval`; what goes beyond is told in one summary.
        storm_messages: usize = 20,
        /// See `storm_messages`.
        storm_interval: Duration = secs(60),
        /// A message that is always sent, so that somebody notices when nothing is told any more.
        heartbeat: Vec<Heartbeat> = Vec::new(),
        /// Where people see more; stands in messages.
        external_url: String = String::new(),
    }

    /// Which alerts are told to whom. What is not given is as in `[alerts]`.
    struct AlertRoute {
        /// Which alerts: conditions on labels, such as `severity=critical` or `team=~"a|b"`. All of them hold.
        matchers: Vec<At<String>> = Vec::new(),
        /// Who is told.
        receiver: Option<String> = None,
        /// Whether routes after this one are looked at too.
        r#continue: bool = false,
        /// Labels by which alerts are told of together.
        group_by: Option<Vec<String>> = None,
        /// How long the first alert of a group waits for others.
        group_wait: Option<Duration> = None,
        /// How long further changes are collected.
        group_interval: Option<Duration> = None,
        /// After how long it is told again.
        repeat_interval: Option<Duration> = None,
        /// Names of times at which nothing is told.
        mute_times: Vec<String> = Vec::new(),
        /// Whom to go through until somebody acknowledges: the name of an escalation.
        escalation: Option<String> = None,
    }

    /// A message that is always sent.
    struct Heartbeat {
        /// To whom.
        receiver: String = String::new(),
        /// How often.
        interval: Duration = secs(60),
    }

    /// Somebody who can be told, by one or more ways.
    struct Receiver {
        /// POSTs in the form that Alertmanager sends.
        webhook: Vec<Webhook> = Vec::new(),
        /// Messages in Slack channels.
        slack: Vec<Slack> = Vec::new(),
        /// Incidents of PagerDuty (Events API v2).
        pagerduty: Vec<PagerDuty> = Vec::new(),
        /// Alerts of Opsgenie.
        opsgenie: Vec<Opsgenie> = Vec::new(),
        /// E-mails.
        email: Vec<Email> = Vec::new(),
        /// Whether it is told that something is over.
        send_resolved: bool = true,
    }

    /// POSTs in the form that Alertmanager sends.
    struct Webhook {
        /// The address.
        url: At<String> = nowhere(),
        /// File with a secret; messages are signed with it then (HMAC-SHA256, `X-Seaworthy-Signature`).
        secret: Option<At<String>> = None,
    }

    /// Messages in a Slack channel.
    struct Slack {
        /// File with the address of an incoming webhook, which is a secret.
        url: At<String> = nowhere(),
    }

    /// Incidents of PagerDuty.
    struct PagerDuty {
        /// File with the integration's routing key.
        routing_key: At<String> = nowhere(),
        /// Another address than PagerDuty's own.
        url: Option<String> = None,
    }

    /// Alerts of Opsgenie.
    struct Opsgenie {
        /// File with the integration's key.
        api_key: At<String> = nowhere(),
        /// Another address than Opsgenie's own.
        url: Option<String> = None,
    }

    /// E-mails by SMTP.
    struct Email {
        /// The server.
        host: At<String> = nowhere(),
        /// Its port.
        port: u16 = 587,
        /// How it is kept from others.
        encryption: MailEncryption = MailEncryption::StartTls,
        /// Who we are. Without it: nobody.
        username: Option<String> = None,
        /// File with the password.
        password: Option<At<String>> = None,
        /// The sender.
        from: String = String::new(),
        /// To whom.
        to: Vec<String> = Vec::new(),
        /// PEM file of authorities to be trusted beside those of the system.
        ca: Option<String> = None,
    }

    /// Times at which routes that name it tell nothing.
    struct MuteTime {
        /// Time zone.
        zone: String = "UTC".to_owned(),
        /// Days on which it begins, such as `sat`. Without any: all.
        days: Vec<At<String>> = Vec::new(),
        /// From this time of day on.
        from: At<String> = At { value: "00:00".to_owned(), span: 0..0 },
        /// Until this one; of the next day where it is not after `from`.
        to: At<String> = At { value: "00:00".to_owned(), span: 0..0 },
    }

    /// Whom to go through until somebody acknowledges.
    struct Escalation {
        /// One after the other.
        steps: Vec<Step> = Vec::new(),
        /// How often it begins again; up to 5.
        repeat: u32 = 0,
    }

    /// One step: a wait, or somebody to tell.
    struct Step {
        /// Nothing happens for so long.
        wait: Option<Duration> = None,
        /// This receiver is told.
        notify: Option<String> = None,
        /// One of these receivers, each in turn.
        round_robin: Vec<String> = Vec::new(),
        /// Whoever is on call.
        on_call: Option<String> = None,
    }

    /// Who is on call: receivers that take turns.
    struct OnCall {
        /// Time zone.
        zone: String = "UTC".to_owned(),
        /// Who, in turn: names of receivers.
        participants: Vec<String> = Vec::new(),
        /// When the first one's first shift begins, by the clocks of the zone.
        start: At<String> = At { value: "2026-01-05T09:00".to_owned(), span: 0..0 },
        /// How long a shift is, in hours as clocks show them.
        shift_hours: u32 = 168,
    }
}

choices! {
    /// How e-mail is kept from others.
    enum MailEncryption {
        /// TLS from the beginning.
        Tls = "tls",
        /// TLS after STARTTLS.
        StartTls = "starttls",
        /// Not at all.
        None = "none",
    }
}
