//! EasyPost's webhooks: repeated, shuffled, forged and unexpected.

use chrono::{TimeDelta, Timelike, Utc};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;
use returns::rules::status::ReturnStatus;
use serde_json::json;

use crate::desk::{desks, event, labelled, public, sign};
use crate::providers::tracking;

#[tokio::test]
async fn webhooks_sent_five_times_each_in_any_order_come_to_one_state() {
    const SEEDS: u32 = 200;
    let all: Vec<_> = (1..=SEEDS).map(labelled).collect();
    let orders: Vec<_> = all.iter().map(|(order, _)| order.clone()).collect();
    for mut desk in desks(&orders).await {
        let returns = (1..=SEEDS).map(|number| labelled(number).1);
        desk.fixture.store(returns.collect()).await;
        desk.work();
        let now = Utc::now();
        let at = |minutes| now - TimeDelta::minutes(minutes);
        for seed in 1..=SEEDS {
            let code = tracking(seed as usize);
            let way = [
                ("pre_transit", at(50)),
                ("in_transit", at(40)),
                ("in_transit", at(30)),
                ("out_for_delivery", at(20)),
                ("delivered", at(10)),
            ];
            let mut events = Vec::new();
            for known in 1..=way.len() {
                let id = format!("evt_{seed}_{known}");
                events.extend(vec![event(&id, &code, &way[..known]); 5]);
            }
            events.shuffle(&mut ChaCha8Rng::seed_from_u64(seed.into()));
            for event in &events {
                assert_eq!(desk.hook(event).await, 200);
            }
        }
        for (_, made) in &all {
            let row = desk
                .until_status(made.row.id, ReturnStatus::Completed)
                .await;
            assert_eq!(
                row.delivered_at.map(|at| at.timestamp()),
                Some(at(10).timestamp())
            );
        }
        let mut refunded = desk.providers.refunded();
        refunded.sort();
        refunded.dedup();
        assert_eq!(refunded.len(), SEEDS as usize);
        for event in [
            "return.carrier_scanned",
            "return.refund_issued",
            "return.completed",
        ] {
            assert_eq!(desk.count(event).await, SEEDS as usize, "{event}");
        }
        desk.stop().await;
    }
}

#[tokio::test]
async fn scans_of_an_earlier_parcel_with_the_same_number_refund_nothing() {
    let (order, _) = labelled(1);
    for mut desk in desks(&[order]).await {
        let (_, made) = labelled(1);
        let id = made.row.id;
        let registered_at = made.row.created_at;
        desk.fixture.store(vec![made]).await;
        desk.work();
        let prior = desk.row(id).await;
        let before = |days| registered_at - TimeDelta::days(days);
        let way = [("in_transit", before(580)), ("delivered", before(577))];
        let mut earlier = event("evt_1", &tracking(1), &way);
        // When EasyPost last looked at the number.
        earlier["result"]["updated_at"] = json!(Utc::now());
        assert_eq!(desk.hook(&earlier).await, 200);
        assert_eq!(desk.row(id).await, prior);
        assert_eq!(desk.published().await, []);
        // The return's own parcel is scanned, and the history still has the earlier one.
        let scanned_at = registered_at + TimeDelta::hours(20);
        let both = [way[0], way[1], ("in_transit", scanned_at)];
        assert_eq!(desk.hook(&event("evt_2", &tracking(1), &both)).await, 200);
        let row = desk.until_status(id, ReturnStatus::RefundIssued).await;
        assert_eq!(
            (row.carrier_scanned_at, row.delivered_at),
            (Some(scanned_at), None)
        );
        assert_eq!(desk.providers.refunded().len(), 1);
        desk.stop().await;
    }
}

#[tokio::test]
async fn a_number_may_be_written_in_small_letters_and_with_spaces() {
    let (order, _) = labelled(1);
    for mut desk in desks(&[order]).await {
        let (_, mut made) = labelled(1);
        let id = made.row.id;
        made.row.tracking_number = Some("1Z999AA10123456784".to_owned());
        desk.fixture.store(vec![made]).await;
        desk.work();
        let scan = event(
            "evt_1",
            "1z999 aa1 0123456784",
            &[("in_transit", Utc::now())],
        );
        assert_eq!(desk.hook(&scan).await, 200);
        desk.until_status(id, ReturnStatus::RefundIssued).await;
        desk.stop().await;
    }
}

