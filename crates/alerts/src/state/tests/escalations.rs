use super::*;
use crate::escalation::{Chain, Step, Target};
use crate::on_call::{Rotation, Schedule};

fn chain() -> Chain {
    let wait = Step::Wait(Duration::from_secs(300));
    let on_call = Step::Notify(Target::Schedule("week".to_owned()));
    let in_turn = Step::Notify(Target::RoundRobin(vec!["anna".to_owned(), "ben".to_owned()]));
    Chain {
        name: "page".to_owned(),
        steps: vec![wait.clone(), on_call, wait.clone(), in_turn, wait],
        repeat: 1,
    }
}

fn escalating() -> Settings {
    let rotation = Rotation {
        participants: vec!["anna".to_owned()],
        start: jiff::civil::date(2023, 1, 1).at(0, 0, 0, 0),
        shift_hours: 24,
        hours: vec![],
    };
    let week = Schedule {
        name: "week".to_owned(),
        zone: "UTC".to_owned(),
        rotations: vec![rotation],
        overrides: vec![],
    };
    let mut settings = Settings { escalations: vec![chain()], schedules: vec![week], ..settings() };
    settings.route.escalation = Some("page".to_owned());
    settings
}

#[test]
fn it_goes_on_until_it_has_been_round_often_enough() {
    let mut bed = Bed::new(escalating());
    bed.fire("A", "shop", "critical");
    assert_eq!(
        bed.until(3_000),
        [
            "0 team firing A",
            "300 anna escalation 1/0 firing A",
            "600 anna escalation 3/0 firing A",
            "1200 anna escalation 1/1 firing A",
            "1500 ben escalation 3/1 firing A",
        ]
    );
}

#[test]
fn an_acknowledgement_a_silence_and_the_end_stop_it() {
    for how in ["acknowledge", "silence", "end", "snooze"] {
        let mut bed = Bed::new(escalating());
        let id = bed.fire("A", "shop", "critical");
        bed.until(350);
        match how {
            "acknowledge" => bed.act(&id, |book, at| book.acknowledge(&id, "anna", "", at)),
            "silence" => drop(bed.silence("service=shop", 6_000)),
            "end" => bed.clear("A", "shop"),
            _ => bed.act(&id, |book, now| book.snooze(&id, "anna", at(5_000), "", now)),
        }
        let told = bed.until(3_000);
        assert!(!told.iter().any(|line| line.contains("escalation")), "{how}: {told:?}");
    }
}

#[test]
fn it_survives_a_kill_and_a_new_alert_begins_it_anew() {
    let mut bed = Bed::new(escalating());
    let id = bed.fire("A", "shop", "critical");
    bed.until(400);
    bed.kill();
    assert_eq!(bed.until(700), ["600 anna escalation 3/0 firing A"], "where it was, and whose turn it was");
    bed.act(&id, |book, at| book.acknowledge(&id, "anna", "", at));
    bed.until(1_000);
    bed.fire("B", "shop", "critical");
    let told = bed.until(1_600);
    assert_eq!(told[0], "1000 team firing (A) B");
    assert_eq!(told[1], "1300 anna escalation 1/0 firing B");
    assert_eq!(told[2], "1600 ben escalation 3/0 firing B", "the turn went on");
}

#[test]
fn where_nobody_is_on_call_the_route_is_told() {
    let mut settings = escalating();
    settings.schedules[0].rotations.clear();
    let mut bed = Bed::new(settings);
    bed.fire("A", "shop", "critical");
    assert_eq!(bed.until(300)[1], "300 team escalation 1/0 firing A");
}

#[test]
fn who_was_told_by_an_escalation_hears_that_it_is_over() {
    let mut settings = escalating();
    settings.escalations[0].steps[1] = Step::Notify(Target::Receiver("pager".to_owned()));
    let mut bed = Bed::new(settings);
    let id = bed.fire("A", "shop", "critical");
    assert_eq!(bed.until(310)[1], "300 pager escalation 1/0 firing A");
    bed.act(&id, |book, at| book.acknowledge(&id, "anna", "", at));
    assert_eq!(bed.until(310), ["310 pager acknowledged (A)"], "who keeps incidents");
    bed.kill();
    bed.clear("A", "shop");
    // groups of critical alerts are looked at at once after a restart
    assert_eq!(bed.until(900), ["310 team resolved -A", "310 pager resolved -A"]);
}
