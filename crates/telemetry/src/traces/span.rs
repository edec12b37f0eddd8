use super::Value;
use super::export::Pipeline;
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use seaworthy_core::trace::TraceContext;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

/// A piece of a request's way: the request itself or one attempt at an upstream.
///
/// It ends with [`end`](Self::end). One that is dropped before has been abandoned (the client went away, a hedge was
/// won by the other), and is recorded as such.
#[derive(Debug)]
pub struct RequestSpan {
    context: TraceContext,
    /// Whether this span is one that a trace could show. Without a tracer, what comes in goes out unchanged.
    own: bool,
    /// Whether a trace begins with it.
    root: bool,
    recording: Option<Box<Recording>>,
}

#[derive(Debug)]
struct Recording {
    pipeline: Arc<Pipeline>,
    name: Cow<'static, str>,
    kind: SpanKind,
    parent: SpanId,
    parent_is_remote: bool,
    started: SystemTime,
    attributes: Vec<KeyValue>,
}

impl RequestSpan {
    pub(super) fn pass(context: TraceContext) -> Self {
        Self { context, own: false, root: false, recording: None }
    }

    pub(super) fn unrecorded(context: TraceContext, parent: Option<TraceContext>) -> Self {
        Self { context, own: true, root: parent.is_none(), recording: None }
    }

    pub(super) fn server(
        pipeline: Arc<Pipeline>,
        context: TraceContext,
        parent: Option<TraceContext>,
        name: Cow<'static, str>,
    ) -> Self {
        let parent_span = parent.map_or(SpanId::INVALID, |parent| SpanId::from_bytes(parent.span_id));
        let recording = Recording {
            pipeline,
            name,
            kind: SpanKind::Server,
            parent: parent_span,
            parent_is_remote: parent.is_some(),
            started: SystemTime::now(),
            attributes: Vec::with_capacity(16),
        };
        Self { context, own: true, root: parent.is_none(), recording: Some(Box::new(recording)) }
    }

    /// What goes upstream as `traceparent`, and into the logs.
    pub fn context(&self) -> TraceContext {
        self.context
    }

    /// Whether a trace begins with it: what came in beside another one (`tracestate`) must not go on with this.
    pub fn is_root(&self) -> bool {
        self.root
    }

    /// Whether it will be sent: where preparing an attribute costs something, ask first.
    pub fn is_recording(&self) -> bool {
        self.recording.is_some()
    }

    /// Begins a call to an upstream within this span.
    pub fn child(&self, name: impl Into<Cow<'static, str>>) -> Self {
        if !self.own {
            return Self::pass(self.context);
        }
        let context = self.context.child();
        let recording = self.recording.as_ref().map(|parent| {
            Box::new(Recording {
                pipeline: Arc::clone(&parent.pipeline),
                name: name.into(),
                kind: SpanKind::Client,
                parent: SpanId::from_bytes(self.context.span_id),
                parent_is_remote: false,
                started: SystemTime::now(),
                attributes: Vec::with_capacity(8),
            })
        });
        Self { context, own: true, root: false, recording }
    }

    /// Gives it the name that is known only later (`GET /items/{id}`); `name` is not called where nothing is recorded.
    pub fn rename(&mut self, name: impl FnOnce() -> String) {
        if let Some(recording) = &mut self.recording {
            recording.name = Cow::Owned(name());
        }
    }

    /// Adds an attribute, in the spelling of OpenTelemetry's conventions (`http.route`).
    pub fn attribute<'a>(&mut self, key: &'static str, value: impl Into<Value<'a>>) {
        if let Some(recording) = &mut self.recording {
            recording.attributes.push(KeyValue::new(key, value.into()));
        }
    }

    /// Ends it with the status that was answered, if any was, and what went wrong, if anything did.
    ///
    /// By the conventions a server's span fails from 500 on, a client's from 400 on.
    pub fn end(mut self, status: Option<u16>, error: Option<&str>) {
        self.finish(status, error);
    }

    fn finish(&mut self, status: Option<u16>, error: Option<&str>) {
        let Some(mut recording) = self.recording.take() else { return };
        let failing = if recording.kind == SpanKind::Server { 500 } else { 400 };
        let failed_status = status.filter(|status| *status >= failing);
        let attributes = &mut recording.attributes;
        attributes.extend(status.map(|status| KeyValue::new("http.response.status_code", i64::from(status))));
        let error = error.map(str::to_owned).or_else(|| failed_status.map(|status| status.to_string()));
        let outcome = if error.is_some() { Status::error("") } else { Status::Unset };
        attributes.extend(error.map(|error| KeyValue::new("error.type", error)));
        let pipeline = Arc::clone(&recording.pipeline);
        pipeline.send(recording.finished(self.context, outcome));
    }
}

impl Drop for RequestSpan {
    fn drop(&mut self) {
        self.finish(None, Some("cancelled"));
    }
}

impl Recording {
    fn finished(self, context: TraceContext, status: Status) -> SpanData {
        SpanData {
            span_context: SpanContext::new(
                TraceId::from_bytes(context.trace_id),
                SpanId::from_bytes(context.span_id),
                TraceFlags::SAMPLED,
                false,
                TraceState::default(),
            ),
            parent_span_id: self.parent,
            parent_span_is_remote: self.parent_is_remote,
            span_kind: self.kind,
            name: self.name,
            start_time: self.started,
            end_time: SystemTime::now(),
            attributes: self.attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status,
            instrumentation_scope: InstrumentationScope::builder("seaworthy").build(),
        }
    }
}
