//! Which messages a slow client receives, and in which order.

use serde_json::Value;

use super::*;

fn event(number: u64) -> Bytes {
    format!(r#"{{"data":{{"n":{number}}}}}"#).into()
}

fn opened(queue: &Arc<Queue>, id: &str) -> OperationHandle {
    queue.open(id.to_owned()).expect("open").expect("a ticket")
}

/// Everything pending, in short form: `1:5` for event 5 of operation 1, `1:complete`, …
fn waiting(queue: &Queue) -> Vec<String> {
    std::iter::from_fn(|| queue.next_ready())
        .map(|outgoing| match outgoing {
            Outgoing::Text(text, _) => {
                let message: Value = serde_json::from_slice(&text).expect("JSON");
                let id = message["id"].as_str().unwrap_or_default();
                match message["payload"]["data"]["n"].as_u64() {
                    Some(number) => format!("{id}:{number}"),
                    None => format!("{id}:{}", message["type"].as_str().unwrap_or_default()),
                }
            }
            other => format!("{other:?}"),
        })
        .collect()
}

#[test]
fn a_client_that_keeps_up_misses_nothing() {
    let queue = Arc::new(Queue::new(10, 4, 4));
    let ticket = opened(&queue, "1");
    for number in 0..100 {
        ticket.push(event(number));
        assert_eq!(waiting(&queue), [format!("1:{number}")]);
    }
    ticket.complete();
    assert_eq!(waiting(&queue), ["1:complete"]);
}

#[test]
fn a_client_that_is_far_behind_gets_the_newest_and_the_end() {
    let queue = Arc::new(Queue::new(10, 4, 4));
    let ticket = opened(&queue, "1");
    for number in 0..1000 {
        ticket.push(event(number));
    }
    let sent = waiting(&queue);
    assert!(sent.len() <= 4, "{sent:?}");
    assert_eq!(sent.last().map(String::as_str), Some("1:999"));
    ticket.push(event(1000));
    ticket.complete();
    assert_eq!(waiting(&queue), ["1:1000", "1:complete"]);
}

#[test]
fn operations_take_turns() {
    let queue = Arc::new(Queue::new(10, 4, 4));
    let (one, two) = (opened(&queue, "1"), opened(&queue, "2"));
    for number in 0..2 {
        one.push(event(number));
        two.push(event(number));
    }
    assert_eq!(waiting(&queue), ["1:0", "2:0", "1:1", "2:1"]);
}

#[test]
fn an_id_can_be_used_again_only_after_its_end_was_sent() {
    let queue = Arc::new(Queue::new(10, 4, 4));
    opened(&queue, "1").complete();
    assert_eq!(
        queue.open("1".to_owned()).expect_err("refused"),
        CloseReason::DuplicateOperation
    );
    assert_eq!(waiting(&queue), ["1:complete"]);
    assert!(queue.open("1".to_owned()).is_ok());
}

#[test]
fn a_cancelled_operation_cannot_write_into_its_successor() {
    let queue = Arc::new(Queue::new(10, 4, 4));
    let old = opened(&queue, "1");
    queue.cancel("1");
    let new = opened(&queue, "1");
    old.push(event(1));
    drop(old);
    assert!(waiting(&queue).is_empty());
    new.push(event(2));
    assert_eq!(waiting(&queue), ["1:2"]);
}

#[test]
fn an_operation_that_vanishes_ends_with_an_error() {
    let queue = Arc::new(Queue::new(10, 4, 4));
    drop(opened(&queue, "1"));
    assert_eq!(waiting(&queue), ["1:error"]);
}

#[test]
fn too_many_operations_are_refused_and_a_flood_of_them_closes() {
    let queue = Arc::new(Queue::new(2, 4, 4));
    let _running = [opened(&queue, "1"), opened(&queue, "2")];
    assert!(queue.open("3".to_owned()).expect("told").is_none());
    assert!(queue.open("4".to_owned()).expect("told").is_none());
    assert_eq!(
        queue.open("5".to_owned()).expect_err("refused"),
        CloseReason::TooManyOperations
    );
    assert_eq!(waiting(&queue), ["3:error", "4:error"]);
}
