//! Responses in the formats of the carriers' documentation, special cases included.

/// DHL: local times in Germany, one without seconds, an event without a code, one with only a day, an offset, and
/// unused fields.
pub(super) const DHL: &str = r#"{
  "url": "/shipments?trackingNumber=00340434161094022115&offset=0&limit=5", "firstUrl": null,
  "shipments": [{
    "id": "00340434161094022115", "service": "parcel-de", "returnFlag": false,
    "origin": {"address": {"countryCode": "DE"}},
    "destination": {"address": {"countryCode": "DE", "postalCode": "53113", "addressLocality": "Bonn"}},
    "status": {"timestamp": "2025-10-03T14:02:00", "statusCode": "transit", "status": "transit",
      "location": {"address": {"countryCode": "DE", "addressLocality": "Köln"}},
      "description": "Arrived at the parcel center", "nextSteps": null},
    "estimatedTimeOfDelivery": "2025-10-04", "estimatedTimeOfDeliveryRemark": "By end of day",
    "estimatedDeliveryTimeFrame": {"estimatedFrom": "2025-10-04T09:00:00", "estimatedThrough": null},
    "serviceUrl": "https://www.dhl.de/", "rerouteUrl": null,
    "details": {"product": {"productName": "DHL Paket"}, "weight": {"value": 2.5, "unitText": "kg"},
      "proofOfDelivery": {"timestamp": "none yet"}, "totalNumberOfPieces": 1, "references": null},
    "events": [
      {"timestamp": "2025-10-03T14:02:00", "statusCode": "transit", "status": "transit",
        "location": {"address": {"countryCode": "DE", "addressLocality": "Köln"}},
        "description": "Arrived at the parcel center", "pieceIds": ["1", 2]},
      {"timestamp": "2025-10-03T06:00", "location": {"address": {"countryCode": "DE", "postalCode": "10115"}},
        "description": "The shipment has been processed in the parcel center of origin"},
      {"timestamp": "2025-10-02T20:15:00+02:00", "statusCode": "transit", "location": null,
        "description": "Shipment picked up"},
      {"timestamp": "2025-10-01", "statusCode": "pre-transit",
        "location": {"address": {"countryCode": "DE"}}, "description": null}
    ]
  }]}"#;

/// FedEx: scans with and without offsets, a derived status less specific than the event, a lone event type.
pub(super) const FEDEX: &str = r#"{
  "transactionId": "624deea6-b709-470c-8c39-4b5511281492", "customerTransactionId": null,
  "output": {"alerts": "none", "completeTrackResults": [{"trackingNumber": "794612345678", "trackResults": [{
    "trackingNumberInfo": {"trackingNumber": "794612345678", "trackingNumberUniqueId": "12029~794612345678~FDEG",
      "carrierCode": "FDXG"},
    "additionalTrackingInfo": {"nickname": "", "packageIdentifiers": [], "hasAssociatedShipments": false},
    "shipperInformation": {"address": {"city": "CHICAGO", "stateOrProvinceCode": "IL", "countryCode": "US"}},
    "recipientInformation": {"address": {"city": "BROOKLYN", "stateOrProvinceCode": "NY", "countryCode": "US"}},
    "latestStatusDetail": {"code": "OD", "derivedCode": "IT", "statusByLocale": "On the way",
      "description": "On FedEx vehicle for delivery", "ancillaryDetails": [],
      "scanLocation": {"city": "BROOKLYN", "stateOrProvinceCode": "NY", "countryCode": "US"}},
    "dateAndTimes": [{"type": "ACTUAL_PICKUP", "dateTime": "2025-10-01T00:00:00"},
      {"type": "SHIP", "dateTime": "2025-10-01"}, {"type": "COMMITMENT", "dateTime": null},
      {"type": "ESTIMATED_DELIVERY", "dateTime": "2025-10-03T20:00:00"}],
    "packageDetails": {"packagingDescription": {"type": "YOUR_PACKAGING"}, "count": "1", "weightAndDimensions": {}},
    "specialHandlings": [], "deliveryDetails": {"deliveryAttempts": "0"},
    "scanEvents": [
      {"date": "2025-10-03T08:10:00", "eventType": "OD", "eventDescription": "On FedEx vehicle for delivery",
        "exceptionCode": "", "exceptionDescription": "", "derivedStatus": "In transit", "derivedStatusCode": "IT",
        "scanLocation": {"streetLines": [""], "city": "BROOKLYN", "stateOrProvinceCode": "NY",
          "postalCode": "11201", "countryCode": "US", "residential": false}, "locationType": "VEHICLE"},
      {"date": "2025-10-02T23:40:00-05:00", "eventType": "DP", "eventDescription": "Departed FedEx hub",
        "derivedStatusCode": null, "scanLocation": {"city": "MEMPHIS", "stateOrProvinceCode": "TN"}},
      {"date": "2025-10-01T17:30:00-05:00", "eventType": "PU", "eventDescription": "Picked up",
        "derivedStatus": "Picked up", "derivedStatusCode": "PU", "scanLocation": null,
        "delayDetail": {"status": 5}},
      {"date": "2025-10-01T09:00:00", "eventDescription": "Label created", "scanLocation": {}}
    ], "availableImages": null, "serviceDetail": {"type": "FEDEX_GROUND"}
  }]}]}}"#;