#[tokio::test]
async fn a_status_may_be_in_capitals_and_an_unknown_one_is_noted_and_ignored() {
    let (order, _) = labelled(1);
    for mut desk in desks(&[order]).await {
        let (_, made) = labelled(1);
        let id = made.row.id;
        desk.fixture.store(vec![made]).await;
        desk.work();
        let prior = desk.row(id).await;
        let unknown = event("evt_1", &tracking(1), &[("accepted", Utc::now())]);
        assert_eq!(desk.hook(&unknown).await, 200);
        assert_eq!(desk.row(id).await, prior);
        let noted = &desk.fixture.state.unknown_statuses;
        assert!(!noted.is_new("accepted".to_owned()));
        let scan = event("evt_2", &tracking(1), &[("IN_TRANSIT", Utc::now())]);
        assert_eq!(desk.hook(&scan).await, 200);
        desk.until_status(id, ReturnStatus::RefundIssued).await;
        assert!(noted.is_new("in_transit".to_owned()), "it is known");
        desk.stop().await;
    }
}

#[tokio::test]
async fn what_easypost_did_not_sign_has_no_effect() {
    let (order, _) = labelled(1);
    for desk in desks(&[order]).await {
        let (_, made) = labelled(1);
        let id = made.row.id;
        desk.fixture.store(vec![made]).await;
        let prior = desk.row(id).await;
        let body = event("evt_1", &tracking(1), &[("in_transit", Utc::now())]).to_string();
        let other = event("evt_2", &tracking(2), &[("in_transit", Utc::now())]).to_string();
        let secret = "whsec_easypost";
        for signature in [
            None,
            Some(String::new()),
            Some(sign("another secret", &body)),
            Some(sign(secret, &other)),
            Some(sign(secret, &body).replace("hmac-sha256-hex=", "")),
            Some(sign(secret, &body).replace('=', "=00")),
        ] {
            let status = desk.post(signature.as_deref(), body.clone()).await;
            assert_eq!(status, 401, "{signature:?}");
        }
        for nonsense in [
            "",
            "{",
            "[]",
            r#"{"id":"evt_3","description":"tracker.updated","result":{}}"#,
        ] {
            let signature = sign(secret, nonsense);
            let status = desk.post(Some(&signature), nonsense.to_owned()).await;
            assert_eq!(status, 400, "{nonsense}");
        }
        let unknown = event(
            "evt_4",
            "9400100000000000000000",
            &[("delivered", Utc::now())],
        );
        assert_eq!(desk.hook(&unknown).await, 200);
        let batch = json!({"id": "evt_5", "description": "batch.created", "result": {}});
        assert_eq!(desk.hook(&batch).await, 200);
        assert_eq!(desk.row(id).await, prior);
        assert_eq!(desk.published().await, []);
        desk.stop().await;
    }
}

#[tokio::test]
async fn a_late_scan_goes_on_from_manual_review_and_says_that_it_is_late() {
    let (order, _) = labelled(1);
    for mut desk in desks(&[order]).await {
        let (_, mut made) = labelled(1);
        let id = made.row.id;
        made.row.status = ReturnStatus::ManualReview;
        desk.fixture.store(vec![made]).await;
        desk.work();
        let scan = event("evt_1", &tracking(1), &[("in_transit", Utc::now())]);
        assert_eq!(desk.hook(&scan).await, 200);
        desk.until_status(id, ReturnStatus::RefundIssued).await;
        let published = desk.published().await;
        assert_eq!(published[0].0, "return.carrier_scanned");
        assert_eq!(published[0].1["late"], true);
        desk.stop().await;
    }
}

#[tokio::test]
async fn a_scan_of_a_cancelled_return_refunds_nothing_and_is_reported_to_support_once() {
    let (order, _) = labelled(1);
    for mut desk in desks(&[order]).await {
        let (_, mut made) = labelled(1);
        let id = made.row.id;
        made.row.status = ReturnStatus::Cancelled;
        // Already voided; otherwise reconciliation, which starts at once, would call EasyPost.
        made.row.label_voided_at = Some(Utc::now());
        desk.fixture.store(vec![made]).await;
        desk.work();
        for (number, status) in ["in_transit", "out_for_delivery", "delivered"]
            .iter()
            .enumerate()
        {
            let scan = event(
                &format!("evt_{number}"),
                &tracking(1),
                &[(status, Utc::now())],
            );
            assert_eq!(desk.hook(&scan).await, 200);
        }
        let row = desk.row(id).await;
        assert_eq!(row.status.as_str(), "cancelled");
        assert!(row.carrier_scanned_at.is_some() && row.delivered_at.is_some());
        let published = desk.published().await;
        let [(name, data)] = &published[..] else {
            panic!("{published:?}")
        };
        assert_eq!(name, "return.support_alert");
        assert_eq!(data["returnId"], public(id));
        assert_eq!(data["reason"], "scanned_after_cancellation");
        assert_eq!(desk.providers.refunded(), []);
        desk.stop().await;
    }
}

