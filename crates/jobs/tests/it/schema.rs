//! The schema of every released version, as the databases describe it: what is released is never edited.

use crate::harness::Bed;
use seaworthy_store::Query;
use std::path::Path;

const SQLITE: &str =
    "SELECT type || ' ' || name || ': ' || coalesce(sql, 'by itself') AS line FROM sqlite_master
    WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name";
const POSTGRES: &str = "SELECT line FROM (
    SELECT 'column ' || table_name || '.' || column_name || ': ' || data_type || ' ' || is_nullable || ' '
        || coalesce(column_default, '-') AS line FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public') AS lines ORDER BY line";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_is_as_it_was_released() {
    compare(&Bed::sqlite().await, SQLITE, "tests/it/schema/sqlite-1.txt").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_as_it_was_released() {
    compare(&Bed::postgres().await, POSTGRES, "tests/it/schema/postgres-1.txt").await;
}

/// `UPDATE_EXPECT=1` writes the file of a version that is not released yet.
async fn compare(bed: &Bed, query: &'static str, file: &str) {
    let rows = bed.jobs.store().fetch_all(Query::new(query)).await.expect("described");
    let lines: Vec<String> = rows.iter().map(|row| row.get("line").expect("a text")).collect();
    let text = lines.join("\n") + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(&path, &text).expect("written");
    }
    let golden = std::fs::read_to_string(&path).expect("the schema of this version is kept");
    assert_eq!(text, golden, "{file}");
}
