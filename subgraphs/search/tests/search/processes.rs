//! The embedded index under processes that are killed, that have no space left, and that share a directory.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use search::engine::embedded::Embedded;
use search::engine::{
    Direction, Document, Filters, Health, Matching, SearchEngine, SearchQuery, Sort,
};

use crate::kit::Item;

/// What another process does.
const ROLE: &str = "SEARCH_TEST_ROLE";
const DIRECTORY: &str = "SEARCH_TEST_DIRECTORY";

fn documents(numbers: std::ops::Range<usize>, cents: i64) -> Vec<Document> {
    let item = Item {
        cents,
        ..Item::PLAIN
    };
    numbers.map(|number| item.document(number)).collect()
}

async fn total(engine: &Embedded) -> u64 {
    let query = SearchQuery {
        text: "thing".to_owned(),
        matching: Matching::Most,
        filters: Filters::default(),
        sort: Sort::Relevance,
        limit: 1,
        direction: Direction::Forward,
        beyond: None,
        snapshot: None,
        facets: None,
        preference: None,
    };
    engine.search(query).await.unwrap().total
}

async fn built(directory: &Path, count: usize) -> Embedded {
    let engine = Embedded::new(directory);
    let mut index = engine.begin_rebuild().await.unwrap();
    index.add(documents(0..count, 1)).await.unwrap();
    index.publish().await.unwrap();
    engine
}

/// Another process that runs [`child`]. Each file it writes is limited to this many blocks of 512 bytes.
fn process(role: &str, directory: &Path, file_blocks: Option<u32>) -> (Child, ChildStdout) {
    let limit = file_blocks.map_or(String::new(), |blocks| {
        // Without the signal, writing fails like on a full disk.
        format!("trap '' XFSZ; ulimit -f {blocks}; ")
    });
    let mut child = Command::new("sh")
        .arg("-c")
        .arg(format!("{limit}exec \"$0\" \"$@\""))
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "processes::child", "--ignored", "--nocapture"])
        .env(ROLE, role)
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = child.stdout.take().unwrap();
    (child, output)
}

#[tokio::test]
#[ignore = "run by the other tests as a process of its own"]
async fn child() {
    let (Ok(role), Ok(directory)) = (std::env::var(ROLE), std::env::var(DIRECTORY)) else {
        return;
    };
    let engine = Embedded::new(directory);
    match role.as_str() {
        // Updates until it is killed.
        "update" => {
            for cents in 2..i64::MAX {
                engine.update(documents(0..100, cents)).await.unwrap();
                println!("updated");
            }
        }
        "update fifty times" => {
            for cents in 2..52 {
                engine.update(documents(0..100, cents)).await.unwrap();
            }
            println!("done");
        }
        "rebuild" => loop {
            built(Path::new(&std::env::var(DIRECTORY).unwrap()), 100).await;
            println!("built");
        },
        "no space" => {
            let before = total(&engine).await;
            let updated = engine.update(documents(0..3_000, 2)).await;
            let mut index = engine.begin_rebuild().await.unwrap();
            let added = index.add(documents(0..3_000, 3)).await;
            let published = index.publish().await;
            let failed = updated.is_err() && (added.is_err() || published.is_err());
            let same = total(&engine).await == before;
            println!("failed={failed} same={same}");
        }
        other => panic!("no role {other}"),
    }
}

fn wait_for_lines(output: ChildStdout, word: &str, count: usize) -> impl Read {
    let mut reader = BufReader::new(output);
    let (mut line, mut seen) = (String::new(), 0);
    while seen < count {
        line.clear();
        assert_ne!(reader.read_line(&mut line).unwrap(), 0, "the process ended");
        seen += usize::from(line.contains(word));
    }
    reader
}

#[tokio::test]
async fn a_process_killed_while_it_writes_leaves_its_last_commit() {
    let directory = tempfile::tempdir().unwrap();
    for role in ["update", "update", "rebuild", "rebuild"] {
        built(directory.path(), 100).await;
        let word = if role == "update" { "updated" } else { "built" };
        for commits in 1..4 {
            let (mut child, output) = process(role, directory.path(), None);
            let output = wait_for_lines(output, word, commits);
            child.kill().unwrap();
            child.wait().unwrap();
            drop(output);
            let engine = Embedded::new(directory.path());
            let status = engine.status().await.unwrap();
            assert_eq!(status.health, Health::Healthy, "{status:?}");
            assert_eq!(total(&engine).await, 100);
            engine.update(documents(0..101, 7)).await.unwrap();
            assert_eq!(total(&engine).await, 101, "and it can be written again");
            engine.delete(vec![crate::kit::id(100)]).await.unwrap();
        }
    }
    let folders = std::fs::read_dir(directory.path()).unwrap();
    let folders = folders.filter(|entry| entry.as_ref().unwrap().path().is_dir());
    built(directory.path(), 1).await;
    assert!(folders.count() <= 8);
    let folders = std::fs::read_dir(directory.path()).unwrap();
    let folders = folders.filter(|entry| entry.as_ref().unwrap().path().is_dir());
    assert_eq!(
        folders.count(),
        1,
        "abandoned builds are removed by the next one"
    );
}

#[tokio::test]
async fn two_processes_write_one_index() {
    let directory = tempfile::tempdir().unwrap();
    let engine = built(directory.path(), 100).await;
    let children: Vec<_> = (0..2)
        .map(|_| process("update fifty times", directory.path(), None))
        .collect();
    for cents in 100..120 {
        engine.update(documents(50..150, cents)).await.unwrap();
    }
    for (mut child, output) in children {
        let mut rest = wait_for_lines(output, "done", 1);
        std::io::copy(&mut rest, &mut std::io::sink()).unwrap();
        assert!(child.wait().unwrap().success());
    }
    engine.update(Vec::new()).await.unwrap();
    assert_eq!(total(&engine).await, 150);
}

#[tokio::test]
async fn without_space_the_old_index_serves_and_is_written_again_later() {
    let directory = tempfile::tempdir().unwrap();
    let engine = built(directory.path(), 3_000).await;
    let (mut child, output) = process("no space", directory.path(), Some(16));
    let mut rest = wait_for_lines(output, "failed=true same=true", 1);
    std::io::copy(&mut rest, &mut std::io::sink()).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(total(&engine).await, 3_000);
    engine.update(documents(0..3_001, 4)).await.unwrap();
    assert_eq!(total(&engine).await, 3_001);
    assert_eq!(engine.status().await.unwrap().health, Health::Healthy);
}
