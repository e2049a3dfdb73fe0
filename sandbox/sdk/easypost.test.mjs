// The sandbox's EasyPost, tested with EasyPost's own SDK.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import EasyPost from "@easypost/api";
import { base, control, receiver, reset } from "./hooks.mjs";

const client = new EasyPost("EZTK", { baseUrl: `${base}/v2/` });
const SECRET = "s3cret";

const shipment = () =>
  client.Shipment.create({
    from_address: { name: "Demo Customer", street1: "417 Montgomery St", city: "Brooklyn", state: "NY", zip: "11225", country: "US" },
    to_address: { company: "Vantage Commerce Returns Center", street1: "500 Warehouse Drive", city: "Louisville", state: "KY", zip: "40218", country: "US" },
    parcel: { length: 20.2, width: 10.9, height: 5, weight: 40 },
    options: { label_format: "PDF", label_size: "4x6" },
    is_return: true,
  });

const buy = async () => {
  const created = await shipment();
  return client.Shipment.buy(created.id, created.lowestRate(["USPS"]));
};

beforeEach(reset);

test("a shipment is rated, bought and printed", async () => {
  const bought = await buy();
  assert.equal(bought.selected_rate.service, "GroundAdvantage");
  assert.equal(bought.tracker.status, "pre_transit");
  const label = Buffer.from(await (await fetch(bought.postage_label.label_url)).arrayBuffer());
  assert.equal(label.subarray(0, 5).toString(), "%PDF-");
  const converted = await client.Shipment.convertLabelFormat(bought.id, "PDF");
  assert.equal(converted.postage_label.label_pdf_url, bought.postage_label.label_url);
  const found = await client.Shipment.retrieve(bought.id);
  assert.equal(found.tracking_code, bought.tracking_code);
});

test("shipments are listed by pages", async () => {
  for (let made = 0; made < 3; made += 1) await shipment();
  const page = await client.Shipment.all({ page_size: 2 });
  assert.equal(page.shipments.length, 2);
  assert.equal(page.has_more, true);
  const next = await client.Shipment.getNextPage(page, 2);
  assert.equal(next.shipments.length, 1);
});

test("an unused label is refunded", async () => {
  const bought = await buy();
  assert.equal((await client.Shipment.refund(bought.id)).refund_status, "submitted");
  const other = await buy();
  const [refund] = await client.Refund.create({ carrier: "USPS", tracking_codes: [other.tracking_code] });
  assert.equal(refund.tracking_code, other.tracking_code);
  assert.equal((await client.Refund.retrieve(refund.id)).id, refund.id);
});

test("a scan arrives as a webhook that passes the SDK's check", async () => {
  const hooks = await receiver();
  const hook = await client.Webhook.create({ url: hooks.url, webhook_secret: SECRET });
  assert.equal((await client.Webhook.all()).webhooks.length, 1);
  const bought = await buy();
  await control(`/_control/shipments/${bought.tracking_code}/scan`, { kind: "pickup" });
  const [created, scanned] = await hooks.waitFor(2);
  assert.equal(client.Utils.validateWebhook(created.body, created.headers, SECRET).description, "tracker.created");
  const event = client.Utils.validateWebhook(scanned.body, scanned.headers, SECRET);
  assert.equal(event.description, "tracker.updated");
  assert.equal(event.result.status, "in_transit");
  assert.throws(() => client.Utils.validateWebhook(scanned.body, scanned.headers, "another"));
  const tracker = await client.Tracker.retrieve(bought.tracker.id);
  assert.equal(tracker.tracking_details.length, 2);
  await client.Webhook.update(hook.id, { webhook_secret: "another" });
  await client.Webhook.delete(hook.id);
  await hooks.close();
});

test("refusals and faults are the SDK's own errors", async () => {
  await assert.rejects(client.Shipment.retrieve("shp_missing"), { statusCode: 404, code: "NOT_FOUND" });
  await assert.rejects(client.Shipment.create({ parcel: { weight: 1 } }), { statusCode: 422, code: "PARAMETER.REQUIRED" });
  await control("/_control/faults", { provider: "easypost", next: 1, effect: { kind: "status", status: 429 } });
  await assert.rejects(shipment(), { statusCode: 429, code: "RATE_LIMITED" });
  assert.equal((await client.Tracker.create({ tracking_code: "EZ4000000004" })).status, "delivered");
});
