use std::path::Path;
use std::time::Duration;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

fn parse_with(text: &str, environment: &[(&str, &str)]) -> Result<Compiled, Problems> {
    let environment = environment.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    parse(text, "seaworthy.toml", Path::new(""), &environment)
}

fn check(text: &str, expected: Expect) {
    let shown = match parse_with(text, &[]) {
        Ok(_) => "fine".to_owned(),
        Err(problems) => problems.to_string(),
    };
    expected.assert_eq(&shown);
}

const SHOP: &str = "[service.shop]\nupstreams = [\"http://127.0.0.1:8000\"]\n";

#[test]
fn one_service_needs_no_route() {
    let compiled = parse_with(SHOP, &[]).unwrap();
    assert_eq!(compiled.gateway.routes.len(), 1);
    assert_eq!(compiled.gateway.listeners[0].address.to_string(), "0.0.0.0:8080");
    assert_eq!(compiled.control.to_string(), "127.0.0.1:7700");
    assert_eq!(compiled.gateway.services[0].policies.total_timeout, Some(Duration::from_secs(30)));
    assert!(compiled.gateway.services[0].outlier.is_none(), "one upstream is never ejected");
}

#[test]
fn a_service_that_is_run_is_checked_with_its_place() {
    let text = r#"[service.shop]
command = "shop --port {port}"
upstreams = ["http://127.0.0.1:8000"]
replicas = 2
port = 8000
liveness = { period = "0s" }
readiness = { http = "healthz", tcp = true }
limits = { cpu = 0.0 }
rollout = { max_surge = 0, max_unavailable = "0%" }
autoscale = { min = 3, max = 2 }
depends_on = ["stock", "nobody"]

[service.stock]
command = []
depends_on = ["shop"]
restart = "sometimes"

[service.other]
upstreams = ["http://127.0.0.1:8000"]
replicas = 2
"#;
    check(
        text,
        expect![[r#"
            seaworthy.toml:1:1: there are several services and no route; add [[route]] for each
              | [service.shop]
              | ^
            seaworthy.toml:3:13: a service that is run here is where its replicas are; leave `upstreams` or `command` out
              | upstreams = ["http://127.0.0.1:8000"]
              |             ^
            seaworthy.toml:4:12: has no effect: `autoscale` says how many there are
              | replicas = 2
              |            ^
            seaworthy.toml:4:12: a fixed port has room for one replica; use {port} in the command instead
              | replicas = 2
              |            ^
            seaworthy.toml:6:12: asks nothing; write one of `http`, `tcp`, `grpc` and `command`
              | liveness = { period = "0s" }
              |            ^
            seaworthy.toml:6:12: `liveness.period` must be longer than zero
              | liveness = { period = "0s" }
              |            ^
            seaworthy.toml:7:13: asks several questions; write one of `http`, `tcp`, `grpc` and `command`
              | readiness = { http = "healthz", tcp = true }
              |             ^
            seaworthy.toml:7:13: `readiness.http.path` is not a path; it starts with /
              | readiness = { http = "healthz", tcp = true }
              |             ^
            seaworthy.toml:8:18: must be from 0.01 to 1024 processors
              | limits = { cpu = 0.0 }
              |                  ^
            seaworthy.toml:10:13: `autoscale.max` is less than min
              | autoscale = { min = 3, max = 2 }
              |             ^
            seaworthy.toml:10:13: `autoscale.max` a fixed port has room for one replica; use {port} in the command instead
              | autoscale = { min = 3, max = 2 }
              |             ^
            seaworthy.toml:10:13: has no target; set cpu, memory, in_flight or p95
              | autoscale = { min = 3, max = 2 }
              |             ^
            seaworthy.toml:11:14: there is no service "nobody"
              | depends_on = ["stock", "nobody"]
              |              ^
            seaworthy.toml:11:14: services depend on each other in a circle
              | depends_on = ["stock", "nobody"]
              |              ^
            seaworthy.toml:14:11: names no program
              | command = []
              |           ^
            seaworthy.toml:15:14: services depend on each other in a circle
              | depends_on = ["shop"]
              |              ^
            seaworthy.toml:16:11: "sometimes" is not possible here
              | restart = "sometimes"
              |           ^
              = use one of "always", "on_failure", "never"
            seaworthy.toml:20:12: has no effect: this service is not run here, it has no `command`
              | replicas = 2
              |            ^
            18 problems found"#]],
    );
    check(
        "[service.shop]\nreplicas = 2\n",
        expect![[r#"
        seaworthy.toml:1:1: a service needs at least one upstream, or a command
          | [service.shop]
          | ^
        seaworthy.toml:2:12: has no effect: this service is not run here, it has no `command`
          | replicas = 2
          |            ^
        2 problems found"#]],
    );
    let of = |text: &str| parse_with(text, &[]).unwrap_err().to_string();
    let taken = of("[service.shop]\ncommand = \"x\"\nport = 8080\n");
    assert!(taken.contains("3:8: is the port of a listener"), "{taken}");
    let both = of("[service.shop]\ncommand = \"x\"\nreplicas = 2\nautoscale = { cpu = 70 }\n");
    assert!(both.contains("3:12: has no effect: `autoscale`"), "{both}");
    let run = parse_with("[service.shop]\ncommand = \"x {port}\"\nreplicas = 3\n", &[]).unwrap();
    assert!(run.gateway.services[0].managed && run.gateway.services[0].outlier.is_some());
    assert_eq!((run.processes.len(), run.processes[0].replicas), (1, 3));
    let elsewhere = [("SEAWORTHY_RUN_FOLDER", "/run/x")];
    let elsewhere = parse_with("[service.shop]\ncommand = \"x\"\n", &elsewhere).unwrap();
    assert_eq!(elsewhere.run_folder, Path::new("/run/x"));
}

#[test]
fn a_log_filter_is_checked_before_it_is_needed() {
    let filtered = |filter: &str| format!("{SHOP}[telemetry]\nfilter = \"{filter}\"\n");
    check(
        &filtered("warn,seaworthy_gateway=debgu"),
        expect![[r#"
            seaworthy.toml:4:10: "warn,seaworthy_gateway=debgu" is not a log filter: error parsing level filter: expected one of "off", "error", "warn", "info", "debug", "trace", or a number 0-5
              | filter = "warn,seaworthy_gateway=debgu"
              |          ^
              = did you mean `debug` instead of `seaworthy_gateway=debgu`?
            1 problem found"#]],
    );
    check(
        &filtered("inof"),
        expect![[r#"
            seaworthy.toml:4:10: "inof" names no level, and would show no log line
              | filter = "inof"
              |          ^
              = did you mean `info` instead of `inof`?
            1 problem found"#]],
    );
    check(
        &filtered("info,gateway=loud"),
        expect![[r#"
        seaworthy.toml:4:10: "info,gateway=loud" is not a log filter: error parsing level filter: expected one of "off", "error", "warn", "info", "debug", "trace", or a number 0-5
          | filter = "info,gateway=loud"
          |          ^
          = write something like "info" or "warn,seaworthy_gateway=debug"
        1 problem found"#]],
    );
    check(
        &filtered(" "),
        expect![[r#"
        seaworthy.toml:4:10: " " is not a log filter: invalid filter directive
          | filter = " "
          |          ^
          = write something like "info" or "warn,seaworthy_gateway=debug"
        1 problem found"#]],
    );
    for fine in ["warn", "WARN,hyper=off", "info,tracing", "seaworthy_gateway[request]=trace", "off", "3"] {
        check(&filtered(fine), expect!["fine"]);
    }
}

#[test]
fn receivers_of_otlp_are_checked() {
    check(
        &format!(
            "{SHOP}[telemetry.metrics_otlp]\nendpoint = \"https://otel:4318/v1/metrics\"\ninterval = \"1ms\"\n\
             [telemetry.logs_otlp]\nendpoint = \"http://otel:4318\"\nqueue = 0\n"
        ),
        expect![[r#"
            seaworthy.toml:4:12: "https://otel:4318/v1/metrics" is no OTLP receiver of metrics
              | endpoint = "https://otel:4318/v1/metrics"
              |            ^
              = write "http://HOST:4318/v1/metrics"
            seaworthy.toml:5:12: must be at least 1 s
              | interval = "1ms"
              |            ^
            seaworthy.toml:7:12: "http://otel:4318" is no OTLP receiver of logs
              | endpoint = "http://otel:4318"
              |            ^
              = write "http://HOST:4318/v1/logs"
            seaworthy.toml:8:9: must be at least 1: without a queue nothing is sent
              | queue = 0
              |         ^
            4 problems found"#]],
    );
}

#[test]
fn headers_for_the_log_are_checked() {
    check(
        &format!(
            "{SHOP}[telemetry.access]\nheaders = [\"x kind\", \"accept\", \"Accept\"]\nredact_headers = [\"x-session\"]\n"
        ),
        expect![[r#"
            seaworthy.toml:4:12: "x kind" is not a header name
              | headers = ["x kind", "accept", "Accept"]
              |            ^
            seaworthy.toml:4:32: "Accept" is written already
              | headers = ["x kind", "accept", "Accept"]
              |                                ^
            seaworthy.toml:5:19: has no effect: "x-session" is not among the `headers` that are written
              | redact_headers = ["x-session"]
              |                   ^
            3 problems found"#]],
    );
}

#[test]
fn every_problem_is_reported_at_once_with_its_place() {
    check(
        r#"
[gatway]
[service.shop]
upstreams = ["127.0.0.1:8000"]
timeout = { total = 5, attempt = "10" }
retry = true
[[route]]
service = "shp"
methods = ["get"]
"#,
        expect![[r#"
            seaworthy.toml:2:2: unknown setting `gatway`
              | [gatway]
              |  ^
              = did you mean `gateway`?
            seaworthy.toml:4:14: "127.0.0.1:8000" must start with http:// or https://
              | upstreams = ["127.0.0.1:8000"]
              |              ^
            seaworthy.toml:5:21: expected a duration, found a whole number
              | timeout = { total = 5, attempt = "10" }
              |                     ^
              = write "5s" for seconds
            seaworthy.toml:5:34: "10" has no unit; write "10s" for seconds or "10ms" for milliseconds
              | timeout = { total = 5, attempt = "10" }
              |                                  ^
            seaworthy.toml:6:9: true says nothing here
              | retry = true
              |         ^
              = leave it out for the preset's settings, or write a table
            seaworthy.toml:8:11: there is no service "shp"
              | service = "shp"
              |           ^
              = did you mean "shop"?
            seaworthy.toml:9:12: "get" is not a method
              | methods = ["get"]
              |            ^
              = methods are upper case: "GET"
            7 problems found"#]],
    );
}

#[test]
fn syntax_errors_do_not_hide_the_rest() {
    check(
        "[service.shop]\nupstreams = [\"http://127.0.0.1:8000\"]\nretry = \nbreakr = false\n",
        expect![[r#"
            seaworthy.toml:3:9: string values must be quoted, expected literal string
              | retry = 
              |         ^
            seaworthy.toml:4:1: unknown setting `breakr`
              | breakr = false
              | ^
              = did you mean `breaker`?
            2 problems found"#]],
    );
}

#[test]
fn settings_without_effect_are_problems() {
    for (text, said) in [
        ("tls = { ca = \"x.pem\" }", "no upstream of this service starts with https://"),
        ("outlier = { consecutive = 3 }", "the last upstream is never ejected"),
        ("retry = { attempts = 1 }\nbudget = { ratio = 0.1 }", "nothing is retried or hedged"),
        (
            "timeout = { total = \"1s\", attempt = \"2s\" }",
            "timeout.attempt: has no effect: timeout.total is over first",
        ),
        ("breaker = { slow = \"1s\" }", "has no effect without `slow_ratio`"),
        ("budget = { model = \"active\", ttl = \"3s\" }", "`ttl` has no effect with this model"),
        ("health = { interval = \"1s\", timeout = \"2s\" }", "checks would overlap"),
        ("health = { unhealthy_after = 0 }", "`unhealthy_after` must be at least 1"),
        ("health = { path = \"/a b\" }", "percent-encoding"),
        ("connections = 0", "a limit of 0 lets no request through"),
        ("retry = { attempts = 101 }", "retry.attempts: must be at most 100"),
        (
            "timeout = { total = \"1s\" }\nbulkhead = { wait = \"2s\" }",
            "bulkhead.wait: has no effect: timeout.total",
        ),
        ("breaker = { successes = 0 }", "breaker.successes: must be at least 1"),
        ("[gateway]\nthreads = 100000", "at most 1024"),
        ("[control]\nlisten = \"127.0.0.1:8080\"", "has the address of a listener"),
        (
            "[service.other]\nupstreams = [\"http://h\"]\n[[route]]\nservice = \"shop\"",
            "no route leads to service \"other\"",
        ),
        ("[[route]]\nservice = \"shop\"\nfallback = { service = \"shop\" }", "it is the route's own service"),
        ("[[route]]\nservice = \"shop\"\nmethods = [\"POST\"]\ncache = {}", "only GET and HEAD"),
    ] {
        let problems =
            parse_with(&format!("{SHOP}{text}\n"), &[]).err().unwrap_or_else(|| panic!("{text}: fine"));
        assert!(problems.to_string().contains(said), "{text}: {problems}");
    }
}

#[test]
fn defaults_make_room_for_what_is_written() {
    for text in [
        "timeout = { total = \"1s\" }",
        "timeout = { total = \"40ms\" }",
        "timeout = { attempt = \"40s\" }",
        "timeout = { attempt = \"40s\" }\nretry = { attempts = 1 }",
        "retry = { max = \"20ms\" }",
        "bulkhead = { queued = 0 }",
        "bulkhead = { wait = \"0s\" }",
    ] {
        let settings = match parse_with(&format!("{SHOP}{text}\n"), &[]) {
            Ok(compiled) => compiled.gateway.services[0].policies.clone(),
            Err(problems) => panic!("{text}: {problems}"),
        };
        assert!(
            settings.attempt_timeout.is_none_or(|attempt| Some(attempt) < settings.total_timeout),
            "{text}"
        );
    }
}

#[test]
fn the_environment_overrides_and_is_checked() {
    let compiled = parse_with(SHOP, &[("SEAWORTHY_RETRY_MAX_ATTEMPTS", "7")]).unwrap();
    assert_eq!(compiled.gateway.services[0].policies.retry.as_ref().unwrap().max_attempts, 7);
    let problems = parse_with(SHOP, &[("SEAWORTHY_RETRY_MAX_ATTEMPTS", "many")]).unwrap_err();
    assert!(problems.to_string().contains("SEAWORTHY_RETRY_MAX_ATTEMPTS=\"many\""), "{problems}");
}

#[test]
fn presets_and_switches() {
    let policies = |text: &str| {
        parse_with(&format!("{SHOP}{text}\n"), &[]).unwrap().gateway.services[0].policies.clone()
    };
    assert_eq!(policies("preset = \"database\"").attempt_timeout, Some(Duration::from_secs(30)));
    assert_eq!(policies("preset = \"none\""), seaworthy_resilience::stack::Settings::none());
    let off = policies("retry = false\nbreaker = false\ntimeout = false\nbulkhead = false");
    assert!(
        off.retry.is_none() && off.breaker.is_none() && off.total_timeout.is_none() && off.bulkhead.is_none()
    );
    assert!(off.budget.is_none(), "a budget nobody wrote goes with the retries it is for");
}

#[test]
fn the_schema_describes_every_setting_once() {
    let schema = schema();
    let service = &schema["properties"]["service"]["additionalProperties"];
    assert_eq!(service["additionalProperties"], false);
    assert_eq!(service["properties"]["connect_timeout"]["default"], "2s");
    assert!(
        service["properties"]["upstreams"]["description"].as_str().unwrap().starts_with("Where it answers")
    );
    assert_eq!(schema["properties"]["gateway"]["properties"]["cache_size"]["default"], "64MiB");
}

proptest! {
    #[test]
    fn garbage_is_an_error_and_never_a_panic(text in "(\\[|\\]|\\{|\\}|=|\"|\n|\\.|service|route|shop|upstreams|retry|[a-z0-9é]){0,40}") {
        let _ = parse_with(&text, &[]);
    }

    #[test]
    fn wrong_types_anywhere_are_errors(value in prop_oneof![
        Just("1"), Just("-1"), Just("1.5"), Just("nan"), Just("true"), Just("\"x\""), Just("[]"), Just("[1]"), Just("{}"),
        Just("{ a = 1 }"), Just("1979-05-27"), Just("99999999999999999999999"),
    ], setting in prop_oneof![
        Just("service.shop.upstreams"), Just("service.shop.timeout"), Just("service.shop.retry.attempts"),
        Just("service.shop.breaker"), Just("gateway.threads"), Just("gateway.cache_size"), Just("listener"),
        Just("control.listen"), Just("route"), Just("telemetry.access.sample"), Just("service.shop.health.interval"),
        Just("service.shop.command"), Just("service.shop.port"), Just("service.shop.rollout.max_surge"),
    ]) {
        let _ = parse_with(&format!("{setting} = {value}\n"), &[]);
    }
}
