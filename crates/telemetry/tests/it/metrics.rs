use crate::agent::{Agent, PATIENCE};
use crate::receiver;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Metric, metric::Data, number_data_point::Value,
};
use seaworthy_telemetry::metrics::Registry;
use seaworthy_telemetry::metrics::otlp::{Error, Exporter, Settings};
use std::time::Duration;

fn settings(endpoint: String) -> Settings {
    // never by itself
    let interval = Duration::from_secs(86_400);
    Settings { endpoint, service: "shop-front".to_owned(), interval, timeout: PATIENCE }
}

fn shop() -> Registry {
    let registry = Registry::new();
    let labels = [("http.route", "/items/{id}".to_owned())];
    registry.counter("shop.orders", "orders taken", &labels).add(7);
    registry.gauge("shop.memory.bytes", "in use", &[]).set(-1.5);
    let wait =
        registry.histogram_with_bounds("http.server.request.duration", "how long", &[0.1, 1.0], &labels);
    wait.observe(0.05);
    wait.observe_with(0.5, [0xab; 16]);
    registry.collect_with(Box::new(|samples| {
        samples.counter("pool.opened", "", &[("server.port", "80".into())], 3.0);
    }));
    registry
}

fn metrics(request: &ExportMetricsServiceRequest) -> &[Metric] {
    &request.resource_metrics[0].scope_metrics[0].metrics
}

#[test]
fn values_arrive_as_otlp_over_http() {
    let (endpoint, exports) = receiver::start::<ExportMetricsServiceRequest>("/v1/metrics", "200 OK");
    let registry = shop();
    let exporter = Exporter::start(&registry, &settings(endpoint)).unwrap();
    exporter.flush().unwrap();
    let export = exports.recv_timeout(PATIENCE).unwrap();
    assert_eq!(export.request_line, "POST /v1/metrics HTTP/1.1");
    assert_eq!(export.content_type, "application/x-protobuf");
    let resource = format!("{:?}", export.body.resource_metrics[0].resource);
    assert!(resource.contains("service.name") && resource.contains("shop-front"), "{resource}");
    let find = |name: &str| metrics(&export.body).iter().find(|metric| metric.name == name).unwrap();

    let Some(Data::Sum(orders)) = &find("shop.orders").data else { panic!("a counter is a sum") };
    assert!(orders.is_monotonic && orders.aggregation_temporality() == AggregationTemporality::Cumulative);
    assert_eq!(orders.data_points[0].value, Some(Value::AsDouble(7.0)));
    assert_eq!(orders.data_points[0].attributes[0].key, "http.route");
    assert!(orders.data_points[0].start_time_unix_nano <= orders.data_points[0].time_unix_nano);
    let memory = find("shop.memory.bytes");
    assert!(matches!(&memory.data, Some(Data::Gauge(_))) && memory.unit == "By");
    let wait = find("http.server.request.duration");
    let Some(Data::Histogram(waits)) = &wait.data else { panic!("a histogram is one") };
    let point = &waits.data_points[0];
    assert_eq!((wait.unit.as_str(), wait.description.as_str()), ("s", "how long"));
    assert_eq!((point.count, point.sum, &point.bucket_counts[..]), (2, Some(0.55), &[1, 1, 0][..]));
    assert_eq!(point.explicit_bounds, [0.1, 1.0]);
    assert_eq!(point.exemplars[0].trace_id, [0xab; 16]);
    assert!(format!("{:?}", find("pool.opened")).contains("server.port"), "spelt as it was pulled");
}

#[test]
fn every_delivery_says_all_of_it_again_and_the_last_one_is_the_last() {
    let (endpoint, exports) = receiver::start::<ExportMetricsServiceRequest>("/v1/metrics", "200 OK");
    let registry = shop();
    let exporter = Exporter::start(&registry, &settings(endpoint)).unwrap();
    exporter.flush().unwrap();
    exports.recv_timeout(PATIENCE).unwrap();
    registry.counter("shop.orders", "", &[("http.route", "/items/{id}".to_owned())]).inc();
    exporter.shutdown(PATIENCE).unwrap();
    let last = exports.recv_timeout(PATIENCE).unwrap();
    let orders = metrics(&last.body).iter().find(|metric| metric.name == "shop.orders");
    assert!(format!("{orders:?}").contains("AsDouble(8.0)"), "{orders:?}");
    assert!(registry.render().contains("seaworthy_metrics_exports_total{outcome=\"sent\"} 2"));
    assert!(matches!(exporter.flush(), Err(Error::Undelivered(_))), "it has stopped");
}

#[test]
fn a_receiver_that_refuses_or_is_away_is_reported_and_counted() {
    let (endpoint, exports) =
        receiver::start::<ExportMetricsServiceRequest>("/v1/metrics", "307 Temporary Redirect");
    let registry = shop();
    let exporter = Exporter::start(&registry, &settings(endpoint)).unwrap();
    let error = exporter.flush().unwrap_err();
    assert_eq!(error.to_string(), "the metrics were not delivered: the receiver answered 307");
    exports.recv_timeout(PATIENCE).unwrap();
    assert!(registry.render().contains("seaworthy_metrics_exports_total{outcome=\"failed\"} 1"));

    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let exporter = Exporter::start(&registry, &settings(format!("http://{free}/v1/metrics"))).unwrap();
    assert!(matches!(exporter.flush(), Err(Error::Undelivered(_))));
}

#[test]
fn an_address_that_is_none_is_refused() {
    for endpoint in ["", "localhost", "ftp://a/", "http://"] {
        let error = Exporter::start(&Registry::new(), &settings(endpoint.to_owned())).unwrap_err();
        assert!(matches!(error, Error::Endpoint { .. }), "{endpoint}: {error}");
    }
}

#[test]
#[ignore = "needs the rotel agent"]
fn rotel_understands_the_metrics() {
    let agent = Agent::start("metrics");
    let exporter = Exporter::start(&shop(), &settings(agent.endpoint())).unwrap();
    exporter.flush().unwrap();
    agent.shows(&["shop-front", "shop.orders", "shop.memory.bytes", "http.server.request.duration"]);
}
