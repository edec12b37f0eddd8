use super::*;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Fire(u8, u8),
    Clear(u8, u8),
    Wait(u64),
    Kill,
    Acknowledge(u8, u8),
    Silence(u8, u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_u8, 0..2_u8).prop_map(|(name, service)| Step::Fire(name, service)),
        3 => (0..3_u8, 0..2_u8).prop_map(|(name, service)| Step::Clear(name, service)),
        6 => (1..60_u64).prop_map(|tens| Step::Wait(tens * 10)),
        1 => Just(Step::Wait(5 * 3_600)),
        2 => Just(Step::Kill),
        1 => (0..3_u8, 0..2_u8).prop_map(|(name, service)| Step::Acknowledge(name, service)),
        1 => (0..2_u8, 1..30_u64).prop_map(|(service, minutes)| Step::Silence(service, minutes * 60)),
    ]
}

fn name(of: u8) -> &'static str {
    ["A", "B", "C"][usize::from(of)]
}

fn service(of: u8) -> &'static str {
    ["shop", "bank"][usize::from(of)]
}

fn take(bed: &mut Bed, step: Step) -> Vec<String> {
    match step {
        Step::Fire(n, s) => drop(bed.fire(name(n), service(s), "warning")),
        Step::Clear(n, s) => bed.clear(name(n), service(s)),
        Step::Wait(seconds) => return bed.until(bed.now + seconds),
        Step::Kill => bed.kill(),
        Step::Acknowledge(n, s) => {
            let alert = (name(n).to_owned(), service(s).to_owned(), "warning".to_owned());
            let fingerprint = fingerprint(&posted(&alert, None).labels);
            let known = bed.state.book.current(&fingerprint);
            let open = known.filter(|alert| alert.is_firing() && alert.acknowledged.is_none());
            if let Some(id) = open.map(|alert| alert.id.clone()) {
                bed.act(&id, |book, at| book.acknowledge(&id, "anna", "", at));
            }
        }
        Step::Silence(s, seconds) => drop(bed.silence(&format!("service={}", service(s)), seconds)),
    }
    bed.until(bed.now)
}

/// One group for each service, each with a receiver of its own.
fn two_receivers() -> Settings {
    let mut settings = settings();
    settings.route.routes = vec![Route {
        receiver: Some("log".to_owned()),
        matchers: Matchers::parse(&["service=bank"]).expect("matchers"),
        ..Route::default()
    }];
    settings
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever happens, kills included: no message is made twice, a group whose alerts did not change is not told of
    /// again before its time, what fires, unsilenced and with nobody looking after it, is told of, and of what is over
    /// nobody goes on believing that it is not.
    #[test]
    fn nothing_is_doubled_and_nothing_is_forgotten(steps in proptest::collection::vec(step(), 1..30)) {
        let mut bed = Bed::new(two_receivers());
        // by receiver: the last message, and when
        let mut last: BTreeMap<String, (u64, String)> = BTreeMap::new();
        for step in steps {
            for line in take(&mut bed, step) {
                if line.contains("SilenceEnding") {
                    continue;
                }
                let mut parts = line.splitn(3, ' ');
                let second: u64 = parts.next().and_then(|second| second.parse().ok()).expect("a second");
                let receiver = parts.next().expect("a receiver").to_owned();
                let text = parts.next().expect("a text").to_owned();
                if let Some((before, same)) = last.get(&receiver) {
                    // what was over, or silent, and is back is told again: not at once, and never the same message
                    prop_assert!(*same != text || second - before >= 30, "{receiver}: {text} at {before} and {second}");
                }
                last.insert(receiver, (second, text));
            }
            let keys: BTreeSet<&String> = bed.keys.iter().collect();
            prop_assert_eq!(keys.len(), bed.keys.len(), "a message was made twice");
        }
        quiet(&mut bed)?;
    }
}

/// An hour in which nothing happens, so that no silence is left and every group was looked at; then four more.
fn quiet(bed: &mut Bed) -> Result<(), TestCaseError> {
    bed.until(bed.now + 3_700);
    let is_open = |alert: &&Alert| alert.is_firing() && alert.acknowledged.is_none();
    for alert in bed.state.book.all().filter(is_open) {
        let groups: Vec<_> =
            bed.state.dispatcher.groups().filter(|g| g.members.contains(&alert.id)).collect();
        prop_assert_eq!(groups.len(), 1, "{} is in no group", alert.id);
        prop_assert!(groups[0].told.contains_key(&alert.id), "{} was never told of", alert.id);
    }
    for alert in bed.state.book.all().filter(|alert| !alert.is_firing()) {
        let believed = bed.state.dispatcher.groups().any(|group| group.told.contains_key(&alert.id));
        prop_assert!(!believed, "receivers still believe in {}", alert.id);
    }
    // nothing changes: each receiver hears of what goes on once within the interval, kill or no kill
    let open: BTreeSet<String> =
        bed.state.book.all().filter(is_open).map(|alert| alert.labels["service"].clone()).collect();
    bed.kill();
    let told = bed.until(bed.now + 4 * 3_600 - 10);
    prop_assert!(told.len() <= open.len(), "{told:?} of {open:?}");
    Ok(())
}
