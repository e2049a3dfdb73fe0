//! The contract, by cases. Each takes two views of the same bus, as two processes have them.

use super::*;

/// Two processes' views of one bus; the same view twice, if it does not leave the process.
pub(crate) struct Views {
    pub(crate) here: Arc<dyn EventBus>,
    pub(crate) there: Arc<dyn EventBus>,
}

/// Runs every case of the contract as a test of its own; `$views` returns `None` where the bus cannot be tested.
macro_rules! contract {
    ($views:path) => {
        contract!($views:
            every_group_gets_every_event_and_those_of_an_aggregate_in_order,
            what_is_not_committed_comes_again_to_the_same_member_and_to_its_successor,
            an_event_goes_to_one_member_of_a_group,
            a_member_takes_over_from_one_that_died,
            a_large_event_arrives_whole,
        );
    };
    ($views:path: $($case:ident,)+) => {
        $(#[tokio::test]
        async fn $case() {
            if let Some(views) = $views() {
                crate::contract::$case(views).await;
            }
        })+
    };
}
pub(crate) use contract;

pub(crate) async fn every_group_gets_every_event_and_those_of_an_aggregate_in_order(views: Views) {
    let name = unique_name();
    let (topic, other) = (name.clone(), format!("{name}-other"));
    let mut published: Vec<_> = (1..=5)
        .flat_map(|n| ["a", "b", "c", "d"].map(|aggregate| event(&topic, aggregate, n)))
        .collect();
    published.extend((1..=5).map(|n| event(&other, "a", n)));
    let mut groups = ["first", "second"].map(|group| {
        let group = format!("{name}-{group}");
        views.there.subscribe(&[&topic, &other], &group).unwrap()
    });
    let [first, second] = &mut groups;
    let (_, first, second) = tokio::join!(
        publish(&*views.here, &published),
        receive_all(first, published.len()),
        receive_all(second, published.len()),
    );
    for received in [first, second] {
        assert_eq!(received.len(), published.len());
        assert!(published.iter().all(|event| received.contains(event)));
        for (topic, aggregate) in [(&topic, "a"), (&topic, "c"), (&other, "a")] {
            assert_eq!(sequences(&received, topic, aggregate), [1, 2, 3, 4, 5]);
        }
    }
    for mut group in groups {
        group.leave().await;
    }
}

pub(crate) async fn what_is_not_committed_comes_again_to_the_same_member_and_to_its_successor(
    views: Views,
) {
    let topic = unique_name();
    let published = events(&topic, 1..=3);
    let mut first = views.there.subscribe(&[&topic], &topic).unwrap();
    let consume = async {
        let mut received = receive(&mut first).await;
        // A log may deliver them one after the other; then the rest comes later.
        assert_eq!(received[..], published[..received.len()]);
        received = receive(&mut first).await;
        assert_eq!(received[..], published[..received.len()]);
        first.leave().await;
        drop(first);
        let mut second = views.there.subscribe(&[&topic], &topic).unwrap();
        assert_eq!(receive_all(&mut second, 3).await, published);
        second
    };
    let (_, mut second) = tokio::join!(publish(&*views.here, &published), consume);
    let more = events(&topic, 4..=4);
    let (_, received) = tokio::join!(
        publish(&*views.here, &more),
        receive_all(&mut second, more.len())
    );
    assert_eq!(received, more);
    second.leave().await;
    drop(second);
    let mut third = views.there.subscribe(&[&topic], &topic).unwrap();
    let nothing = tokio::time::timeout(Duration::from_millis(300), third.receive()).await;
    assert!(nothing.is_err(), "all is committed: {nothing:?}");
    third.leave().await;
}

pub(crate) async fn an_event_goes_to_one_member_of_a_group(views: Views) {
    let topic = unique_name();
    let mut first = views.here.subscribe(&[&topic], &topic).unwrap();
    let mut second = views.there.subscribe(&[&topic], &topic).unwrap();
    let published: Vec<_> = (1..=20)
        .map(|n| event(&topic, &format!("aggregate-{n}"), 1))
        .collect();
    let received = tokio::sync::Mutex::new(Vec::new());
    let consume = async |member: &mut Box<dyn Consumer>| {
        loop {
            let events = receive(member).await;
            member.commit().await.unwrap();
            received.lock().await.extend(events);
        }
    };
    let done = async {
        // Both are members before anything is published. A receive that is given up here could take an event with it.
        tokio::time::sleep(Duration::from_secs(6)).await;
        publish(&*views.here, &published).await;
        while received.lock().await.len() < published.len() {
            tokio::task::yield_now().await;
        }
    };
    // A member that gets nothing for too long panics, too.
    tokio::select! {
        () = done => {}
        () = consume(&mut first) => {}
        () = consume(&mut second) => {}
    }
    let mut ids: Vec<_> = received.lock().await.iter().map(|event| event.id).collect();
    ids.sort_unstable();
    let mut expected: Vec<_> = published.iter().map(|event| event.id).collect();
    expected.sort_unstable();
    assert_eq!(ids, expected, "each once");
    for mut member in [first, second] {
        member.leave().await;
    }
}

pub(crate) async fn a_member_takes_over_from_one_that_died(views: Views) {
    let topic = unique_name();
    let mut first = views.here.subscribe(&[&topic], &topic).unwrap();
    let early = events(&topic, 1..=1);
    tokio::join!(
        publish(&*views.here, &early),
        receive_all(&mut first, early.len())
    );
    let mut second = views.there.subscribe(&[&topic], &topic).unwrap();
    // The first dies silently.
    drop(first);
    let late = events(&topic, 2..=3);
    let (_, received) = tokio::join!(
        publish(&*views.here, &late),
        receive_all(&mut second, late.len())
    );
    assert_eq!(received, late);
    second.leave().await;
}

pub(crate) async fn a_large_event_arrives_whole(views: Views) {
    let topic = unique_name();
    let mut large = Arc::unwrap_or_clone(event(&topic, "a", 1));
    large.data = serde_json::json!({ "text": "x".repeat(300_000) });
    let large = [Arc::new(large)];
    let mut group = views.there.subscribe(&[&topic], &topic).unwrap();
    let (_, received) = tokio::join!(
        publish(&*views.here, &large),
        receive_all(&mut group, large.len())
    );
    assert_eq!(received, large);
    group.leave().await;
}

/// A bus at an address where nobody answers.
pub(crate) async fn a_server_that_is_away_is_said_to_be(bus: &dyn EventBus) {
    let outcomes = bus.publish(&events("a", 1..=50)).await;
    assert_eq!(outcomes.len(), 50);
    for outcome in outcomes {
        assert!(
            matches!(outcome, Err(BusError::Unavailable(_))),
            "{outcome:?}"
        );
    }
    let mut member = bus.subscribe(&["a"], "group").unwrap();
    assert!(matches!(
        member.receive().await,
        Err(BusError::Unavailable(_))
    ));
}

/// An address where nobody answers.
pub(crate) fn nobody() -> std::net::SocketAddr {
    std::net::SocketAddr::from(([127, 0, 0, 1], 9))
}
