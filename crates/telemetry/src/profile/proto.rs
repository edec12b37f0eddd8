//! The messages of pprof: <https://github.com/google/pprof/blob/main/proto/profile.proto>. The first function of a
//! stack is the name of its thread, as there is no other place for it that viewers show.

use super::Profile;
use prost::Message;
use std::collections::HashMap;
use std::time::UNIX_EPOCH;

#[derive(Clone, PartialEq, Message)]
pub(super) struct Proto {
    #[prost(message, repeated, tag = "1")]
    pub(super) sample_type: Vec<ValueType>,
    #[prost(message, repeated, tag = "2")]
    pub(super) sample: Vec<Sample>,
    #[prost(message, repeated, tag = "4")]
    pub(super) location: Vec<Location>,
    #[prost(message, repeated, tag = "5")]
    pub(super) function: Vec<Function>,
    #[prost(string, repeated, tag = "6")]
    pub(super) string_table: Vec<String>,
    #[prost(int64, tag = "9")]
    pub(super) time_nanos: i64,
    #[prost(int64, tag = "10")]
    pub(super) duration_nanos: i64,
    #[prost(message, optional, tag = "11")]
    pub(super) period_type: Option<ValueType>,
    #[prost(int64, tag = "12")]
    pub(super) period: i64,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct ValueType {
    #[prost(int64, tag = "1")]
    pub(super) kind: i64,
    #[prost(int64, tag = "2")]
    pub(super) unit: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Sample {
    /// From the innermost to the outermost.
    #[prost(uint64, repeated, tag = "1")]
    pub(super) location_id: Vec<u64>,
    #[prost(int64, repeated, tag = "2")]
    pub(super) value: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Location {
    #[prost(uint64, tag = "1")]
    pub(super) id: u64,
    #[prost(message, repeated, tag = "4")]
    pub(super) line: Vec<Line>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Line {
    #[prost(uint64, tag = "1")]
    pub(super) function_id: u64,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Function {
    #[prost(uint64, tag = "1")]
    pub(super) id: u64,
    #[prost(int64, tag = "2")]
    pub(super) name: i64,
    #[prost(int64, tag = "3")]
    pub(super) system_name: i64,
}

#[derive(Default)]
struct Table<'a> {
    texts: Vec<String>,
    /// The place of a function's name; its id and that of its location are the same.
    functions: HashMap<&'a str, i64>,
}

impl<'a> Table<'a> {
    fn text(&mut self, text: &str) -> i64 {
        self.texts.push(text.to_owned());
        self.texts.len() as i64 - 1
    }

    fn function(&mut self, name: &'a str) -> u64 {
        let known = self.functions.get(name).copied();
        let at = known.unwrap_or_else(|| {
            let at = self.text(name);
            self.functions.insert(name, at);
            at
        });
        at.unsigned_abs()
    }
}

pub(super) fn encode(profile: &Profile) -> Vec<u8> {
    let mut table = Table::default();
    table.text(""); // the first text is always the empty one
    let samples = ValueType { kind: table.text("samples"), unit: table.text("count") };
    let cpu = ValueType { kind: table.text("cpu"), unit: table.text("nanoseconds") };
    let period = 1_000_000_000 / i64::from(profile.hertz.max(1));
    let mut stacks = Vec::new();
    for (stack, count) in &profile.stacks {
        let count = i64::try_from(*count).unwrap_or(i64::MAX);
        let location_id = stack.iter().rev().map(|name| table.function(name)).collect();
        stacks.push(Sample { location_id, value: vec![count, count.saturating_mul(period)] });
    }
    let mut functions: Vec<i64> = table.functions.values().copied().collect();
    functions.sort_unstable();
    let id = |name: &i64| name.unsigned_abs();
    let since = profile.started.duration_since(UNIX_EPOCH).unwrap_or_default();
    Proto {
        sample_type: vec![samples, cpu],
        sample: stacks,
        location: functions
            .iter()
            .map(|name| Location { id: id(name), line: vec![Line { function_id: id(name) }] })
            .collect(),
        function: functions
            .iter()
            .map(|name| Function { id: id(name), name: *name, system_name: *name })
            .collect(),
        string_table: table.texts,
        time_nanos: i64::try_from(since.as_nanos()).unwrap_or_default(),
        duration_nanos: i64::try_from(profile.duration.as_nanos()).unwrap_or(i64::MAX),
        period_type: Some(cpu),
        period,
    }
    .encode_to_vec()
}
