use super::*;
use crate::alert::Change::{Acknowledged, Fired, Resolved, Unacknowledged};
use crate::inhibition::Inhibition;

#[test]
fn a_silence_holds_back_announces_its_end_and_is_over() {
    let mut bed = Bed::new(settings());
    let id = bed.silence("service=shop", 3_600);
    bed.fire("A", "shop", "critical");
    bed.fire("A", "bank", "critical");
    assert_eq!(bed.until(2_690), ["0 team firing A"], "the other service");
    let told = bed.until(2_800);
    assert_eq!(told, ["2730 team firing SilenceEnding"], "a quarter of an hour before, with the usual wait");
    let told = bed.until(3_600 + 600);
    assert!(told.contains(&"3600 team firing A".to_owned()), "{told:?}");
    assert!(told.iter().any(|line| line.ends_with("resolved -SilenceEnding")), "{told:?}");
    assert!(bed.state.dispatcher.counts().silenced > 0);
    assert_eq!(bed.state.silences.get(&id).map(|silence| silence.state(at(bed.now))), Some("expired"));
}

#[test]
fn a_silence_that_holds_nothing_back_ends_without_a_word() {
    let mut bed = Bed::new(settings());
    bed.silence("service=shop", 1_200);
    assert!(bed.until(3_000).is_empty());
}

#[test]
fn an_end_is_told_of_what_was_told_of_although_it_is_silenced() {
    let mut bed = Bed::new(settings());
    bed.fire("A", "shop", "critical");
    bed.until(10);
    bed.silence("service=shop", 3_600);
    assert!(bed.until(900).is_empty());
    bed.clear("A", "shop");
    assert_eq!(bed.until(1_500), ["1200 team resolved -A"], "who keeps an incident can close it");
}

#[test]
fn silences_are_checked_changed_and_ended() {
    let mut bed = Bed::new(settings());
    let make = |matchers: &[&str], from: u64, to: u64| NewSilence {
        id: None,
        matchers: Matchers::parse(matchers).expect("matchers"),
        starts_at: at(from),
        ends_at: at(to),
        created_by: "anna".to_owned(),
        comment: "why".to_owned(),
    };
    let silences = &mut bed.state.silences;
    for wrong in [
        make(&[], 0, 60),
        make(&["service=~.*"], 0, 60),
        make(&["service!=shop"], 0, 60),
        make(&["service=shop"], 60, 60),
        make(&["service=shop"], 0, 31 * 86_400),
        NewSilence { comment: " ".to_owned(), ..make(&["service=shop"], 0, 60) },
        NewSilence { created_by: String::new(), ..make(&["service=shop"], 0, 60) },
        NewSilence { id: Some("none".to_owned()), ..make(&["service=shop"], 0, 60) },
    ] {
        assert!(silences.set(wrong.clone(), at(0)).is_err(), "{wrong:?}");
    }
    let id = silences.set(make(&["service=shop"], 0, 60), at(0)).expect("made");
    let longer = NewSilence { id: Some(id.clone()), ..make(&["service=shop"], 0, 600) };
    assert_eq!(silences.set(longer, at(30)).expect("changed"), id);
    assert_eq!(silences.get(&id).map(|s| (s.starts_at, s.ends_at)), Some((at(0), at(600))));
    silences.expire(&id, at(40)).expect("ended");
    assert!(silences.expire(&id, at(50)).is_err(), "it is over");
    assert!(silences.set(NewSilence { id: Some(id), ..make(&["a=b"], 0, 600) }, at(50)).is_err());
}

