use super::*;
use proptest::prelude::*;
use seaworthy_store::Timestamp;

fn cron(text: &str, zone: &str) -> Cron {
    Cron::parse(text, zone, Daylight::default()).expect("an expression")
}

fn with(text: &str, zone: &str, skipped: Skipped, repeated: Repeated) -> Cron {
    Cron::parse(text, zone, Daylight { skipped, repeated }).expect("an expression")
}

fn time(text: &str) -> Timestamp {
    Timestamp::from_micros(text.parse::<jiff::Timestamp>().expect("a time").as_microsecond())
}

/// The next `count` times, UTC.
fn next(cron: &Cron, from: &str, count: usize) -> Vec<String> {
    let mut after = time(from);
    let step = |after: &mut Timestamp| {
        *after = cron.next_after(*after)?;
        Some(jiff::Timestamp::from_microsecond(after.as_micros()).expect("in range").to_string())
    };
    (0..count).map_while(|_| step(&mut after)).collect()
}

#[test]
fn days_are_combined_as_vixie_cron_does() {
    let both = cron("0 0 13 * FRI", "UTC");
    assert_eq!(
        next(&both, "2026-11-01T00:00:00Z", 3),
        ["2026-11-06T00:00:00Z", "2026-11-13T00:00:00Z", "2026-11-20T00:00:00Z"]
    );
    // begins with a star: both must fit
    let starred = cron("0 0 */2 * MON", "UTC");
    assert_eq!(next(&starred, "2026-11-01T00:00:00Z", 2), ["2026-11-09T00:00:00Z", "2026-11-23T00:00:00Z"]);
}

#[test]
fn seconds_names_and_last_days() {
    assert_eq!(
        next(&cron("*/20 59 23 L DEC *", "UTC"), "2026-11-01T00:00:00Z", 2),
        ["2026-12-31T23:59:00Z", "2026-12-31T23:59:20Z"]
    );
    assert_eq!(next(&cron("0 0 * * 5L", "UTC"), "2026-11-01T00:00:00Z", 1), ["2026-11-27T00:00:00Z"]);
    assert_eq!(next(&cron("@Daily", "UTC"), "2026-11-01T00:00:00.5Z", 1), ["2026-11-02T00:00:00Z"]);
    assert_eq!(next(&cron("0 12 * * 7", "UTC"), "2026-11-01T12:00:00Z", 1), ["2026-11-08T12:00:00Z"]);
}

#[test]
fn a_time_that_clocks_skip() {
    // Berlin, 2026-03-29: 02:00 becomes 03:00, at 01:00 UTC
    let of = |skipped| with("30 2 * * *", "Europe/Berlin", skipped, Repeated::Auto);
    let from = "2026-03-28T12:00:00Z";
    assert_eq!(next(&of(Skipped::Auto), from, 2), ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]);
    assert_eq!(next(&of(Skipped::Skip), from, 1), ["2026-03-30T00:30:00Z"]);
    // several swallowed times are one
    let often = with("*/10 2 * * *", "Europe/Berlin", Skipped::RunAtGapEnd, Repeated::First);
    assert_eq!(next(&often, "2026-03-29T00:00:00Z", 2), ["2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"]);
    // every hour: nothing extra
    assert_eq!(
        next(&cron("30 * * * *", "Europe/Berlin"), "2026-03-29T00:00:00Z", 2),
        ["2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"]
    );
}

