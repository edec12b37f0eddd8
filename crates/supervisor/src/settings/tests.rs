use super::*;
use proptest::prelude::*;

fn service(name: &str) -> Service {
    Service::new(name, Command::Argv(vec!["server".into(), "{port}".into()]))
}

fn settings_of(found: Vec<seaworthy_resilience::Contradiction>) -> Vec<String> {
    found.into_iter().map(|found| found.setting).collect()
}

#[test]
fn defaults_can_be_meant() {
    assert_eq!(service("shop").validate(), []);
    let mut fixed = service("shop");
    fixed.port = Port::Fixed(8080);
    assert_eq!(fixed.validate(), []);
}

#[test]
fn all_problems_are_reported_at_once() {
    let mut shop = service("-shop");
    shop.command = Command::Shell("  ".into());
    shop.port = Port::Fixed(0);
    shop.replicas = 3;
    shop.env.insert("PORT".into(), Secret::new("1".into()));
    shop.env.insert("A=B".into(), Secret::new("{socket}".into()));
    shop.inherit_env.push(String::new());
    shop.restart.backoff = Backoff { initial: Duration::ZERO, ..Backoff::default() };
    let mut probe =
        Probe::new(ProbeKind::Http { path: "health".into(), headers: vec![("a b".into(), "c".into())] });
    probe.period = Duration::ZERO;
    probe.success_threshold = 2;
    shop.probes.liveness = Some(probe);
    shop.probes.readiness = Some(Probe::new(ProbeKind::Command(vec![])));
    shop.rollout.progress_deadline = Duration::ZERO;
    shop.autoscale = Some(Autoscale { memory_percent: Some(80), ..Autoscale::between(0, 5) });
    assert_eq!(
        settings_of(shop.validate()),
        [
            "name",
            "command",
            "command",
            "env.A=B",
            "env.PORT",
            "inherit_env",
            "port",
            "replicas",
            "restart.backoff.initial",
            "probes.liveness.period",
            "probes.liveness.http.path",
            "probes.liveness.http.headers",
            "probes.liveness.success_threshold",
            "probes.readiness.command",
            "rollout.progress_deadline",
            "autoscale.min",
            "autoscale.max",
            "autoscale.memory",
        ]
    );
}

#[test]
fn a_rollout_that_cannot_move_is_refused() {
    let mut shop = service("shop");
    shop.rollout.max_surge = CountOrPercent::Count(0);
    shop.rollout.max_unavailable = CountOrPercent::Percent(0);
    assert_eq!(settings_of(shop.validate()), ["rollout.max_unavailable"]);
}

#[test]
fn services_are_checked_together() {
    let needs = |name: &str, needs: &[&str]| Service {
        depends_on: needs.iter().map(|need| (*need).to_owned()).collect(),
        ..service(name)
    };
    let fixed = |name: &str| Service { port: Port::Fixed(9), ..service(name) };
    let found = validate_all(&[
        needs("a", &["b"]),
        needs("b", &["c"]),
        needs("c", &["a"]),
        needs("outside", &["a", "nobody"]),
        needs("self", &["self"]),
        fixed("one"),
        fixed("two"),
        service("one"),
    ]);
    assert_eq!(
        settings_of(found),
        [
            "self.depends_on",
            "two.port",
            "one.name",
            "outside.depends_on",
            "a.depends_on",
            "b.depends_on",
            "c.depends_on",
        ]
    );
}

#[test]
fn levels_put_what_is_needed_first() {
    let needs =
        |name: &str, needs: &[&str]| (name.to_owned(), needs.iter().map(|n| (*n).to_owned()).collect());
    let graph =
        [needs("web", &["api", "cache"]), needs("api", &["db"]), needs("db", &[]), needs("cache", &[])];
    let got = levels(&graph.into_iter().collect());
    assert_eq!(got, [vec!["cache", "db"], vec!["api"], vec!["web"]]);
    let circle = [needs("a", &["b"]), needs("b", &["a"])];
    assert_eq!(levels(&circle.into_iter().collect()), [vec!["a", "b"]]);
}

#[test]
fn shares_round_as_kubernetes_does() {
    let share = CountOrPercent::Percent(25);
    let table: Vec<_> = [0, 1, 3, 4, 5, 10].into_iter().map(|n| (share.up(n), share.down(n))).collect();
    assert_eq!(table, [(0, 0), (1, 0), (1, 0), (1, 1), (2, 1), (3, 2)]);
    assert_eq!(CountOrPercent::Count(2).up(1), 2);
    assert_eq!("30%".parse(), Ok(CountOrPercent::Percent(30)));
    assert_eq!("2".parse(), Ok(CountOrPercent::Count(2)));
    for bad in ["", "%", "-1", "1.5", "a", "+3", "1 %", "99999999999%"] {
        assert!(bad.parse::<CountOrPercent>().is_err(), "{bad}");
    }
}

#[test]
fn the_limit_of_the_wait_doubles_up_to_its_bound() {
    let backoff = Backoff::default();
    let seconds: Vec<_> = [0, 1, 2, 3, 8, 9, 10, 1_000].map(|n| backoff.limit(n).as_secs()).into();
    assert_eq!(seconds, [1, 1, 2, 4, 128, 256, 300, 300]);
}

#[test]
fn the_digest_sees_what_a_process_would_see_and_nothing_else() {
    let base = service("shop");
    let digest = base.template_digest(&digest_key());
    let changed = |change: &dyn Fn(&mut Service)| {
        let mut other = base.clone();
        change(&mut other);
        other.template_digest(&digest_key()) != digest
    };
    assert!(changed(&|s| s.command = Command::Argv(vec!["server".into()])));
    assert!(changed(&|s| s.command = Command::Shell("server {port}".into())));
    assert!(changed(&|s| s.port = Port::Socket));
    assert!(changed(&|s| drop(s.env.insert("A".into(), Secret::new("1".into())))));
    assert!(changed(&|s| s.inherit_env.push("A".into())));
    assert!(changed(&|s| s.folder = Some("/".into())));
    assert!(changed(&|s| s.user = Some("nobody".into())));
    assert!(changed(&|s| s.group = Some("nobody".into())));
    assert!(changed(&|s| s.limits.memory = Some(1 << 30)));
    assert!(changed(&|s| s.probes = Probes::none()));
    assert!(changed(&|s| s.termination_grace = Duration::from_secs(1)));
    for change in [
        &(|s: &mut Service| s.replicas = 9) as &dyn Fn(&mut Service),
        &|s| s.drain = Duration::from_secs(1),
        &|s| s.depends_on.push("db".into()),
        &|s| s.rollout.max_surge = CountOrPercent::Count(1),
        &|s| s.autoscale = Some(Autoscale::between(1, 2)),
    ] {
        assert!(!changed(change));
    }
    assert_eq!(digest, base.clone().template_digest(&digest_key()));
}

proptest! {
    #[test]
    fn hostile_settings_never_panic(name in ".*", line in ".*", key in ".*", value in ".*", path in ".*") {
        let mut shop = Service::new(&name, Command::Shell(line));
        shop.env.insert(key.clone(), Secret::new(value.clone()));
        shop.probes.startup = Some(Probe::new(ProbeKind::Http { path, headers: vec![(key, value)] }));
        let _ = validate_all(&[shop.clone()]);
        let _ = shop.template_digest(&digest_key());
    }
}

fn digest_key() -> aws_lc_rs::hmac::Key {
    aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"a test's")
}
