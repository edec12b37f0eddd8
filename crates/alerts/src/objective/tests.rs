use super::*;
use crate::Source;
use crate::rule::{Rule, Severity};
use crate::template::number;
use expect_test::expect;
use seaworthy_store::Timestamp;
use seaworthy_telemetry::history::{self, History};
use seaworthy_telemetry::metrics::{Histogram, Registry};
use std::sync::Arc;

const MINUTE: Duration = Duration::from_secs(60);

/// The gateway's histogram, sampled every ten seconds.
struct Traffic {
    registry: Registry,
    history: History,
    at: Timestamp,
}

impl Traffic {
    fn new() -> Self {
        let registry = Registry::new();
        let history = History::new(&registry, history::Settings::default());
        let at = Timestamp::from_micros(1_763_731_200_000_000);
        assert!(history.sample(at.into()));
        Self { registry, history, at }
    }

    fn series(&self, status: &str) -> Histogram {
        let labels = [
            ("http.request.method", "GET".to_owned()),
            ("http.response.status_code", status.to_owned()),
            ("http.route", "/items/{id}".to_owned()),
            ("seaworthy.service", "shop".to_owned()),
        ];
        self.registry.histogram("http.server.request.duration", "as the gateway", &labels)
    }

    /// For so many minutes so many good, bad and slow requests a minute.
    fn run(&mut self, minutes: u64, good: u32, bad: u32, slow: u32) {
        for _ in 0..minutes {
            (0..good).for_each(|_| self.series("200").observe(0.01));
            (0..bad).for_each(|_| self.series("503").observe(0.01));
            (0..slow).for_each(|_| self.series("200").observe(3.0));
            for _ in 0..6 {
                self.at = self.at.plus(Duration::from_secs(10));
                assert!(self.history.sample(self.at.into()));
            }
        }
    }
}

fn availability() -> Objective {
    Objective { service: Some("shop".to_owned()), ..Objective::new("shop", Indicator::availability()) }
}

fn latency() -> Objective {
    let threshold = Duration::from_millis(500);
    Objective { target: 99.0, ..Objective::new("shop-speed", Indicator::Latency { threshold }) }
}

fn measured(objective: Objective) -> Measured {
    Measured::new(objective).expect("an objective")
}

#[test]
fn good_and_bad_requests_are_counted_exactly() {
    let mut traffic = Traffic::new();
    traffic.run(5, 90, 6, 4);
    let counts = measured(availability()).counts(&traffic.history, 5 * MINUTE, traffic.at).expect("counts");
    assert_eq!(counts, Counts { total: 500.0, bad: 30.0 });
    let counts = measured(latency()).counts(&traffic.history, 5 * MINUTE, traffic.at).expect("counts");
    assert_eq!(counts, Counts { total: 470.0, bad: 20.0 }, "answers of 5xx are the other indicator's");
    let other = Objective { service: Some("other".to_owned()), ..availability() };
    let counts = measured(other).counts(&traffic.history, 5 * MINUTE, traffic.at).expect("counts");
    assert_eq!((counts.total, counts.share()), (0.0, None));
}

#[test]
fn a_status_says_what_is_left_and_for_how_long() {
    let mut traffic = Traffic::new();
    traffic.run(60, 9_994, 6, 0);
    let status = measured(availability()).status(&traffic.history, traffic.at).expect("a status");
    // six tenths of the budget of 0.1 % are used, at six tenths of the speed that would use it up
    assert_eq!(number(status.budget_left.expect("requests")), "0.4");
    assert_eq!(number(status.good.expect("requests")), "0.9994");
    assert_eq!(status.exhausted_in.map(|left| number(left.as_secs_f64() / 86_400.0)).as_deref(), Some("20"));
    assert!(status.burns.iter().all(|burn| !burn.is_breached));
    assert_eq!(status.burns[0].long.map(number).as_deref(), Some("0.6"));

    traffic.run(5, 900, 100, 0);
    let status = measured(availability()).status(&traffic.history, traffic.at).expect("a status");
    assert!(status.budget_left.expect("requests") < 0.0);
    assert_eq!(status.exhausted_in, Some(Duration::ZERO));
}

