//! Ten years of cron in six time zones, time for time, against a reader of cron expressions that was not written here:
//! croniter, with Python's own time zones.
//!
//! Told to treat the days on which clocks change as croniter does, ours must give the same times, but for an error of
//! croniter's. With our defaults it may differ by the named [`Rule`]s, and by nothing else.
//! `SEAWORTHY_CRON_LONG=1` compares half a century in many more zones.

mod expressions;
mod peer;

use expressions::{AROUND_CHANGES, Expression, WHOLE_YEARS};
use jiff::tz::TimeZone;
use peer::{Peer, Span, Theirs};
use seaworthy_jobs::cron::{Cron, Daylight, Repeated, Skipped};
use seaworthy_store::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// 2010-01-01 and 2020-01-01: the years in which Apia lost a day, São Paulo gave up changing its clocks and Casablanca
/// changed them four times a year.
const TEN_YEARS: (i64, i64) = (1_262_304_000, 1_577_836_800);
const SIX_ZONES: [&str; 6] = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Pacific/Apia",
    "Africa/Casablanca",
];
/// 1985-01-01 and 2038-01-01.
const HALF_A_CENTURY: (i64, i64) = (473_385_600, 2_145_916_800);
const MORE_ZONES: [&str; 24] = [
    "Asia/Kolkata",
    "Europe/London",
    "Europe/Dublin",
    "Europe/Lisbon",
    "Europe/Moscow",
    "Europe/Istanbul",
    "America/St_Johns",
    "America/Los_Angeles",
    "America/Caracas",
    "America/Havana",
    "America/Santiago",
    "America/Nuuk",
    "America/Mexico_City",
    "America/Asuncion",
    "Asia/Tehran",
    "Asia/Kathmandu",
    "Asia/Pyongyang",
    "Asia/Gaza",
    "Asia/Tokyo",
    "Africa/Cairo",
    "Africa/Juba",
    "Antarctica/Troll",
    "Pacific/Chatham",
    "Pacific/Norfolk",
];

/// Why our default differs from croniter's only way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rule {
    /// A time of day that clocks show twice runs the first time; croniter runs it both times.
    OnceADay,
    /// `*/2` in the field for hours counts time as it passes, as in Vixie cron, so that what clocks skip is not made up
    /// for; croniter does that for a bare `*` only.
    StarredHour,
    /// `0-23` names times of day, as in Vixie cron, so that what clocks skip is made up for; croniter takes it for `*`.
    HoursWrittenOut,
    /// An error of croniter's, seen in Lord Howe, where clocks are put back by half an hour: of `*/20 1-3 * * *` on
    /// 2010-04-04 it gives 01:00, 01:20 and 01:40 at +11:00 and then 02:00 at +10:30. The second 01:40 is left out,
    /// though `croniter.match` says of that very moment that the expression names it.
    ShortRepetition,
}

#[test]
fn ten_years_in_six_zones() {
    let mut zones = SIX_ZONES.to_vec();
    let mut years = TEN_YEARS;
    if std::env::var_os("SEAWORTHY_CRON_LONG").is_some() {
        zones.extend(MORE_ZONES);
        years = HALF_A_CENTURY;
    }
    let compared: Vec<Comparison> = std::thread::scope(|scope| {
        let running: Vec<_> = zones.iter().map(|zone| scope.spawn(|| in_zone(zone, years))).collect();
        running.into_iter().map(|zone| zone.join().expect("no panic")).collect()
    });
    let mut times = 0;
    let mut explained = BTreeMap::new();
    let mut unexplained = Vec::new();
    for zone in compared {
        times += zone.times;
        zone.explained.iter().for_each(|(rule, count)| *explained.entry(*rule).or_insert(0) += count);
        unexplained.extend(zone.unexplained);
    }
    println!("{times} times in {} zones; differences of the defaults: {explained:?}", zones.len());
    assert!(
        unexplained.is_empty(),
        "{} differences, such as {:#?}",
        unexplained.len(),
        &unexplained[..unexplained.len().min(20)]
    );
    assert!(times > 50_000, "{times} times");
    assert_eq!(
        explained.keys().collect::<Vec<_>>(),
        [&Rule::OnceADay, &Rule::StarredHour, &Rule::HoursWrittenOut, &Rule::ShortRepetition],
        "every rule is needed"
    );
}