#[test]
fn a_time_that_clocks_show_twice() {
    // Berlin, 2026-10-25: 03:00 becomes 02:00, at 01:00 UTC
    let of = |repeated| with("30 2 * * *", "Europe/Berlin", Skipped::Auto, repeated);
    let from = "2026-10-24T12:00:00Z";
    assert_eq!(next(&of(Repeated::Auto), from, 2), ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
    assert_eq!(
        next(&of(Repeated::Both), from, 3),
        ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z"]
    );
    // asked in the middle of the second time
    assert_eq!(next(&of(Repeated::First), "2026-10-25T01:15:00Z", 1), ["2026-10-26T01:30:00Z"]);
    let quarters = cron("*/30 * * * *", "Europe/Berlin");
    assert_eq!(next(&quarters, "2026-10-25T00:00:00Z", 4).last().expect("four"), "2026-10-25T02:00:00Z");
}

#[test]
fn a_day_that_a_whole_island_skipped() {
    // Apia went from 29 to 31 December 2011
    let noon = with("0 12 * * *", "Pacific/Apia", Skipped::Auto, Repeated::Auto);
    let expected = ["2011-12-29T22:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z"];
    assert_eq!(next(&noon, "2011-12-29T12:00:00Z", 3), expected);
}

#[test]
fn half_an_hour_is_a_shift_too() {
    // Lord Howe, 2026-10-04: 02:00 becomes 02:30
    let of = cron("15 2 * * *", "Australia/Lord_Howe");
    assert_eq!(next(&of, "2026-10-03T10:00:00Z", 1), ["2026-10-03T15:30:00Z"]);
}

#[test]
fn nonsense_is_told_why() {
    let why = |text: &str, zone: &str| {
        Cron::parse(text, zone, Daylight::default()).expect_err("refused").to_string()
    };
    assert_eq!(why("0 0 31 2 *", "UTC"), "cron: never comes true: there is no such day");
    assert_eq!(why("0 0 30 2 *", "UTC"), "cron: never comes true: there is no such day");
    assert_eq!(why("60 * * * *", "UTC"), "cron: number out of bounds");
    assert!(why("* * * *", "UTC").contains("five fields"));
    assert!(why("* * * * * * 2027", "UTC").contains("five fields"));
    assert!(why(&"*,".repeat(200), "UTC").contains("1 to 256 bytes"));
    assert!(why("", "UTC").contains("1 to 256 bytes"));
    assert!(why("@reboot", "UTC").contains("@daily"));
    assert!(why("0 0 ٣ * *", "UTC").contains("ASCII"));
    assert!(why("*/0 * * * *", "UTC").contains("step cannot be zero"));
    assert!(why("* * * * *", "Mars/Olympus").contains("not known"));
    assert!(why("* * * * *", "../../etc/passwd").contains("not the name of a zone"));
    assert!(why("* * * * *", "").contains("not the name of a zone"));
}

#[test]
fn the_ends_of_time() {
    let every = cron("* * * * *", "Europe/Berlin");
    assert_eq!(every.next_after(Timestamp::from_micros(i64::MAX)), None);
    assert!(every.next_after(Timestamp::from_micros(i64::MIN)).is_none());
    assert_eq!(every.next_after(time("9999-12-30T21:59:00Z")), None);
    // the next 29 February that is a Sunday, asked for in 2032, is 28 years away
    assert_eq!(next(&cron("0 0 29 2 */7", "UTC"), "2032-03-01T00:00:00Z", 1), ["2060-02-29T00:00:00Z"]);
}

#[test]
fn explained_in_words() {
    let told = explain("30 2 * * MON", "Europe/Berlin", Daylight::default(), time("2026-03-20T00:00:00Z"), 5)
        .expect("fine");
    assert_eq!(told.words, "At 02:30, on Monday");
    assert_eq!(told.next.len(), 5);
    assert_eq!(told.next[0].local, "2026-03-23T02:30:00+01:00");
    assert_eq!(told.next[1].local, "2026-03-30T02:30:00+02:00");
    assert_eq!(told.next[1].utc, "2026-03-30T00:30:00+00:00");
}

proptest! {
    #[test]
    fn never_panics(text in "\\PC{0,40}", zone in "[A-Za-z/_+-]{0,20}") {
        let _ = Cron::parse(&text, &zone, Daylight::default());
    }

    #[test]
    fn fields_of_all_sorts(fields in proptest::collection::vec("[0-9*/,L#W?-]{1,6}", 4..8)) {
        let _ = Cron::parse(&fields.join(" "), "America/New_York", Daylight::default());
    }

    /// Whatever comes next comes later, and nothing lies between.
    #[test]
    fn times_only_go_forward(from in 1_700_000_000_i64..1_900_000_000, gap in 0..3_usize, zone in 0..4_usize) {
        let zone = ["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kolkata"][zone];
        let expression = ["*/7 1-3 * * *", "30 2 * * *", "*/20 * * * *"][gap];
        let cron = cron(expression, zone);
        let from = Timestamp::from_micros(from * 1_000_000);
        let next = cron.next_after(from).expect("there is one");
        prop_assert!(next > from);
        let before = Timestamp::from_micros(next.as_micros() - 1);
        prop_assert_eq!(cron.next_after(before), Some(next));
        let middle = Timestamp::from_micros(from.as_micros().midpoint(next.as_micros()));
        prop_assert_eq!(cron.next_after(middle), Some(next));
    }
}
