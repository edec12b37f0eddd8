use super::{DAY, die, door, fails};
use crate::harness::{Bed, Order};
use seaworthy_jobs::dead::{DeadFilter, ImportOptions, Imported, Parked, Replay};
use seaworthy_jobs::{State, UniqueScope};
use std::time::Duration;

crate::on_both!(
    what_is_exported_comes_back_as_it_was,
    foreign_lines_become_letters_once,
    a_bad_line_keeps_its_chunk_out_and_no_other,
);

async fn export(bed: &Bed) -> String {
    let filter = DeadFilter { parked: Parked::Include, ..DeadFilter::default() };
    let (mut export, mut all) = (door(bed).export(filter), String::new());
    while let Some(lines) = export.next().await.expect("read") {
        assert!(lines.ends_with('\n'));
        all.push_str(&lines);
    }
    all
}

/// In pieces of 7 bytes: lines are cut anywhere.
async fn import(bed: &Bed, text: &str, options: ImportOptions) -> Imported {
    let mut import = door(bed).import(options);
    for piece in text.as_bytes().chunks(7) {
        import.push(piece).await.expect("taken");
    }
    import.finish().await.expect("written")
}

fn of_kind(kind: &str) -> ImportOptions {
    ImportOptions { kind: Some(kind.to_owned()), ..ImportOptions::default() }
}

async fn what_is_exported_comes_back_as_it_was(bed: Bed) {
    let rich =
        fails("a\"b").priority(1).timeout(Duration::from_secs(9)).concurrency("k", 2).metadata("m", "ü");
    let rich = rich.tag("t").unique("u", UniqueScope::WhileUnfinished);
    let spread =
        seaworthy_jobs::NewJob::raw("obey", "{\n\"fail_with\":\r\n{\"code\":\"x\",\"retry_after_ms\":0}}");
    let ids = die(&bed, vec![rich.clone(), spread.retry(seaworthy_jobs::Retry::never()), fails("c")]).await;
    let dead = door(&bed);
    dead.park(ids[2], "apart").await.expect("parked");
    let file = export(&bed).await;
    assert_eq!(file.lines().count(), 3, "{file}");
    let first: serde_json::Value = serde_json::from_str(file.lines().next().expect("a line")).expect("JSON");
    let names: Vec<_> = first.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(names, ["error", "job", "original_message", "original_queue", "retry_count", "timestamp"]);
    assert_eq!((&first["error"], &first["retry_count"]), (&"a\"b: told".into(), &0.into()));

    let none = import(&bed, &file, ImportOptions::default()).await;
    assert_eq!((none.imported, none.duplicates), (0, 3), "they are still there");
    let mut before = Vec::new();
    for id in &ids {
        before.push(bed.jobs.get(*id).await.expect("there"));
    }
    let all = DeadFilter { parked: Parked::Include, ..DeadFilter::default() };
    assert_eq!(dead.purge(&all).await.expect("purged"), 3);
    let look = import(&bed, &file, ImportOptions { check_only: true, ..ImportOptions::default() }).await;
    assert_eq!((look.imported, look.problems.len()), (3, 0));
    assert_eq!(dead.list(&all, None, 9).await.expect("read"), []);
    // the second as after a crash
    for expected in [(3, 0), (0, 3)] {
        let done = import(&bed, &file, ImportOptions::default()).await;
        assert_eq!((done.imported, done.duplicates), expected, "{done:?}");
    }
    let mut after = dead.list(&all, None, 9).await.expect("read");
    after.sort_by_key(|job| job.created_at);
    for (old, new) in before.iter_mut().zip(&after) {
        old.id = new.id;
        old.run_at = new.run_at;
        old.started_at = new.started_at;
        old.payload = old.payload.replace(['\n', '\r'], " ");
    }
    assert_eq!(after, before);
    dead.replay(after[0].id, &Replay::default()).await.expect("brought back");
    let twin = bed.jobs.enqueue(rich).await.expect("answered");
    assert!(twin.duplicate && twin.id == after[0].id, "its unique key is its own again");
    let running = bed.start(1).await;
    bed.reaches(after[0].id, State::Discarded).await;
    running.stop(Duration::from_secs(5)).await;
}

async fn foreign_lines_become_letters_once(bed: Bed) {
    let message = serde_json::to_string(&Order::Complete(1.into())).expect("JSON");
    let line = format!(
        r#"{{"original_message":{message},"original_queue":"default","error":"boom","timestamp":"2020-01-01T00:00:00Z","retry_count":3}}"#
    );
    // twice the same message: they are two
    let file = format!("{line}\n\n{line}\r\n");
    let refused = import(&bed, &file, ImportOptions::default()).await;
    assert_eq!((refused.lines, refused.imported, refused.problems.len()), (3, 0, 2));
    assert_eq!(refused.problems[1].line, 3);
    assert!(refused.problems[0].reason.contains("no kind was given"), "{refused:?}");
    for expected in [(2, 0), (0, 2)] {
        let done = import(&bed, &file, of_kind("obey")).await;
        assert_eq!((done.imported, done.duplicates), expected, "{done:?}");
    }
    let dead = door(&bed);
    let letters = dead.list(&DeadFilter::default(), None, 9).await.expect("read");
    assert_eq!(letters[0].error, Some(("imported".to_owned(), "boom".to_owned())));
    assert_eq!(letters[0].attempt, 4);
    // it died long ago; it is kept from now on
    let running = bed.start(1).await;
    let others = die(&bed, vec![fails("a")]).await;
    bed.reaches(others[0], State::Discarded).await;
    dead.replay(letters[0].id, &Replay::default()).await.expect("brought back");
    let job = bed.reaches(letters[0].id, State::Completed).await;
    assert_eq!((job.attempt, job.replays), (1, 1));
    assert!(job.created_at < bed.jobs.store().now().minus(DAY));
    running.stop(Duration::from_secs(5)).await;
}

async fn a_bad_line_keeps_its_chunk_out_and_no_other(bed: Bed) {
    let line = |n: usize| {
        format!(
            r#"{{"original_message":{n},"original_queue":"q","error":null,"timestamp":"2026-01-01T00:00:00Z","retry_count":0}}"#
        )
    };
    let mut lines: Vec<String> = (0..1_200).map(line).collect();
    let too_long = format!("\"{}\"", "x".repeat(3 << 20));
    lines[700] = "{\"original_message\":".to_owned();
    lines[701] = line(0).replace("\"original_message\":0", &format!("\"original_message\":{too_long}"));
    let mut import = door(&bed).import(of_kind("k"));
    for line in &lines {
        import.push(line.as_bytes()).await.expect("taken");
        import.push(b"\n").await.expect("taken");
    }
    let done = import.finish().await.expect("written");
    assert_eq!((done.lines, done.imported, done.left_out), (1_200, 700, 498), "{:?}", done.problems);
    let told: Vec<_> = done.problems.iter().map(|problem| problem.line).collect();
    assert_eq!(told, [701, 702]);
    lines[700] = line(700);
    lines[701] = line(701);
    let done = self::import(&bed, &lines.join("\n"), of_kind("k")).await;
    assert_eq!((done.imported, done.duplicates, done.problems.len()), (500, 700, 0));
}