#[derive(Default)]
struct Comparison {
    times: usize,
    explained: BTreeMap<Rule, usize>,
    unexplained: Vec<String>,
}

fn in_zone(zone: &str, years: (i64, i64)) -> Comparison {
    let mut peer = Peer::start(zone, years);
    let mut comparison = Comparison::default();
    for (expressions, changes) in [(WHOLE_YEARS, false), (AROUND_CHANGES, true)] {
        for expression in expressions {
            for span in peer.ask(expression.theirs, changes) {
                comparison.add(zone, *expression, &span);
            }
        }
    }
    comparison
}

impl Comparison {
    fn add(&mut self, zone: &str, expression: Expression, span: &Span) {
        self.times += span.times.len();
        let hour = expression.hour();
        // as croniter does
        let skipped = if every_hour(hour) { Skipped::Skip } else { Skipped::RunAtGapEnd };
        let alike = Daylight { skipped, repeated: Repeated::Both };
        for (daylight, strict) in [(alike, true), (Daylight::default(), false)] {
            let ours = ours(expression, zone, daylight, span);
            let theirs: BTreeMap<i64, Theirs> = span.times.iter().map(|time| (time.0, *time)).collect();
            let alone = ours.iter().filter(|time| !theirs.contains_key(*time));
            let alone = alone.map(|time| (format!("{time} is ours"), rule_for_ours(hour, zone, *time)));
            let missing = theirs.values().filter(|time| !ours.contains(&time.0));
            let missing =
                missing.map(|time| (format!("{time:?} is croniter's"), rule_for_theirs(hour, *time)));
            for (difference, rule) in alone.chain(missing) {
                match rule.filter(|rule| !strict || *rule == Rule::ShortRepetition) {
                    Some(rule) => *self.explained.entry(rule).or_insert(0) += 1,
                    None => {
                        let ours = expression.ours;
                        self.unexplained
                            .push(format!("{ours} in {zone}: {difference} alone (strict: {strict})"));
                    }
                }
            }
        }
    }
}

/// Where croniter thinks so.
fn every_hour(hour: &str) -> bool {
    matches!(hour, "*" | "0-23")
}

fn rule_for_theirs(hour: &str, Theirs(_, second_time, put_forward): Theirs) -> Option<Rule> {
    let starred = hour.starts_with('*');
    match (second_time, put_forward) {
        (true, _) if !starred => Some(Rule::OnceADay),
        (_, true) if starred && hour != "*" => Some(Rule::StarredHour),
        _ => None,
    }
}

fn rule_for_ours(hour: &str, zone: &str, seconds: i64) -> Option<Rule> {
    let zone = TimeZone::get(zone).expect("a zone");
    let moment = |seconds| jiff::Timestamp::from_second(seconds).expect("in range");
    let offset = |seconds| zone.to_offset(moment(seconds)).seconds();
    if hour == "0-23" && offset(seconds - 1) < offset(seconds) {
        return Some(Rule::HoursWrittenOut);
    }
    let change = zone.preceding(moment(seconds + 1)).next()?.timestamp().as_second();
    let back = i64::from(offset(change - 1) - offset(change));
    (back < 3_600 && seconds < change + back).then_some(Rule::ShortRepetition)
}

fn ours(expression: Expression, zone: &str, daylight: Daylight, span: &Span) -> BTreeSet<i64> {
    let cron = Cron::parse(expression.ours, zone, daylight).expect("an expression");
    let mut times = BTreeSet::new();
    let mut after = Timestamp::from_micros(span.from * 1_000_000);
    while let Some(next) = cron.next_after(after).filter(|next| next.as_micros() < span.to * 1_000_000) {
        times.insert(next.as_micros() / 1_000_000);
        after = next;
    }
    times
}