#[tokio::test]
async fn a_package_sent_back_to_the_customer_before_any_scan_is_reviewed_and_refunds_nothing() {
    let (order, _) = labelled(1);
    for mut desk in desks(&[order]).await {
        let (_, made) = labelled(1);
        let id = made.row.id;
        desk.fixture.store(vec![made]).await;
        desk.work();
        let at = |minutes| Utc::now() - TimeDelta::minutes(minutes);
        let way = [("return_to_sender", at(9)), ("delivered", at(5))];
        for known in 1..=way.len() {
            let event = event(&format!("evt_{known}"), &tracking(1), &way[..known]);
            assert_eq!(desk.hook(&event).await, 200);
        }
        // A delivery to the customer, reported separately, of a parcel known to have been turned back.
        let door = event("evt_3", &tracking(1), &[("delivered", at(4))]);
        assert_eq!(desk.hook(&door).await, 200);
        let row = desk.row(id).await;
        assert_eq!(row.status.as_str(), "manual_review");
        assert_eq!((row.carrier_scanned_at, row.delivered_at), (None, None));
        let published = desk.published().await;
        let [(name, data)] = &published[..] else {
            panic!("{published:?}")
        };
        assert_eq!(name, "return.manual_review");
        assert_eq!(data["reason"], "returned_to_customer");
        assert_eq!(desk.providers.refunded(), []);
        desk.stop().await;
    }
}

#[tokio::test]
async fn a_package_sent_back_to_the_customer_after_the_refund_is_reviewed_and_not_restocked() {
    let (order, _) = labelled(1);
    for mut desk in desks(&[order]).await {
        let (_, made) = labelled(1);
        let id = made.row.id;
        desk.fixture.store(vec![made]).await;
        desk.work();
        let at = |minutes| Utc::now() - TimeDelta::minutes(minutes);
        let way = [
            ("in_transit", at(20)),
            ("return_to_sender", at(9)),
            ("delivered", at(5)),
        ];
        let scanned = event("evt_1", &tracking(1), &way[..1]);
        assert_eq!(desk.hook(&scanned).await, 200);
        desk.until_status(id, ReturnStatus::RefundIssued).await;
        // Its whole history at once, as in a tracker.
        let back = event("evt_2", &tracking(1), &way);
        assert_eq!(desk.hook(&back).await, 200);
        let again = event("evt_3", &tracking(1), &way);
        assert_eq!(desk.hook(&again).await, 200);
        let row = desk.row(id).await;
        assert_eq!(row.status.as_str(), "manual_review");
        assert_eq!(row.delivered_at, None);
        assert_eq!(desk.count("return.manual_review").await, 1);
        assert_eq!(desk.count("return.completed").await, 0);
        assert_eq!(desk.providers.refunded().len(), 1);
        desk.stop().await;
    }
}

#[tokio::test]
async fn a_scan_that_cannot_be_read_costs_itself() {
    let (order, _) = labelled(1);
    for mut desk in desks(&[order]).await {
        let (_, made) = labelled(1);
        let id = made.row.id;
        desk.fixture.store(vec![made]).await;
        desk.work();
        let mut odd = event("evt_1", &tracking(1), &[("in_transit", Utc::now())]);
        let result = &mut odd["result"];
        result["updated_at"] = json!("2025-10-03");
        result["est_delivery_date"] = json!(7);
        let readable = result["tracking_details"][0].clone();
        result["tracking_details"] = json!([
            null, "lost", {"status": 5, "datetime": null}, readable,
        ]);
        assert_eq!(desk.hook(&odd).await, 200);
        desk.until_status(id, ReturnStatus::RefundIssued).await;
        let nothing = json!({"id": 7, "description": "tracker.updated",
            "result": {"tracking_code": tracking(1), "tracking_details": null, "status": null}});
        assert_eq!(desk.hook(&nothing).await, 200);
        desk.stop().await;
    }
}

