//! Rows written by a newer version, with values unknown to this one: reading them gives a coded error, work on other
//! rows continues, and nothing is lost.

use chrono::Duration;
use entities::tracking::shipment;
use resolvers::id::IdKind;
use resolvers::testing::code;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;
use tracking::{Carrier, TrackingConfig, flag_overdue, poll};

use crate::carrier::Dhl;
use crate::fixture::{Fixture, fixtures};

const MOVING: [&str; 4] = ["transit", "In transit", "Newark NJ", "2025-10-03T14:02:00Z"];

/// The parcel as if written by another version.
async fn set_status(fixture: &Fixture, parcel: &shipment::Model, status: &str) {
    shipment::Entity::update_many()
        .col_expr(shipment::Column::Status, Expr::value(status))
        .filter(shipment::Column::Id.eq(parcel.id))
        .exec(fixture.state.database.write())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_parcel_with_an_unknown_status_is_an_error_and_holds_up_no_other() {
    for mut fixture in fixtures().await {
        let dhl = Dhl::of(&mut fixture, TrackingConfig::default()).await;
        let (foreign, other) = (fixture.ship().await, fixture.ship().await);
        for parcel in [&foreign, &other] {
            dhl.tells(&parcel.tracking_number, &[MOVING]);
        }
        set_status(&fixture, &foreign, "teleported").await;

        let name = &fixture.scratch.name;
        assert_eq!(
            poll(&fixture.state, Carrier::Dhl).await.unwrap(),
            1,
            "{name}"
        );
        assert_eq!(fixture.shipment(&other).await["status"], "IN_TRANSIT");
        fixture.state.clock.advance(Duration::days(60));
        flag_overdue(&fixture.state).await.unwrap();

        let shipment = "query($id: ID!) { shipment(id: $id) { status } }";
        let variables = json!({ "id": IdKind::Shipment.format(foreign.id) });
        let answer = fixture.ask(shipment, variables).await;
        assert_eq!(code(&answer), "INTERNAL", "{answer}");
        assert!(!answer.to_string().contains("teleported"), "{answer}");
        let mut watch = fixture.watch(foreign.order_id);
        assert_eq!(watch.last_error().await, "INTERNAL");

        // The version that knows the status finds the parcel unchanged.
        set_status(&fixture, &foreign, "label_created").await;
        let found = fixture.shipment(&foreign).await;
        assert_eq!(found["status"], "LABEL_CREATED");
        fixture.scratch.drop().await;
    }
}
