use super::*;
use crate::labels::LabelSet;
use crate::notification::{Item, Kind, Status};
use proptest::prelude::*;
use serde_json::Value;
use std::collections::BTreeMap;

fn item(name: &str, summary: &str, status: Status) -> Item {
    let pairs = [("alertname", name), ("severity", "critical"), ("seaworthy_service", "shop")];
    let labels: LabelSet =
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Item {
        id: "i-1".to_owned(),
        fingerprint: crate::labels::fingerprint(&labels),
        status,
        labels,
        annotations: BTreeMap::from([("summary".to_owned(), summary.to_owned())]),
        starts_at: Timestamp::from_micros(1_763_731_200_000_000),
        ends_at: (status == Status::Resolved).then(|| Timestamp::from_micros(1_763_731_260_000_000)),
        value: Some(0.5),
        generator_url: String::new(),
    }
}

fn message(items: Vec<Item>, status: Status) -> Notification {
    let at = Timestamp::from_micros(1_763_731_230_000_000);
    let mut message = Notification::new("team", Kind::Group, status, items, at);
    message.group_key = "0123".to_owned();
    message.keyed("1")
}

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn channels() -> Vec<Channel> {
    vec![
        Channel::Webhook(Webhook { url: secret("http://h/x"), secret: Some(secret("s")) }),
        Channel::Slack(Slack { url: secret("https://hooks.example.org/T/B/x") }),
        Channel::PagerDuty(PagerDuty { routing_key: secret("r"), url: None }),
        Channel::Opsgenie(Opsgenie { api_key: secret("o"), url: None }),
    ]
}

fn sent(channel: &Channel, message: &Notification) -> (Request<Bytes>, Value) {
    let now = Timestamp::from_micros(1_763_731_300_000_000);
    let request = channel.request(message, now).expect("by HTTP").expect("can be made");
    let body = serde_json::from_slice(request.body()).expect("JSON");
    (request, body)
}

#[test]
fn a_webhook_is_what_alertmanager_sends_and_signed() {
    let message = message(vec![item("High", "too high", Status::Firing)], Status::Firing);
    let (request, body) = sent(&channels()[0], &message);
    for (name, value) in [("version", "4"), ("status", "firing"), ("receiver", "team"), ("groupKey", "0123")]
    {
        assert_eq!(body[name], value, "{name}");
    }
    assert_eq!(body["alerts"][0]["startsAt"], "2025-11-21T13:20:00.000Z");
    assert_eq!(body["alerts"][0]["endsAt"], "0001-01-01T00:00:00Z");
    assert_eq!(body["commonLabels"]["alertname"], "High");
    assert_eq!(request.headers()["idempotency-key"], message.key.as_str());
    let signature = request.headers()[SIGNATURE].to_str().expect("text");
    assert_eq!(signature, sign(b"s", 1_763_731_300, request.body()));
    // as Python's hmac.new(b"key", b"1.body", "sha256").hexdigest() has it
    let known = "t=1,v1=91b5374b153842ad05b2c4eab9349b8321b14703165bd3fb8b034dfb8be98ae5";
    assert_eq!(sign(b"key", 1, b"body"), known);
}

#[test]
fn slack_is_given_blocks_it_takes() {
    let many = (0..60).map(|_| item("High", "<!channel> & *x*", Status::Firing)).collect();
    let (_, body) = sent(&channels()[1], &message(many, Status::Firing));
    let blocks = body["blocks"].as_array().expect("blocks");
    assert_eq!(blocks.len(), 12, "a header, ten alerts, and how many more");
    assert_eq!(blocks[11]["text"]["text"], "… and 50 more");
    assert!(!body.to_string().contains("<!channel>"), "nobody is mentioned by a label");
    let header = blocks[0]["text"]["text"].as_str().expect("a text");
    assert!(header.chars().count() <= 150 && header.contains("60 alerts"), "{header}");
}

#[test]
fn pagerduty_is_told_to_trigger_acknowledge_and_resolve_one_incident() {
    for (status, action) in
        [(Status::Firing, "trigger"), (Status::Acknowledged, "acknowledge"), (Status::Resolved, "resolve")]
    {
        let (request, body) = sent(&channels()[2], &message(vec![item("High", "x", status)], status));
        assert_eq!(request.uri(), "https://events.pagerduty.com/v2/enqueue");
        for (name, value) in [("event_action", action), ("dedup_key", "0123"), ("routing_key", "r")] {
            assert_eq!(body[name], value, "{name}");
        }
        if status == Status::Firing {
            assert_eq!(body["payload"]["severity"], "critical");
            assert_eq!(body["payload"]["source"], "shop");
            assert_eq!(body["payload"]["summary"], "[CRITICAL] High: x");
        } else {
            assert!(body.get("payload").is_none());
        }
    }
}

