//! A registry's values as OTLP has them.

use crate::metrics::{Exemplar, Registry, SampledFamily, Snapshot, Value};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1 as proto;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::resource::v1::Resource;
use std::time::{SystemTime, UNIX_EPOCH};

/// When values were counted from and until, in nanoseconds since 1970.
#[derive(Clone, Copy)]
struct Times {
    start: u64,
    now: u64,
}

pub(super) fn request(registry: &Registry, service: &str, now: SystemTime) -> ExportMetricsServiceRequest {
    let times = Times { start: nanos(registry.created()), now: nanos(now) };
    let metrics = registry.snapshot().values().map(|family| metric(family, times)).collect();
    let scope = InstrumentationScope { name: "seaworthy".to_owned(), ..InstrumentationScope::default() };
    ExportMetricsServiceRequest {
        resource_metrics: vec![proto::ResourceMetrics {
            resource: Some(Resource { attributes: resource(service), ..Resource::default() }),
            scope_metrics: vec![proto::ScopeMetrics {
                scope: Some(scope),
                metrics,
                schema_url: String::new(),
            }],
            schema_url: String::new(),
        }],
    }
}

/// What traces and logs carry, too.
fn resource(service: &str) -> Vec<KeyValue> {
    let resource = opentelemetry_sdk::Resource::builder().with_service_name(service.to_owned()).build();
    resource.iter().map(|(key, value)| attribute(key.as_str(), &value.as_str())).collect()
}

fn metric(family: &SampledFamily, times: Times) -> proto::Metric {
    proto::Metric {
        name: family.name.clone(),
        description: family.help.clone(),
        unit: unit(family).to_owned(),
        metadata: Vec::new(),
        data: data(family, times),
    }
}

fn unit(family: &SampledFamily) -> &'static str {
    match family.series.values().next() {
        _ if family.name.ends_with("bytes") => "By",
        Some(Value::Histogram(_)) => "s",
        _ if family.name.ends_with("seconds") => "s",
        _ => "",
    }
}

fn data(family: &SampledFamily, times: Times) -> Option<Data> {
    let (mut numbers, mut histograms) = (Vec::new(), Vec::new());
    for (labels, value) in &family.series {
        let attributes: Vec<KeyValue> = labels
            .iter()
            .map(|(name, value)| {
                attribute(family.spellings.get(name).map_or(name.as_str(), |spelt| spelt), value)
            })
            .collect();
        match value {
            Value::Counter(value) | Value::Gauge(value) => numbers.push(number(attributes, *value, times)),
            Value::Histogram(snapshot) => histograms.push(histogram(attributes, snapshot, times)),
        }
    }
    let aggregation_temporality = proto::AggregationTemporality::Cumulative.into();
    Some(match family.series.values().next()? {
        Value::Counter(_) => {
            Data::Sum(proto::Sum { data_points: numbers, aggregation_temporality, is_monotonic: true })
        }
        Value::Gauge(_) => Data::Gauge(proto::Gauge { data_points: numbers }),
        Value::Histogram(_) => {
            Data::Histogram(proto::Histogram { data_points: histograms, aggregation_temporality })
        }
    })
}

fn number(attributes: Vec<KeyValue>, value: f64, times: Times) -> proto::NumberDataPoint {
    proto::NumberDataPoint {
        attributes,
        start_time_unix_nano: times.start,
        time_unix_nano: times.now,
        value: Some(proto::number_data_point::Value::AsDouble(value)),
        ..proto::NumberDataPoint::default()
    }
}

fn histogram(attributes: Vec<KeyValue>, snapshot: &Snapshot, times: Times) -> proto::HistogramDataPoint {
    proto::HistogramDataPoint {
        attributes,
        start_time_unix_nano: times.start,
        time_unix_nano: times.now,
        count: snapshot.count,
        sum: Some(snapshot.sum),
        bucket_counts: snapshot.counts.clone(),
        explicit_bounds: snapshot.bounds.to_vec(),
        exemplars: snapshot.exemplars.iter().flatten().map(exemplar).collect(),
        ..proto::HistogramDataPoint::default()
    }
}

fn exemplar(exemplar: &Exemplar) -> proto::Exemplar {
    proto::Exemplar {
        time_unix_nano: nanos(exemplar.time),
        trace_id: exemplar.trace_id.to_vec(),
        value: Some(proto::exemplar::Value::AsDouble(exemplar.seconds)),
        ..proto::Exemplar::default()
    }
}

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

fn nanos(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}
