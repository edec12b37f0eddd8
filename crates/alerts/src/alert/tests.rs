use super::*;
use crate::labels::fingerprint;
use std::time::Duration;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000).plus(Duration::from_secs(seconds))
}

fn report(name: &str) -> Report {
    let labels = LabelSet::from([("alertname".to_owned(), name.to_owned())]);
    let origin = Origin::Rule { rule: name.to_owned(), series: vec![] };
    let fingerprint = fingerprint(&labels);
    Report { fingerprint, labels, annotations: BTreeMap::new(), origin, since: at(0), value: Some(1.0) }
}

#[test]
fn what_a_rule_still_finds_opens_again_after_a_while() {
    let mut book = Book::new(BookSettings::default());
    let Fired::Opened(id) = book.fire(report("A"), at(0)) else { panic!("it is new") };
    book.resolve_by_hand(&id, "anna", "fixed", at(10)).expect("resolved");
    assert!(book.resolve_by_hand(&id, "anna", "", at(10)).is_err(), "it is over");
    let fingerprint = report("A").fingerprint;
    assert_eq!(book.still(&fingerprint, Some(2.0), at(1_000)), None);
    assert_eq!(book.still(&fingerprint, Some(2.0), at(1_810)), Some(id.clone()));
    let alert = book.get(&id).expect("there");
    assert!(alert.is_firing() && alert.starts_at == at(0) && alert.resolved_by.is_none());
}

#[test]
fn there_is_room_for_so_many_and_the_oldest_end_goes_first() {
    let mut book = Book::new(BookSettings { max_alerts: 2, ..BookSettings::default() });
    let Fired::Opened(first) = book.fire(report("A"), at(0)) else { panic!("it is new") };
    book.fire(report("B"), at(0));
    assert_eq!(book.fire(report("C"), at(1)), Fired::Dropped);
    assert_eq!(book.dropped, 1);
    book.resolve(&report("A").fingerprint, "recovered", at(2));
    assert!(matches!(book.fire(report("C"), at(3)), Fired::Opened(_)));
    assert!(book.get(&first).is_none());
}

#[test]
fn history_and_texts_are_bounded() {
    let mut book = Book::new(BookSettings::default());
    let Fired::Opened(id) = book.fire(report("A"), at(0)) else { panic!("it is new") };
    for n in 0..200 {
        book.acknowledge(&id, &"x".repeat(10_000), &"y".repeat(10_000), at(n)).expect("acknowledged");
        book.unacknowledge(&id, "a\r\nb", "", at(n)).expect("given up");
    }
    let alert = book.get(&id).expect("there");
    assert_eq!(alert.history.len(), MOST_TRANSITIONS);
    assert_eq!(alert.history[0].change, Change::Fired, "how it began is kept");
    assert_eq!(alert.history[MOST_TRANSITIONS - 1].actor, "a  b");
    assert!(
        alert.history.iter().all(|t| t.actor.len() <= LONGEST_ACTOR && t.comment.len() <= LONGEST_COMMENT)
    );
    assert!(book.acknowledge(&id, " \n", "", at(0)).is_err(), "who acts has a name");
    assert!(book.acknowledge("none", "anna", "", at(0)).is_err());
}

#[test]
fn ends_are_forgotten_once_they_are_written_down() {
    let mut book = Book::new(BookSettings::default());
    book.fire(report("A"), at(0));
    book.resolve(&report("A").fingerprint, "recovered", at(1));
    book.pass_time(at(100_000));
    assert_eq!(book.all().count(), 1, "not yet");
    assert_eq!(book.take_dirty().len(), 1);
    book.pass_time(at(100_000));
    assert_eq!(book.all().count(), 0);
}