#[test]
fn opsgenie_is_told_to_create_acknowledge_and_close_one_alert() {
    let alias = |order: &str| format!("https://api.opsgenie.com/v2/alerts/0123/{order}?identifierType=alias");
    for (status, uri) in [
        (Status::Firing, "https://api.opsgenie.com/v2/alerts".to_owned()),
        (Status::Acknowledged, alias("acknowledge")),
        (Status::Resolved, alias("close")),
    ] {
        let (request, body) = sent(&channels()[3], &message(vec![item("High", "x", status)], status));
        assert_eq!(request.uri().to_string(), uri);
        assert_eq!(request.headers()["authorization"], "GenieKey o");
        if status == Status::Firing {
            assert_eq!((body["alias"].as_str(), body["priority"].as_str()), (Some("0123"), Some("P1")));
        }
    }
    let mut hostile = message(vec![item("High", "x", Status::Resolved)], Status::Resolved);
    hostile.group_key = "../../x?y#z".to_owned();
    let (request, _) = sent(&channels()[3], &hostile);
    assert_eq!(request.uri().path(), "/v2/alerts/%2E%2E%2F%2E%2E%2Fx%3Fy%23z/close");
}

fn email() -> Email {
    Email {
        host: "mail.example.org".to_owned(),
        port: 587,
        encryption: Encryption::StartTls,
        username: None,
        password: None,
        from: "Alerts <alerts@example.org>".to_owned(),
        to: vec!["Anna <anna@example.org>".to_owned(), "ben@example.org".to_owned()],
        ca: None,
    }
}

fn names_of_headers(text: &str) -> Vec<&str> {
    let head = text.split_once("\r\n\r\n").map_or(text, |parts| parts.0);
    let begins = head.lines().filter(|line| !line.starts_with([' ', '\t']));
    begins.filter_map(|line| Some(line.split_once(':')?.0)).collect()
}

#[test]
fn an_email_has_no_header_that_a_label_brought() {
    let summary = "x\r\nBcc: eve@example.org\r\n\r\nhello\0";
    let message = message(vec![item("High\r\nX-Evil: 1", summary, Status::Firing)], Status::Firing);
    let text = String::from_utf8(email().message(&message).expect("a message").formatted()).expect("text");
    let names = names_of_headers(&text);
    assert!(!names.iter().any(|name| ["Bcc", "X-Evil"].contains(name)), "{names:?}");
    assert!(text.contains("Message-ID: <") && text.contains("References: <0123@example.org>"), "{text}");
    assert!(text.contains("Auto-Submitted: auto-generated"));
}

#[test]
fn what_cannot_be_is_refused_without_showing_a_secret() {
    let hidden = "hunter2";
    let wrong = vec![
        Channel::Webhook(Webhook { url: secret(&format!("ftp://h/{hidden}")), secret: None }),
        Channel::Slack(Slack { url: secret(hidden) }),
        Channel::PagerDuty(PagerDuty { routing_key: secret(&format!("{hidden}\r\n")), url: None }),
        Channel::Opsgenie(Opsgenie { api_key: secret(&format!("{hidden}\n")), url: None }),
        Channel::Email(Email { to: vec![], ..email() }),
        Channel::Email(Email { from: "nobody".to_owned(), ..email() }),
        Channel::Email(Email { host: "a b".to_owned(), ..email() }),
        Channel::Email(Email { username: Some("u".to_owned()), ..email() }),
        Channel::Email(Email { ca: Some(b"x".to_vec()), ..email() }),
        Channel::Email(Email {
            username: Some("u".to_owned()),
            password: Some(secret(hidden)),
            encryption: Encryption::None,
            ..email()
        }),
    ];
    for channel in wrong {
        let refused = channel.validate();
        assert!(refused.is_err(), "{channel:?}");
        assert!(!format!("{refused:?} {channel:?}").contains(hidden), "{channel:?}");
    }
    Channel::Email(email()).validate().expect("can be");
    channels().iter().for_each(|channel| channel.validate().expect("can be"));
}

proptest! {
    /// Whatever labels and texts hold, every channel makes a message of a bounded size that is JSON, or an e-mail
    /// with the headers it should have.
    #[test]
    fn any_text_becomes_a_message(
        name in "\\PC{0,200}|[\\x01-\\x7f]{0,200}",
        summary in any::<String>(),
        many in 1..80_usize,
    ) {
        let items: Vec<Item> = (0..many).map(|_| item(&name, &summary.repeat(20), Status::Firing)).collect();
        let message = message(items, Status::Firing);
        prop_assert!(message.alerts.len() <= 50 && message.alerts.len() + message.more == many);
        for channel in channels() {
            let (request, _) = sent(&channel, &message);
            prop_assert!(request.body().len() < 2 << 20, "{}", request.body().len());
        }
        let text = email().message(&message).expect("a message").formatted();
        prop_assert!(text.len() < 1 << 20);
        let text = String::from_utf8_lossy(&text).into_owned();
        let mut names = names_of_headers(&text);
        names.sort_unstable();
        let expected = ["Auto-Submitted", "Content-Transfer-Encoding", "Content-Type", "Date", "From", "Message-ID",
            "References", "Subject", "To"];
        prop_assert_eq!(names, expected);
    }
}
