use super::{MINUTE, Yard, interval, minutely};
use crate::harness::Order;
use seaworthy_jobs::schedule::{Definition, Mode, Needs, Overlap, Status};

super::in_both_yards!(
    what_is_declared_comes_about,
    nothing_happens_where_one_is_wrong,
    who_waits_for_whom_can_be_turned_around,
);

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

async fn what_is_declared_comes_about(yard: Yard) {
    yard.create(minutely("by-hand")).await;
    let declared = vec![minutely("a"), minutely("b")];
    let plan = yard.schedules.compare(declared.clone()).await.expect("compared");
    assert_eq!(plan.created, names(&["a", "b"]));
    assert!(yard.schedules.get("a").await.is_err(), "nothing was changed");
    assert_eq!(yard.schedules.reconcile(declared.clone()).await.expect("done"), plan);
    let again = yard.schedules.reconcile(declared.clone()).await.expect("done");
    assert!(again.is_settled() && again.unchanged == names(&["a", "b"]));

    // changed by hand: kept, and shown
    let changed = Definition { overlap: Overlap::Allow, max_failures: 7, ..minutely("a") };
    yard.schedules.change(changed.clone(), None).await.expect("changed");
    yard.schedules.pause("b", None).await.expect("paused");
    let drifted = yard.schedules.reconcile(declared).await.expect("done");
    assert!(drifted.is_settled());
    assert_eq!(drifted.drifted.len(), 1);
    assert_eq!(
        (drifted.drifted[0].name.as_str(), &drifted.drifted[0].fields),
        ("a", &names(&["max_failures", "overlap"]))
    );
    assert!(yard.schedules.get("a").await.expect("there").has_drifted());
    assert_eq!(yard.schedules.get("b").await.expect("there").status, Status::Paused);

    // declared anew: that counts
    let hourly = interval("a", 60 * MINUTE, &Order::CallOff);
    let done = yard.schedules.reconcile(vec![hourly.clone(), minutely("by-hand")]).await.expect("done");
    assert_eq!(
        (done.changed, done.removed, done.adopted),
        (names(&["a"]), names(&["b"]), names(&["by-hand"]))
    );
    let schedule = yard.schedules.get("a").await.expect("there");
    assert!(schedule.definition == hourly && !schedule.has_drifted());
    assert!(yard.schedules.get("b").await.is_err());
}

async fn nothing_happens_where_one_is_wrong(yard: Yard) {
    let twice = yard.schedules.reconcile(vec![minutely("a"), minutely("a")]).await.expect_err("refused");
    assert_eq!(twice.to_string(), "name: \"a\" is declared twice");
    let wrong = Definition { max_executions: Some(0), ..minutely("b") };
    assert!(yard.schedules.reconcile(vec![minutely("a"), wrong]).await.is_err());
    assert!(yard.schedules.get("a").await.is_err());
}

async fn who_waits_for_whom_can_be_turned_around(yard: Yard) {
    let waits = |name: &str, on: &str| super::after(name, &[on], Needs::Success, Mode::All, None);
    yard.schedules.reconcile(vec![waits("a", "b"), minutely("b")]).await.expect("done");
    // in the order of names, "b" is looked at while "a" still waits for it
    let turned = yard.schedules.reconcile(vec![minutely("a"), waits("b", "a")]).await.expect("done");
    assert_eq!(turned.changed, names(&["a", "b"]));
    let turned = yard.schedules.reconcile(vec![waits("a", "b"), minutely("b")]).await.expect("done");
    assert_eq!(turned.changed, names(&["a", "b"]));
    yard.create(waits("c", "a")).await;
    let ring = vec![waits("a", "b"), waits("b", "c")];
    for refused in [yard.schedules.compare(ring.clone()).await, yard.schedules.reconcile(ring).await] {
        assert_eq!(
            refused.expect_err("refused").to_string(),
            "on: \"a\" would wait for itself, by way of others"
        );
    }
    assert_eq!(yard.schedules.get("b").await.expect("there").definition, minutely("b"));
}