#[test]
fn a_budget_without_requests_is_not_spent() {
    let traffic = Traffic::new();
    let status = measured(availability()).status(&traffic.history, traffic.at).expect("a status");
    assert_eq!((status.good, status.budget_left, status.exhausted_in), (None, None, None));
}

/// Which rules of the objective are bad now.
fn bad(objective: &Objective, traffic: &Traffic) -> Vec<String> {
    let measured = Arc::new(measured(objective.clone()));
    let rules = crate::rule::assemble(&[measured], Vec::new()).expect("rules");
    let is_bad = |rule: &Rule| {
        let observed = rule.observe(&traffic.history as &dyn Source, traffic.at).expect("observed");
        observed.iter().any(|one| one.verdict == crate::rule::Verdict::Bad)
    };
    let own = rules.into_iter().filter(|rule| rule.name.starts_with("objective/"));
    own.filter(is_bad).map(|rule| rule.name).collect()
}

#[test]
fn fast_burns_page_and_little_traffic_does_not_unless_it_all_fails() {
    let mut traffic = Traffic::new();
    traffic.run(60, 970, 30, 0);
    let found = bad(&availability(), &traffic);
    assert!(found.contains(&"objective/shop/burn/1h".to_owned()), "30 times as fast as it may: {found:?}");

    // three requests in five minutes of which one fails are no rate
    let mut quiet = Traffic::new();
    quiet.run(10, 2, 1, 0);
    let floor = Objective { min_requests: 100.0, ..availability() };
    assert_eq!(bad(&floor, &quiet), Vec::<String>::new());
    quiet.run(10, 0, 1, 0);
    assert_eq!(bad(&floor, &quiet), ["objective/shop/failing"], "but nobody is served");
    let off = Objective { sustained: None, ..floor };
    assert_eq!(bad(&off, &quiet), Vec::<String>::new());
}

#[test]
fn a_burn_that_stopped_is_not_told_of() {
    let mut traffic = Traffic::new();
    traffic.run(30, 500, 500, 0);
    assert!(bad(&availability(), &traffic).contains(&"objective/shop/burn/1h".to_owned()));
    traffic.run(6, 1_000, 0, 0);
    let found = bad(&availability(), &traffic);
    assert!(!found.contains(&"objective/shop/burn/1h".to_owned()), "the short window is clean: {found:?}");
}

#[test]
fn what_cannot_be_is_refused() {
    let refused = [
        Objective { name: "a b".to_owned(), ..availability() },
        Objective { target: 100.0, ..availability() },
        Objective { target: f64::NAN, ..availability() },
        Objective { window: MINUTE, ..availability() },
        Objective { min_requests: -1.0, ..availability() },
        Objective { indicator: Indicator::Availability { bad_status: "(".to_owned() }, ..availability() },
        Objective { sustained: Some(Sustained { share: 2.0, ..Sustained::default() }), ..availability() },
        Objective {
            burn_rates: vec![BurnRate {
                factor: 1.0,
                long: MINUTE,
                short: MINUTE,
                severity: Severity::Warning,
            }],
            ..availability()
        },
    ];
    for objective in refused {
        assert!(Measured::new(objective.clone()).is_err(), "{objective:?}");
    }
}

#[test]
fn an_answer_that_broke_off_is_bad_whatever_its_status() {
    let mut traffic = Traffic::new();
    let labels = [
        ("http.response.status_code", "200".to_owned()),
        ("seaworthy.service", "shop".to_owned()),
        ("error.type", "response_broke_off".to_owned()),
    ];
    let broken = traffic.registry.histogram("http.server.request.duration", "as the gateway", &labels);
    (0..7).for_each(|_| broken.observe(0.01));
    traffic.run(5, 9, 1, 0);
    let counts = measured(availability()).counts(&traffic.history, 5 * MINUTE, traffic.at).expect("counts");
    assert_eq!(counts, Counts { total: 57.0, bad: 12.0 });
    // neither fast nor slow: it is the other objective's
    let counts = measured(latency()).counts(&traffic.history, 5 * MINUTE, traffic.at).expect("counts");
    assert_eq!(counts, Counts { total: 45.0, bad: 0.0 });
}

