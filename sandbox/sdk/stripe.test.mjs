// The sandbox's Stripe, tested with Stripe's own SDK.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import Stripe from "stripe";
import { base, control, receiver, reset } from "./hooks.mjs";

const { hostname, port } = new URL(base);
const client = (options) =>
  new Stripe("sk_test_sandbox", { host: hostname, port, protocol: "http", telemetry: false, ...options });
const stripe = client({ maxNetworkRetries: 0 });

const pay = (amount, card = "pm_card_visa", options) =>
  stripe.paymentIntents.create(
    { amount, currency: "eur", confirm: true, payment_method: card, metadata: { order: "ord_1" } },
    options,
  );

beforeEach(reset);

test("a payment is made, looked at and refunded in parts", async () => {
  const intent = await pay(1999);
  assert.equal(intent.status, "succeeded");
  const found = await stripe.paymentIntents.retrieve(intent.id, { expand: ["latest_charge"] });
  assert.equal(found.latest_charge.payment_method_details.card.last4, "4242");
  assert.match(found.lastResponse.requestId, /^req_/);

  const first = await stripe.refunds.create({ payment_intent: intent.id, amount: 999, reason: "requested_by_customer" });
  assert.equal(first.status, "succeeded");
  await stripe.refunds.create({ payment_intent: intent.id });
  await assert.rejects(stripe.refunds.create({ payment_intent: intent.id }), {
    type: "StripeInvalidRequestError",
    code: "charge_already_refunded",
  });
  const amounts = [];
  for await (const refund of stripe.refunds.list({ payment_intent: intent.id, limit: 1 })) amounts.push(refund.amount);
  assert.deepEqual(amounts, [1000, 999]);
});

test("a declined card is a card error, and a wrong key is refused", async () => {
  await assert.rejects(pay(500, "pm_card_chargeDeclinedInsufficientFunds"), {
    type: "StripeCardError",
    decline_code: "insufficient_funds",
  });
  const stranger = new Stripe("pk_wrong", { host: hostname, port, protocol: "http" });
  await assert.rejects(stranger.refunds.list(), { type: "StripeAuthenticationError" });
});

test("a key has one effect, and another request with it is an idempotency error", async () => {
  const options = { idempotencyKey: "order-1" };
  const first = await pay(500, "pm_card_visa", options);
  const again = await pay(500, "pm_card_visa", options);
  assert.equal(again.id, first.id);
  assert.equal(again.lastResponse.headers["idempotent-replayed"], "true");
  await assert.rejects(pay(501, "pm_card_visa", options), { type: "StripeIdempotencyError" });
});

test("the SDK's retries after lost answers pay once", async () => {
  await control("/_control/faults", {
    provider: "stripe", method: "POST", next: 2, effect: { kind: "status", status: 500, moment: "after" },
  });
  const intent = await client({ maxNetworkRetries: 3 }).paymentIntents.create({
    amount: 500, currency: "usd", confirm: true, payment_method: "pm_card_visa",
  });
  assert.equal(intent.status, "succeeded");
  assert.equal((await stripe.paymentIntents.list()).data.length, 1);
});

test("webhooks pass the SDK's check, and forged ones do not", async () => {
  const hooks = await receiver();
  const endpoint = await stripe.webhookEndpoints.create({ url: hooks.url, enabled_events: ["payment_intent.succeeded"] });
  const intent = await pay(500);
  const [hook] = await hooks.waitFor(1);
  const signature = hook.headers["stripe-signature"];
  const event = stripe.webhooks.constructEvent(hook.body, signature, endpoint.secret);
  assert.equal(event.type, "payment_intent.succeeded");
  assert.equal(event.data.object.id, intent.id);
  assert.deepEqual((await stripe.events.retrieve(event.id)).data.object.id, intent.id);
  const forged = Buffer.from(hook.body.toString().replace("500", "501"));
  assert.throws(() => stripe.webhooks.constructEvent(forged, signature, endpoint.secret), {
    type: "StripeSignatureVerificationError",
  });
  await stripe.webhookEndpoints.del(endpoint.id);
  await hooks.close();
});

test("intents are captured by hand and cancelled", async () => {
  const held = await stripe.paymentIntents.create({
    amount: 900, currency: "usd", confirm: true, payment_method: "pm_card_visa", capture_method: "manual",
  });
  assert.equal((await stripe.paymentIntents.capture(held.id, { amount_to_capture: 700 })).amount_received, 700);
  const open = await stripe.paymentIntents.create({ amount: 900, currency: "usd" });
  assert.equal((await stripe.paymentIntents.cancel(open.id)).status, "canceled");
  const method = await stripe.paymentMethods.create({
    type: "card", card: { number: "4242424242424242", exp_month: 8, exp_year: 2030, cvc: "314" },
  });
  assert.equal(method.card.brand, "visa");
});