#[tokio::test]
async fn a_package_sent_back_to_the_customer_is_not_refunded_whatever_the_scans_times_look_like() {
    let times = ["08:00:00", "08:00", "8 in the morning"];
    let numbers = 1..=u32::try_from(times.len()).unwrap();
    let all: Vec<_> = numbers.clone().map(labelled).collect();
    let orders: Vec<_> = all.iter().map(|(order, _)| order.clone()).collect();
    for mut desk in desks(&orders).await {
        let returns = numbers.clone().map(|number| labelled(number).1);
        desk.fixture.store(returns.collect()).await;
        desk.work();
        let day = (Utc::now() - TimeDelta::days(1)).date_naive();
        for ((number, (_, made)), time) in (1..).zip(&all).zip(times) {
            let at = day.and_hms_opt(9, 0, 0).unwrap().and_utc();
            let id = format!("evt_{number}");
            let mut back = event(&id, &tracking(number), &[("delivered", at)]);
            let details = &mut back["result"]["tracking_details"];
            let turn = json!({"status": "return_to_sender", "datetime": format!("{day}T{time}")});
            *details = json!([turn, details[0]]);
            assert_eq!(desk.hook(&back).await, 200);
            let row = desk.row(made.row.id).await;
            assert_eq!(row.status, ReturnStatus::ManualReview, "{time}");
            assert_eq!((row.carrier_scanned_at, row.delivered_at), (None, None));
        }
        assert_eq!(desk.providers.refunded(), []);
        desk.stop().await;
    }
}

#[tokio::test]
async fn a_scan_without_an_offset_or_of_a_day_alone_counts() {
    let all: Vec<_> = (1..=4).map(labelled).collect();
    let orders: Vec<_> = all.iter().map(|(order, _)| order.clone()).collect();
    for mut desk in desks(&orders).await {
        let returns = (1..=4).map(|number| labelled(number).1);
        desk.fixture.store(returns.collect()).await;
        desk.work();
        let day = (Utc::now() - TimeDelta::days(1)).date_naive();
        let newark = json!({"city": "NEWARK", "state": "NJ", "country": "US", "zip": "07101"});
        for (number, datetime, status, place, scanned_at) in [
            (
                1,
                json!(format!("{day}T08:00:00")),
                json!(null),
                json!(null),
                Some("08:00"),
            ),
            (
                2,
                json!(format!("{day}")),
                json!("unknown"),
                json!(null),
                Some("00:00"),
            ),
            (3, json!(format!("{day} 08:00")), json!(null), newark, None),
            (4, json!(null), json!(null), json!(null), None),
        ] {
            let code = tracking(number);
            let mut scan = event(
                &format!("evt_{number}"),
                &code,
                &[("in_transit", Utc::now())],
            );
            let result = &mut scan["result"];
            result["status"] = status;
            result["tracking_details"] =
                json!([{"status": "in_transit", "datetime": datetime, "tracking_location": place}]);
            assert_eq!(desk.hook(&scan).await, 200);
            let id = all[number - 1].1.row.id;
            let row = desk.until_status(id, ReturnStatus::RefundIssued).await;
            let scanned = row.carrier_scanned_at.unwrap();
            match scanned_at {
                Some(time) => {
                    assert_eq!(scanned.format("%F %R").to_string(), format!("{day} {time}"))
                }
                // Eight in the morning in Newark is noon or one o'clock.
                None if number == 3 => assert!((12..=13).contains(&scanned.hour()), "{scanned}"),
                None => assert!(scanned > Utc::now() - TimeDelta::hours(1), "{scanned}"),
            }
        }
        desk.stop().await;
    }
}

#[tokio::test]
async fn a_tracker_of_which_nothing_can_be_read_is_refused_so_that_it_is_sent_again() {
    let (order, _) = labelled(1);
    for desk in desks(&[order]).await {
        let mut odd = event("evt_1", &tracking(1), &[("in_transit", Utc::now())]);
        for (status, details) in [
            (
                json!(null),
                json!([{"status": null, "datetime": "2025-10-03T08:00:00Z"}]),
            ),
            (json!(7), json!([])),
            (json!(null), json!("lost")),
        ] {
            odd["result"]["status"] = status;
            odd["result"]["tracking_details"] = details;
            assert_eq!(desk.hook(&odd).await, 400, "{odd}");
        }
        odd["result"]["status"] = json!(null);
        odd["result"]["tracking_details"] = json!([]);
        assert_eq!(desk.hook(&odd).await, 200, "there is nothing to read");
        desk.stop().await;
    }
}