#[test]
fn what_was_before_the_history_counts_as_good() {
    let (mut traffic, shop) = (Traffic::new(), measured(availability()));
    traffic.run(3, 177, 3, 0);
    for (rate, factor) in shop.objective.burn_rates.iter().zip([0.83, 0.14, 0.035, 0.012]) {
        let burn = shop.burn(&traffic.history, rate, traffic.at).expect("an answer");
        let long = burn.long.expect("there were requests");
        assert!(!burn.is_breached && (long / factor - 1.0).abs() < 0.1, "{burn:?}");
    }
    // a service that fails outright is told of all the same
    traffic.run(2, 0, 180, 0);
    let breached = |rate| shop.burn(&traffic.history, rate, traffic.at).expect("an answer").is_breached;
    let breached: Vec<bool> = shop.objective.burn_rates.iter().map(breached).collect();
    assert_eq!(breached, [true, false, false, false]);
}

fn both() -> Vec<Measured> {
    let mut shop = availability();
    shop.runbook = Some("https://example.org/runbooks/\"shop\"?{{x}}".to_owned());
    shop.labels.insert("team".to_owned(), "store {{ $value }} \\ \"é\"".to_owned());
    shop.burn_rates.truncate(1);
    let speed = Objective { burn_rates: Vec::new(), sustained: None, ..latency() };
    vec![measured(shop), measured(speed)]
}