/// UPS: both `code` and `statusCode`; local times with an offset, with only a zone, and with neither.
pub(super) const UPS: &str = r#"{
  "trackResponse": {"shipment": [{"inquiryNumber": "1Z999AA10123456784", "userRelation": ["MYCHOICE_HOME"],
    "package": [{"trackingNumber": "1Z999AA10123456784", "packageCount": 1,
      "currentStatus": {"type": "I", "code": "021", "description": "Out for Delivery Today",
        "statusCode": "OT", "simplifiedTextDescription": "Out for Delivery"},
      "statusCode": "021", "statusDescription": "Out for Delivery Today",
      "deliveryDate": [{"type": "SDD", "date": "20251003"}, {"type": "RDD", "date": "20251004"}],
      "deliveryTime": {"type": "EDW", "startTime": "141500", "endTime": "181500"},
      "packageAddress": [{"type": "ORIGIN", "address": {"city": "LOUISVILLE", "countryCode": "US"}},
        {"type": "DESTINATION", "address": {"city": "OAKLAND", "stateProvince": "CA", "countryCode": "US"}}],
      "milestones": [{"category": "MAIN", "current": true}], "weight": {"weight": "1.2"}, "referenceNumber": null,
      "activity": [
        {"location": {"address": {"city": "OAKLAND", "stateProvince": "CA", "countryCode": "US"}, "slic": "9431"},
          "status": {"type": "I", "code": "OT", "statusCode": "021", "description": "Out For Delivery Today"},
          "date": "20251003", "time": "093000", "gmtOffset": "-07:00"},
        {"location": {"address": {"city": "OAKLAND", "stateProvince": "CA", "country": "US"}},
          "status": {"type": "I", "code": "AR", "statusCode": "005", "description": "Arrived at Facility"},
          "date": "20251003", "time": "070000", "gmtDate": "20251003", "gmtTime": "14:00:00",
          "gmtOffset": "-07:00"},
        {"location": {"address": {"city": "OAKLAND", "stateProvince": "CA"}},
          "status": {"type": "I", "code": "DP", "description": "Departed from Facility"},
          "date": "20251002", "time": "223000", "gmtDate": null, "gmtTime": "", "gmtOffset": null},
        {"location": null, "status": {"type": "M", "code": "MP", "statusCode": "003", "description": ""},
          "date": 20251001, "time": 93000}
      ]}]}]}}"#;

/// EasyPost: its own account name, unordered details, one without a place.
pub(super) const EASYPOST: &str = r#"{
  "id": "evt_1", "object": "Event", "description": "tracker.updated", "mode": "production",
  "previous_attributes": {"status": "in_transit"}, "pending_urls": [], "completed_urls": null,
  "result": {"id": "trk_1", "object": "Tracker", "tracking_code": "1Z999AA10123456784", "carrier": "UPSDAP",
    "status": "out_for_delivery", "status_detail": "out_for_delivery", "signed_by": null, "weight": "17.6",
    "est_delivery_date": "2025-10-03T20:00:00Z", "updated_at": "2025-10-03T16:31:00Z", "shipment_id": null,
    "public_url": "https://track.easypost.com/x", "is_return": false, "finalized": false, "fees": [],
    "carrier_detail": {"object": "CarrierDetail", "service": "Ground", "est_delivery_date_local": "2025-10-03"},
    "tracking_details": [
      {"object": "TrackingDetail", "message": "Label created", "status": "pre_transit", "source": "UPS",
        "status_detail": "status_update", "datetime": "2025-10-01T16:30:00Z", "carrier_code": "MP",
        "tracking_location": {"city": null, "state": null, "country": "US", "zip": null}},
      {"object": "TrackingDetail", "message": "Out for Delivery", "status": "out_for_delivery",
        "status_detail": "out_for_delivery", "datetime": "2025-10-03T16:30:00Z", "tracking_location": {
          "city": "OAKLAND", "state": "CA", "country": "US", "zip": "94601"}},
      {"object": "TrackingDetail", "message": "Arrived", "status": "in_transit", "description": null,
        "status_detail": "arrived_at_facility", "datetime": "2025-10-03T07:00:00", "tracking_location": {
          "city": "OAKLAND", "state": "CA", "country": null, "zip": null}},
      {"object": "TrackingDetail", "message": "Origin scan", "status": "in_transit",
        "datetime": "2025-10-01T23:00:00Z", "tracking_location": null}
    ]}}"#;
