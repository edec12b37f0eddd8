use super::*;
use crate::dispatch::{Heartbeat, Storm};

#[test]
fn a_group_waits_for_others_then_for_changes_then_repeats() {
    let mut bed = Bed::new(settings());
    bed.fire("A", "shop", "warning");
    assert_eq!(bed.until(10), Vec::<String>::new());
    bed.fire("B", "shop", "warning");
    bed.fire("A", "bank", "warning");
    assert_eq!(bed.until(30), ["30 team firing A B"]);
    assert_eq!(bed.until(200), ["40 team firing A"], "another group");
    bed.fire("C", "shop", "warning");
    bed.clear("A", "shop");
    assert_eq!(bed.until(600), ["330 team firing -A B C"]);
    // four hours after it was last told, looked at every five minutes
    let repeat = 330 + 4 * 60 * MINUTE;
    let told = bed.until(repeat);
    assert_eq!(
        told,
        [format!("{} team firing A", 40 + 4 * 60 * MINUTE), format!("{repeat} team firing B C")]
    );
    bed.clear("B", "shop");
    bed.clear("C", "shop");
    bed.clear("A", "bank");
    assert_eq!(bed.until(repeat + 600).len(), 2);
    assert_eq!(bed.state.dispatcher.groups().count(), 0, "nothing is left");
}

#[test]
fn critical_alerts_wait_for_nobody() {
    let mut bed = Bed::new(settings());
    bed.fire("A", "shop", "critical");
    assert_eq!(bed.until(0), ["0 team firing A"]);
    bed.until(100);
    bed.fire("B", "shop", "critical");
    assert_eq!(bed.until(100), ["100 team firing A B"], "not even in a group that was told of");
}

#[test]
fn what_was_over_before_it_was_told_of_is_not_told() {
    let mut bed = Bed::new(settings());
    bed.fire("A", "shop", "warning");
    bed.until(10);
    bed.clear("A", "shop");
    assert!(bed.until(1_000).is_empty());
    assert_eq!(bed.state.dispatcher.groups().count(), 0);
}

#[test]
fn an_end_is_told_unless_the_receiver_does_not_want_it() {
    for (wants, told) in [(true, 2), (false, 1)] {
        let mut settings = settings();
        settings.receivers[0].send_resolved = wants;
        let mut bed = Bed::new(settings);
        bed.fire("A", "shop", "critical");
        let mut all = bed.until(10);
        bed.clear("A", "shop");
        all.extend(bed.until(1_000));
        assert_eq!(all.len(), told, "{all:?}");
        assert_eq!(bed.state.dispatcher.groups().count(), 0);
    }
}

#[test]
fn an_alert_that_is_back_soon_is_the_same_alert() {
    let mut bed = Bed::new(settings());
    let first = bed.fire("A", "shop", "critical");
    bed.until(10);
    bed.clear("A", "shop");
    assert_eq!(bed.until(400), ["300 team resolved -A"]);
    assert_eq!(bed.fire("A", "shop", "critical"), first);
    assert_eq!(bed.until(400), ["400 team firing A"]);
    bed.clear("A", "shop");
    bed.until(400 + 40 * MINUTE);
    assert_ne!(bed.fire("A", "shop", "critical"), first, "much later it is another one");
    assert_eq!(bed.state.book.get(&first).map(|alert| alert.reopened), Some(1));
}

#[test]
fn a_storm_becomes_one_summary_that_says_how_many() {
    let storm = Storm { max_notifications: 3, interval: Duration::from_secs(60) };
    let mut bed = Bed::new(Settings { storm, ..settings() });
    for n in 0..100 {
        bed.fire("A", &format!("s{n}"), "critical");
    }
    let told = bed.until(0);
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told[3].starts_with("0 team storm +47 firing A A"), "50 named, 47 more: {}", told[3]);
    assert!(bed.until(50).is_empty(), "the summary told of them");
    for n in 0..5 {
        bed.fire("B", &format!("s{n}"), "critical");
    }
    let told = bed.until(60);
    assert_eq!(told.iter().filter(|line| line.contains("storm")).count(), 1, "{told:?}");
    assert_eq!(told.len(), 4, "none is lost: {told:?}");
    assert_eq!(bed.state.dispatcher.counts().storm, 97 + 5 + 2);
}

#[test]
fn heartbeats_are_sent_always_and_not_made_up_for() {
    let heartbeats = vec![Heartbeat { receiver: "log".to_owned(), interval: Duration::from_secs(300) }];
    let mut bed = Bed::new(Settings { heartbeats, ..settings() });
    let told = bed.until(650);
    let beat = |second| format!("{second} log heartbeat firing Watchdog");
    assert_eq!(told, [beat(0), beat(300), beat(600)]);
    bed.kill();
    assert!(bed.until(700).is_empty(), "it was sent by the earlier life");
    bed.now = 10_000;
    assert_eq!(bed.until(10_100), [beat(10_000)]);
}

#[test]
fn routes_are_muted_at_their_times_and_tell_afterwards() {
    // the first moment is a Tuesday, 22:13:20 UTC
    let times = vec![crate::Weekly {
        days: vec![jiff::civil::Weekday::Tuesday],
        from: jiff::civil::time(22, 0, 0, 0),
        to: jiff::civil::time(23, 0, 0, 0),
    }];
    let mute = crate::MuteTime { name: "late".to_owned(), zone: "UTC".to_owned(), times };
    let mut settings = Settings { mute_times: vec![mute], ..settings() };
    settings.route.mute_times = vec!["late".to_owned()];
    let mut bed = Bed::new(settings);
    bed.fire("A", "shop", "critical");
    assert!(bed.until(2_790).is_empty());
    assert_eq!(bed.until(3_200), ["3000 team firing A"], "at the next look after eleven");
}

#[test]
fn names_that_are_not_there_are_refused() {
    let route = |route: Route| Settings { route, ..settings() };
    let own = || settings().route;
    let heartbeat = Heartbeat { receiver: "x".to_owned(), interval: Duration::from_secs(60) };
    for wrong in [
        route(Route { receiver: Some("nobody".to_owned()), ..own() }),
        route(Route { mute_times: vec!["never".to_owned()], ..own() }),
        route(Route { escalation: Some("none".to_owned()), ..own() }),
        Settings { heartbeats: vec![heartbeat], ..settings() },
        Settings { receivers: vec![], ..settings() },
    ] {
        assert!(wrong.validate().is_err());
    }
}

#[test]
fn other_settings_keep_what_was_told() {
    let mut bed = Bed::new(settings());
    bed.fire("A", "shop", "critical");
    bed.until(10);
    let next = Settings { external_url: "http://x".to_owned(), ..settings() };
    let compiled = next.compile().expect("settings");
    bed.state.replace(&next, compiled, at(bed.now));
    assert!(bed.until(600).is_empty(), "nothing is told twice");
    let mut other = settings();
    other.route.group_by = Some(vec!["alertname".to_owned()]);
    other.route.receiver = Some("log".to_owned());
    let compiled = other.compile().expect("settings");
    bed.state.replace(&other, compiled, at(bed.now));
    bed.clear("A", "shop");
    let told = bed.until(1_200);
    assert!(told.iter().any(|line| line.contains("resolved -A")), "{told:?}");
}