#[test]
fn rules_for_prometheus_are_stable() {
    expect![[r##"
        # Objectives as Prometheus rules, generated by Seaworthy. Changes will be lost.
        groups:
          - name: "objective-shop"
            rules:
              - record: seaworthy:objective_requests:increase5m
                expr: "sum(increase(http_server_request_duration_seconds_count{seaworthy_service=\"shop\"}[5m]))"
                labels:
                  objective: "shop"
              - record: seaworthy:objective_bad_requests:increase5m
                expr: "(sum(increase(http_server_request_duration_seconds_count{seaworthy_service=\"shop\"}[5m])) - (sum(increase(http_server_request_duration_seconds_count{seaworthy_service=\"shop\",http_response_status_code!~\"5..\",error_type!=\"response_broke_off\"}[5m])) or vector(0)))"
                labels:
                  objective: "shop"
              - record: seaworthy:objective_bad_share:ratio5m
                expr: "(sum(increase(http_server_request_duration_seconds_count{seaworthy_service=\"shop\"}[5m])) - (sum(increase(http_server_request_duration_seconds_count{seaworthy_service=\"shop\",http_response_status_code!~\"5..\",error_type!=\"response_broke_off\"}[5m])) or vector(0))) / (sum(increase(http_server_request_duration_seconds_count{seaworthy_service=\"shop\"}[5m])) > 0)"
                labels:
                  objective: "shop"
              - record: seaworthy:objective_requests:increase10m
                expr: "sum(increase(http_server_request_duration_seconds_count{seaworthy_service=\"shop\"}[10m]))"
                labels:
                  objective: "shop"
              - record: seaworthy:objective_bad_requests:increase10m
                expr: "(sum(increase(http_server_request_duration_seconds_count{seaworthy_service=\"shop\"}[10m])) - (sum(increase(http_server_request_duration_seconds_count{seaworthy_service=\"shop\",http_response_status_code!~\"5..\",error_type!=\"response_broke_off\"}[10m])) or vector(0)))"
                labels:
                  objective: "shop"
              - record: seaworthy:objective_bad_share:ratio10m
                expr: "(sum(increase(http_server_request_duration_seconds_count{seaworthy_service=\"shop\"}[10m])) - (sum(increase(http_server_request_duration_seconds_count{seaworthy_service=\"shop\",http_response_status_code!~\"5..\",error_type!=\"response_broke_off\"}[10m])) or vector(0))) / (sum(increase(http_server_request_duration_seconds_count{seaworthy_service=\"shop\"}[10m])) > 0)"
                labels:
                  objective: "shop"
              - record: seaworthy:objective_requests:increase1h
                expr: "sum(increase(http_server_request_duration_seconds_count{seaworthy_service=\"shop\"}[1h]))"
                labels:
                  objective: "shop"
              - record: seaworthy:objective_bad_requests:increase1h
                expr: "(sum(increase(http_server_request_duration_seconds_count{seaworthy_service=\"shop\"}[1h])) - (sum(increase(http_server_request_duration_seconds_count{seaworthy_service=\"shop\",http_response_status_code!~\"5..\",error_type!=\"response_broke_off\"}[1h])) or vector(0)))"
                labels:
                  objective: "shop"
              - record: seaworthy:objective_bad_share:ratio1h
                expr: "(sum(increase(http_server_request_duration_seconds_count{seaworthy_service=\"shop\"}[1h])) - (sum(increase(http_server_request_duration_seconds_count{seaworthy_service=\"shop\",http_response_status_code!~\"5..\",error_type!=\"response_broke_off\"}[1h])) or vector(0))) / (sum(increase(http_server_request_duration_seconds_count{seaworthy_service=\"shop\"}[1h])) > 0)"
                labels:
                  objective: "shop"
              - record: seaworthy:objective_requests:increase30d
                expr: "sum(increase(http_server_request_duration_seconds_count{seaworthy_service=\"shop\"}[30d]))"
                labels:
                  objective: "shop"
              - record: seaworthy:objective_bad_requests:increase30d
                expr: "(sum(increase(http_server_request_duration_seconds_count{seaworthy_service=\"shop\"}[30d])) - (sum(increase(http_server_request_duration_seconds_count{seaworthy_service=\"shop\",http_response_status_code!~\"5..\",error_type!=\"response_broke_off\"}[30d])) or vector(0)))"
                labels:
                  objective: "shop"
              - record: seaworthy:objective_bad_share:ratio30d
                expr: "(sum(increase(http_server_request_duration_seconds_count{seaworthy_service=\"shop\"}[30d])) - (sum(increase(http_server_request_duration_seconds_count{seaworthy_service=\"shop\",http_response_status_code!~\"5..\",error_type!=\"response_broke_off\"}[30d])) or vector(0))) / (sum(increase(http_server_request_duration_seconds_count{seaworthy_service=\"shop\"}[30d])) > 0)"
                labels:
                  objective: "shop"
              - alert: ObjectiveBurnRate
                expr: "seaworthy:objective_bad_share:ratio1h{objective=\"shop\"} >= 14.4 * 0.001 and seaworthy:objective_bad_share:ratio5m{objective=\"shop\"} >= 14.4 * 0.001 and seaworthy:objective_requests:increase5m{objective=\"shop\"} >= 20"
                labels:
                  objective: "shop"
                  severity: "critical"
                  team: "store {{\"{{\"}} $value }} \\ \"é\""
                  window: "1h"
                annotations:
                  runbook_url: "https://example.org/runbooks/\"shop\"?{{\"{{\"}}x}}"
                  summary: "shop burns its error budget 14.4 times as fast as it may (over 1h and 5m)"
              - alert: ObjectiveFailing
                expr: "seaworthy:objective_bad_share:ratio10m{objective=\"shop\"} >= 0.9 and seaworthy:objective_bad_requests:increase10m{objective=\"shop\"} >= 2"
                labels:
                  objective: "shop"
                  severity: "critical"
                  team: "store {{\"{{\"}} $value }} \\ \"é\""
                  window: "10m"
                annotations:
                  runbook_url: "https://example.org/runbooks/\"shop\"?{{\"{{\"}}x}}"
                  summary: "nearly all requests of shop have been bad for 10m"
          - name: "objective-shop-speed"
            rules:
              - record: seaworthy:objective_requests:increase30d
                expr: "sum(increase(http_server_request_duration_seconds_count{http_response_status_code!~\"5..\",error_type!=\"response_broke_off\"}[30d]))"
                labels:
                  objective: "shop-speed"
              - record: seaworthy:objective_bad_requests:increase30d
                expr: "(sum(increase(http_server_request_duration_seconds_count{http_response_status_code!~\"5..\",error_type!=\"response_broke_off\"}[30d])) - (sum(increase(http_server_request_duration_seconds_bucket{http_response_status_code!~\"5..\",error_type!=\"response_broke_off\",le=\"0.5\"}[30d])) or vector(0)))"
                labels:
                  objective: "shop-speed"
              - record: seaworthy:objective_bad_share:ratio30d
                expr: "(sum(increase(http_server_request_duration_seconds_count{http_response_status_code!~\"5..\",error_type!=\"response_broke_off\"}[30d])) - (sum(increase(http_server_request_duration_seconds_bucket{http_response_status_code!~\"5..\",error_type!=\"response_broke_off\",le=\"0.5\"}[30d])) or vector(0))) / (sum(increase(http_server_request_duration_seconds_count{http_response_status_code!~\"5..\",error_type!=\"response_broke_off\"}[30d])) > 0)"
                labels:
                  objective: "shop-speed"
    "##]].assert_eq(&prometheus::rules(&both()));
    assert!(prometheus::rules(&[]).ends_with("groups: []\n"));
}

#[test]
#[ignore = "needs promtool"]
fn promtool_takes_the_rules() {
    let tool = std::env::var("SEAWORTHY_PROMTOOL").unwrap_or_else(|_| "promtool".to_owned());
    let folder = seaworthy_store::testing::Folder::new("promtool");
    let everything: Vec<Measured> = [availability(), latency()].into_iter().map(measured).collect();
    for (name, objectives) in [("usual", &everything), ("hostile", &both()), ("none", &Vec::new())] {
        let path = folder.path().join(format!("{name}.yaml"));
        std::fs::write(&path, prometheus::rules(objectives)).expect("written");
        let output = std::process::Command::new(&tool).args(["check", "rules"]).arg(&path).output();
        let output = output.expect("promtool is there: Debian package prometheus, or SEAWORTHY_PROMTOOL");
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        let expected = objectives.iter().map(|m| 3 * windows_of(m) + alerts_of(m)).sum::<usize>();
        assert!(said.contains(&format!("{expected} rules found")), "{expected}: {said}");
    }
}

fn windows_of(measured: &Measured) -> usize {
    let objective = &measured.objective;
    let pairs = objective.burn_rates.iter().flat_map(|burn| [burn.long, burn.short]);
    let all = pairs.chain(objective.sustained.iter().map(|s| s.window)).chain([objective.window]);
    all.collect::<std::collections::BTreeSet<_>>().len()
}

fn alerts_of(measured: &Measured) -> usize {
    measured.objective.burn_rates.len() + usize::from(measured.objective.sustained.is_some())
}

#[test]
fn a_dashboard_has_panels_for_every_objective() {
    let dashboard = grafana::dashboard(&both());
    let panels = dashboard["panels"].as_array().expect("panels");
    assert_eq!(panels.len(), 6);
    let ids: std::collections::BTreeSet<u64> =
        panels.iter().filter_map(|panel| panel["id"].as_u64()).collect();
    assert_eq!(ids.len(), 6, "each has its own");
    let rules = prometheus::rules(&both());
    for target in panels.iter().flat_map(|panel| panel["targets"].as_array().expect("targets")) {
        let expression = target["expr"].as_str().expect("an expression");
        let from = expression.find("seaworthy:").expect("a recorded series");
        let name: String = expression[from..].chars().take_while(|c| *c != '{').collect();
        assert!(rules.contains(&format!("record: {name}\n")), "{name} is recorded");
    }
    assert_eq!(dashboard["schemaVersion"], 39);
}