#[test]
fn an_acknowledged_alert_is_not_repeated_and_its_end_is_told() {
    let mut settings = settings();
    settings.route.receiver = Some("pager".to_owned());
    let mut bed = Bed::new(settings);
    let id = bed.fire("A", "shop", "critical");
    bed.until(100);
    bed.act(&id, |book, at| book.acknowledge(&id, "anna", "on it", at));
    assert_eq!(bed.until(100), ["100 pager acknowledged (A)"]);
    assert!(bed.until(10 * 3_600).is_empty(), "no repetition");
    assert!(bed.state.book.acknowledge(&id, "ben", "", at(bed.now)).is_err(), "once is enough");
    bed.act(&id, |book, at| book.unacknowledge(&id, "anna", "off", at));
    assert_eq!(bed.until(10 * 3_600), ["36000 pager firing A"]);
    bed.act(&id, |book, at| book.acknowledge(&id, "anna", "", at));
    bed.until(bed.now + 10);
    bed.clear("A", "shop");
    assert!(bed.until(bed.now + 600)[0].ends_with("pager resolved -A"));
    let alert = bed.state.book.get(&id).expect("kept");
    let changes: Vec<_> = alert.history.iter().map(|change| (change.change, change.actor.as_str())).collect();
    let expected = [
        (Fired, ""),
        (Acknowledged, "anna"),
        (Unacknowledged, "anna"),
        (Acknowledged, "anna"),
        (Resolved, ""),
    ];
    assert_eq!(changes, expected);
}

#[test]
fn who_keeps_no_incidents_is_not_told_that_somebody_looks_after_one() {
    let mut bed = Bed::new(settings());
    let id = bed.fire("A", "shop", "critical");
    bed.until(100);
    bed.act(&id, |book, at| book.acknowledge(&id, "anna", "", at));
    assert!(bed.until(900).is_empty());
    bed.fire("B", "shop", "critical");
    assert_eq!(bed.until(900), ["900 team firing (A) B"]);
}

#[test]
fn a_snoozed_alert_is_told_of_when_it_wakes() {
    let mut bed = Bed::new(settings());
    let id = bed.fire("A", "shop", "critical");
    bed.until(10);
    let until = at(2 * 3_600);
    bed.act(&id, |book, at| book.snooze(&id, "anna", until, "later", at));
    assert!(bed.until(7_190).is_empty());
    assert_eq!(bed.until(7_210), ["7200 team firing A"]);
    assert!(bed.state.book.snooze(&id, "anna", at(0), "", at(bed.now)).is_err(), "that is past");
}

#[test]
fn what_is_resolved_by_hand_and_sent_again_opens_again() {
    let mut bed = Bed::new(settings());
    let id = bed.fire("A", "shop", "critical");
    bed.until(10);
    bed.act(&id, |book, at| book.resolve_by_hand(&id, "anna", "fixed", at));
    assert_eq!(bed.until(10), ["10 team resolved -A"]);
    assert_eq!(bed.state.book.get(&id).and_then(|alert| alert.resolved_by.clone()).as_deref(), Some("anna"));
    assert!(bed.until(1_800).is_empty(), "whoever resolved it is believed for half an hour");
    assert_eq!(bed.until(1_820), ["1810 team firing A"]);
    assert_eq!(bed.fire("A", "shop", "critical"), id);
}

#[test]
fn one_alert_holds_others_back_that_follow_from_it() {
    let inhibitions = vec![Inhibition {
        source: Matchers::parse(&["alertname=Down"]).expect("matchers"),
        target: Matchers::parse(&["severity=~warning|critical"]).expect("matchers"),
        equal: vec!["service".to_owned()],
    }];
    let mut bed = Bed::new(Settings { inhibitions, ..settings() });
    bed.fire("Down", "shop", "critical");
    bed.fire("Slow", "shop", "critical");
    bed.fire("Slow", "bank", "critical");
    let told = bed.until(0);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.contains(&"0 team firing Down".to_owned()), "it does not hold itself back: {told:?}");
    bed.clear("Down", "shop");
    assert_eq!(bed.until(300), ["300 team firing -Down Slow"]);
}

#[test]
fn alerts_from_outside_are_over_when_nobody_sends_them() {
    let mut bed = Bed::new(settings());
    let id = bed.fire("A", "shop", "critical");
    bed.until(60);
    bed.sent.clear();
    assert_eq!(
        bed.until(1_000),
        ["600 team resolved -A"],
        "five minutes after the last word, at the next look"
    );
    let alert = bed.state.book.get(&id).expect("kept");
    assert_eq!(alert.ends_at, Some(at(360)));
}
